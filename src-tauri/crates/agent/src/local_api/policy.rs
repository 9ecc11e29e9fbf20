//! `/v1/policy…`: what is in force, and what became of it when it changed. The engine is the policy room's.

use std::time::Duration;

use dagpass_client::wire::{BreakGlassAsk, BreakGlassReply, PolicyLayer, PolicyReply, PolicyText};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::engine::Authorizer as _;
use dagpass_core::request::{Caller, Transport};

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::policy::{self, Glass, News};
use crate::system;

pub(super) fn show(api: &Api) -> Reply {
    let shown = api.policy.shown();
    let layers = api.policy.layers();
    reply::json(&PolicyReply {
        state: shown.state.to_owned(),
        digest: shown.digest.map(|digest| digest.to_string()),
        problems: shown.problems,
        layers: layers
            .iter()
            .map(|layer| PolicyLayer {
                name: layer.name.clone(),
                texts: layer
                    .sources
                    .iter()
                    .map(|one| PolicyText { file: one.file.clone(), text: one.text.clone() })
                    .collect(),
            })
            .collect(),
        path: api
            .policy
            .path(&api.config.current().policy, api.config.path())
            .display()
            .to_string(),
    })
}

/// How long is a person's own policy switched off?
const GLASS: Duration = Duration::from_secs(3600);
/// How long may the reason be?
const LONGEST_REASON: usize = 500;

/// Switches the person's and the repositories' policies off for an hour, or on again. The machine's stays.
pub(super) fn break_glass(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let BreakGlassAsk { reason } = asked.parse()?;
    let now = api.clock.now();
    let wrong = |what: &str| Refusal::new(ErrorCode::InvalidRequest, what);
    let Some(reason) = reason else {
        api.tell_glass(asked.caller(), "the person's own policy is switched on again")?;
        api.policy.engine.break_glass(None);
        api.changed();
        return Ok(reply::json(&BreakGlassReply { until: None }));
    };
    let reason = reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(wrong("say why, in 500 characters at most"));
    }
    if !api.policy.engine.is_in_force() {
        return Err(wrong("there is no policy to switch off"));
    }
    let until = now.plus(GLASS);
    let what = format!("the person's own policy is switched off for an hour: {reason}");
    api.tell_glass(asked.caller(), &what)?;
    tracing::warn!(reason, "the person's own policy is switched off for an hour");
    api.policy.engine.break_glass(Some(Glass { reason, until }));
    api.changed();
    Ok(reply::json(&BreakGlassReply { until: Some(until.as_secs()) }))
}

impl Api {
    /// Takes the policy as it stands on disk now, once its change is on the record.
    pub(crate) fn adopt_policy(&self) {
        if !self.config.is_known() {
            return;
        }
        self.mend_glass();
        let config = self.config.current();
        let machines = system::machine_dir().and_then(|folder| policy::of_machine(&folder));
        let persons = self.policy.of_person(&config.policy, self.config.path());
        let wanted = machines.into_iter().chain(persons).collect();
        match self.policy.look(wanted, |news| self.tell_policy(news)) {
            Ok(true) => self.changed(),
            Ok(false) => {}
            Err(refusal) => {
                tracing::error!(%refusal, "a change of the policy is not on the record")
            }
        }
    }

    /// The hour is over.
    fn mend_glass(&self) {
        if self.policy.engine.mended(self.clock.now()) {
            tracing::info!("the person's own policy is in force again");
            let caller = Caller { transport: Transport::Agent, ..Caller::default() };
            self.tell_glass(&caller, "the person's own policy is in force again")
                .unwrap_or_else(|refusal| tracing::error!(%refusal, "not on the record"));
            self.changed();
        }
    }

    fn tell_glass(&self, caller: &Caller, what: &str) -> Result<(), Refusal> {
        let mut record = Record::new(Event::ConfigChange, Outcome::Ok, caller);
        record.reason = Some(what);
        self.witness.record(&record).map(drop).map_err(|failure| {
            Refusal::new(ErrorCode::NotRecorded, "it cannot be recorded, so it is not done")
                .because(failure.0)
                .hint("run `dagpass doctor`")
        })
    }

    fn tell_policy(&self, news: &News) -> Result<(), Refusal> {
        let (outcome, what) = match news {
            News::Wrong(problem) => {
                tracing::error!(%problem, "the policy does not load");
                (Outcome::Failed, format!("the policy does not load: {problem}"))
            }
            News::Changed { before, now } => {
                let what = match (before.as_deref(), now.as_deref()) {
                    (Some(before), Some(now)) => format!("policy {before} became {now}"),
                    (None, Some(now)) => format!("policy {now} came into force"),
                    (Some(before), None) => format!("policy {before} was taken away"),
                    (None, None) => "no policy".to_owned(),
                };
                tracing::info!(what, "policy");
                (Outcome::Ok, what)
            }
        };
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        let mut record = Record::new(Event::ConfigChange, outcome, &caller);
        record.reason = Some(&what);
        self.witness.record(&record).map(drop).map_err(|failure| {
            let what = "the policy's change cannot be recorded, so it is not taken";
            Refusal::new(ErrorCode::NotRecorded, what)
                .because(failure.0)
                .hint("run `dagpass doctor`")
        })
    }
}
