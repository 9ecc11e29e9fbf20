//! The columns: what cuts a step short, and what brings an agent up again after it. Decides nothing of
//! what must come of it.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::stage::Stage;
use super::steps::{Reached, Step};
use super::verdict::{SIGNED_OUT, says_why};
use crate::http;
use crate::wait::{until, within};
use crate::world::Process;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    Kill,
    Term,
    Restart,
    Suspend,
    HangUp,
    /// The profile changes, its client does not.
    ConfigSame,
    /// What a sign-in asks for changes: another session by the same client and the same record.
    ConfigScopes,
    /// Another client, and later the first one again.
    ConfigClient,
}

/// What a blow has left to wait for.
pub(super) enum Struck {
    Nothing,
    Restarting(Process),
}

/// How long do we look whether the machine is let sleep, or the agent ends, too early? Longer than an
/// agent that ends waits for its callers. A machine that is too slow to show it lets the fault pass, and
/// never fails what is right.
const TOO_EARLY: Duration = Duration::from_millis(800);

impl Blow {
    pub(super) const ALL: [Self; 8] = [
        Self::Kill,
        Self::Term,
        Self::Restart,
        Self::Suspend,
        Self::HangUp,
        Self::ConfigSame,
        Self::ConfigScopes,
        Self::ConfigClient,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Term => "SIGTERM",
            Self::Restart => "restart",
            Self::Suspend => "suspend",
            Self::HangUp => "hang-up",
            Self::ConfigSame => "config",
            Self::ConfigScopes => "other scopes",
            Self::ConfigClient => "other client",
        }
    }

    /// The agent that was struck is told that it ends, and ends by itself.
    pub(super) fn ends_it_kindly(self) -> bool {
        matches!(self, Self::Term | Self::Restart)
    }

    pub(super) fn strike(self, stage: &Stage, step: Step, reached: &mut Reached) -> Struck {
        match self {
            Self::Kill => stage.world.kill_agent(),
            Self::Term => {
                stage.world.signal_agent(Signal::TERM);
                begins_to_end(stage, step);
            }
            Self::Restart => {
                let restarting = stage.world.cli_start(&["agent", "restart"]);
                begins_to_end(stage, step);
                return Struck::Restarting(restarting);
            }
            Self::Suspend => fall_asleep(stage, step),
            Self::HangUp => {
                if !reached.client.is_over() {
                    reached.client.signal(Signal::HUP);
                }
                if step == Step::BrowserAway {
                    until("the sign-in's end", || (!stage.signs_in()).then_some(()));
                }
            }
            Self::ConfigSame => stage.edit(&json!({ "profile.prod.refresh-margin": "20s" })),
            Self::ConfigScopes => {
                stage.edit(&json!({ "profile.prod.scopes": ["openid", "airflow"] }));
            }
            Self::ConfigClient => stage.edit(&json!({ "profile.prod.client-id": "another" })),
        }
        Struck::Nothing
    }

    /// Afterwards an agent runs, with the config that it was struck with or one of the same client.
    pub(super) fn settle(self, stage: &Stage, struck: Struck) {
        match self {
            Self::Kill => stage.world.start_agent(),
            Self::Term => {
                stage.world.forget_agent();
                stage.world.start_agent();
            }
            Self::Restart => {
                let Struck::Restarting(mut restarting) = struck else { unreachable!() };
                let ended = restarting.ended().expect(0);
                stage.world.keep("dagpass agent restart", ended);
                stage.world.forget_agent();
            }
            Self::Suspend => wake(stage),
            Self::HangUp | Self::ConfigSame | Self::ConfigScopes => {}
            Self::ConfigClient => {
                match stage.world.token(&[]) {
                    Ok(_) => panic!("a token of the client before is served for another one"),
                    Err(refused) => says_why(&refused, SIGNED_OUT),
                }
                let client = stage.provider.client_id();
                stage.edit(&json!({ "profile.prod.client-id": client }));
            }
        }
    }
}

/// Nothing new is begun, and what is on its way is waited for; with nothing on its way it ends.
fn begins_to_end(stage: &Stage, step: Step) {
    let ask = json!({ "profile": "nobody's" }).to_string();
    let socket = stage.world.socket();
    until("that nothing new begins", || {
        let reply = http::on_socket(&socket, "POST", "/v1/token", &ask);
        let ending = reply.is_ok_and(|reply| reply.status == 503);
        (ending || stage.world.agent_is_over()).then_some(())
    });
    if step.in_flight() {
        let early = within(TOO_EARLY, || stage.world.agent_is_over().then_some(()));
        assert!(early.is_none(), "the agent ended though an answer was on its way");
    }
}

fn fall_asleep(stage: &Stage, step: Step) {
    let login1 = stage.login1.as_ref().expect("a login1 that can tell");
    login1.tell("PrepareForSleep", true);
    until("that the agent heard it", || stage.world.agent_said().contains("Sleeps").then_some(()));
    if step.in_flight() {
        let early = within(TOO_EARLY, || login1.has_let_go(0).then_some(()));
        assert!(early.is_none(), "the machine may sleep though an answer is on its way");
    }
}

fn wake(stage: &Stage) {
    let login1 = stage.login1.as_ref().expect("a login1 that can tell");
    login1.let_go(0);
    stage.world.signal_agent(Signal::STOP);
    stage.world.signal_agent(Signal::CONT);
    login1.tell("PrepareForSleep", false);
    login1.taken(2);
}

impl Stage {
    fn signs_in(&self) -> bool {
        let status = self.world.api("GET", "/v1/status", &Value::Null).json();
        status["profiles"][0]["state"] == "signing_in"
    }

    /// In the file, and in force.
    fn edit(&self, set: &Value) {
        let reply = self.world.api("POST", "/v1/config/edit", &json!({ "set": set }));
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}
