//! Thousands of interleavings of callers, clockwork, config, store, clock and people against one session.
//! Whatever happens, in whatever order: no refresh token is presented again once its answer was received,
//! never two at once, nobody else's session takes its place, and when all is well again it serves or says
//! why not. What fails is shrunk to the steps it takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tokio::task::JoinHandle;

use super::sign_in::signing_in;
use super::{narrowed, settle, unreachable};
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{Fault, World, ask, profile, serve};
use crate::ports::{StoreFailure, TokenFailure};
use crate::profile::{EndpointOverrides, Profile, Scopes};
use crate::request::{Caller, SessionKey, TokenRequest};
use crate::session::SessionState;
use crate::sign_in::Claim;

#[derive(Clone, Debug)]
enum Step {
    /// A caller asks, and is waited for later.
    Ask(Wants),
    /// Everybody who can go on goes on.
    Settle,
    Clock(i64),
    Tend {
        woke: bool,
    },
    /// The next refresh comes to this.
    Refresh(Comes),
    /// Ping does not answer until it does.
    Hangs(bool),
    Store(Store),
    LedgerFull(bool),
    /// The config is edited.
    Config(Edit),
    SignIn {
        who: &'static str,
    },
    SignOut,
    /// The agent is told to end, drains, and is started again.
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Wants {
    Token,
    Narrow(&'static str),
    Longer(u64),
    Another,
    Exchanged,
}

#[derive(Clone, Copy, Debug)]
enum Comes {
    Lost,
    Unreachable,
    Busy,
    InvalidClient,
    InvalidScope,
}

#[derive(Clone, Copy, Debug)]
enum Store {
    Well,
    RefusesSaves,
    RefusesMarks,
    Locked,
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Same,
    MoreScopes,
    OtherClient,
    OtherHost,
    Gone,
}

fn step() -> impl Strategy<Value = Step> {
    let wants = prop_oneof![
        4 => Just(Wants::Token),
        2 => prop_oneof![Just("a:read"), Just("b:read")].prop_map(Wants::Narrow),
        1 => (10u64..4000).prop_map(Wants::Longer),
        2 => Just(Wants::Another),
        1 => Just(Wants::Exchanged),
    ];
    let comes = prop_oneof![
        2 => Just(Comes::Lost),
        2 => Just(Comes::Unreachable),
        1 => Just(Comes::Busy),
        1 => Just(Comes::InvalidClient),
        1 => Just(Comes::InvalidScope),
    ];
    let store = prop_oneof![
        2 => Just(Store::Well),
        1 => Just(Store::RefusesSaves),
        1 => Just(Store::RefusesMarks),
        1 => Just(Store::Locked)
    ];
    let edit = prop_oneof![
        2 => Just(Edit::Same),
        1 => Just(Edit::MoreScopes),
        1 => Just(Edit::OtherClient),
        1 => Just(Edit::OtherHost),
        1 => Just(Edit::Gone)
    ];
    prop_oneof![
        12 => wants.prop_map(Step::Ask),
        8 => Just(Step::Settle),
        6 => prop_oneof![1i64..120, 3000i64..4000, -7200i64..0].prop_map(Step::Clock),
        4 => any::<bool>().prop_map(|woke| Step::Tend { woke }),
        4 => comes.prop_map(Step::Refresh),
        3 => any::<bool>().prop_map(Step::Hangs),
        2 => store.prop_map(Step::Store),
        1 => any::<bool>().prop_map(Step::LedgerFull),
        2 => edit.prop_map(Step::Config),
        2 => prop_oneof![2 => Just("alice"), 1 => Just("mallory")]
            .prop_map(|who| Step::SignIn { who }),
        1 => Just(Step::SignOut),
        2 => Just(Step::Restart),
    ]
}

/// The session under test, and all that goes on around it.
struct Run {
    world: World,
    broker: Broker,
    hangs: Option<tokio::sync::OwnedMutexGuard<()>>,
    callers: Vec<JoinHandle<Result<(), Refusal>>>,
    edit: Edit,
    /// A restart while the store held an older token than Ping did: nobody can help what follows.
    excused: bool,
    /// Somebody signed out, or it was another client meanwhile: anybody may sign in.
    open: bool,
    /// Somebody signed in while the config named another host: theirs may be sent there.
    elsewhere: bool,
}

impl Run {
    fn new() -> Self {
        let world = World::signed_in();
        let broker = super::broker(&world);
        Self {
            world,
            broker,
            hangs: None,
            callers: Vec::new(),
            edit: Edit::Same,
            excused: false,
            open: false,
            elsewhere: false,
        }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Ask(wants) => self.ask(*wants),
            Step::Settle => settle().await,
            Step::Clock(secs) => self.world.clock.jump(*secs),
            Step::Tend { woke } => self.tend(*woke),
            Step::Refresh(comes) => self.world.server.fail_next(fault(*comes)),
            Step::Hangs(false) => self.hangs = None,
            Step::Hangs(true) => {
                if self.hangs.is_none() {
                    self.hangs = self.world.server.gate.clone().try_lock_owned().ok();
                }
            }
            Step::Store(store) => self.store(*store),
            Step::LedgerFull(full) => *self.world.witness.full.lock().unwrap() = *full,
            Step::Config(edit) => {
                self.edit = *edit;
                self.open |= matches!(edit, Edit::OtherClient);
                configure(&self.broker, *edit);
            }
            Step::SignIn { who } => self.sign_in(who),
            Step::SignOut => self.sign_out(),
            Step::Restart => self.restart().await,
        }
    }

    fn ask(&mut self, wants: Wants) {
        let request = match wants {
            Wants::Token => ask("prod"),
            Wants::Narrow(scope) => narrowed(scope),
            Wants::Longer(secs) => {
                TokenRequest { min_ttl: Some(Duration::from_secs(secs)), ..ask("prod") }
            }
            Wants::Another => {
                let view = self.broker.session(&SessionKey::of("prod")).ok();
                let token = view.and_then(|view| view.token);
                TokenRequest { rejected: token.map(|token| token.fingerprint), ..ask("prod") }
            }
            Wants::Exchanged => {
                let mut request = ask("prod");
                request.target.obtain = crate::request::Obtain::Exchange;
                request
            }
        };
        let broker = self.broker.clone();
        self.callers.push(tokio::spawn(async move { serve(&broker, &request).await.map(drop) }));
    }

    fn tend(&mut self, woke: bool) {
        let broker = self.broker.clone();
        self.callers.push(tokio::spawn(async move {
            broker.tend(woke).await;
            Ok(())
        }));
    }

    fn store(&self, store: Store) {
        let locked = || StoreFailure::Locked("it is".to_owned());
        let fakes = &self.world.store;
        *fakes.fail_saves.lock().unwrap() = matches!(store, Store::RefusesSaves).then(locked);
        *fakes.fail_marks.lock().unwrap() = matches!(store, Store::RefusesMarks).then(locked);
        *fakes.fail_all.lock().unwrap() = matches!(store, Store::Locked).then(locked);
        self.broker.reconsider_store();
    }

    fn sign_in(&mut self, who: &'static str) {
        // A sign-in that is on its way when the config changes is given up, and revoked where it was made.
        self.elsewhere |= matches!(self.edit, Edit::OtherHost);
        who.clone_into(&mut self.world.server.signs_in.lock().unwrap());
        self.callers.push(signing_in(&self.world, &self.broker, Claim::default()));
    }

    fn sign_out(&mut self) {
        self.open = true;
        let broker = self.broker.clone();
        self.callers.push(tokio::spawn(async move {
            broker.sign_out(&SessionKey::of("prod"), &Caller::default()).await.map(drop)
        }));
    }

    /// What is under way lands and is saved, then the next agent begins with what the store has.
    async fn restart(&mut self) {
        self.hangs = None;
        for caller in self.callers.drain(..) {
            drop(caller.await);
        }
        settle().await;
        let kept = self.world.store.records.lock().unwrap().get(&SessionKey::of("prod")).cloned();
        let kept = kept.and_then(|kept| kept.refresh_token);
        self.excused |= kept.is_some_and(|token| self.world.server.is_spent(token.expose()));
        self.broker = Broker::new(self.world.ports());
        configure(&self.broker, self.edit);
        self.broker.judge_pending_sign_ins().await;
    }

    fn state(&self) -> SessionState {
        let view = self.broker.session(&SessionKey::of("prod"));
        view.map_or(SessionState::SignedOut, |view| view.state)
    }

    /// All is well again: it serves, or says why not.
    async fn is_well(&mut self) -> Result<(), TestCaseError> {
        self.hangs = None;
        self.store(Store::Well);
        *self.world.witness.full.lock().unwrap() = false;
        self.world.server.faults.lock().unwrap().clear();
        for caller in self.callers.drain(..) {
            // Nobody waits for ever, and no task of ours breaks off.
            prop_assert!(caller.await.is_ok(), "a task broke off");
        }
        self.edit = Edit::Same;
        configure(&self.broker, Edit::Same);
        for _ in 0..6 {
            self.world.clock.jump(4000);
            self.broker.tend(false).await;
            settle().await;
        }
        let before = self.state();
        let answer = serve(&self.broker, &ask("prod")).await;
        let good = stored(&before).is_some_and(|token| self.world.server.is_alive(&token));
        match (&answer, good) {
            (Ok(_), _) => {}
            (Err(refusal), alive) => {
                prop_assert_eq!(refusal.code, ErrorCode::LoginRequired, "{:?}", refusal);
                prop_assert!(!alive, "a living session does not serve: {:?}", refusal);
            }
        }
        Ok(())
    }

    fn holds(&self) -> Result<(), TestCaseError> {
        let at_once = self.world.server.most_at_once.load(Ordering::SeqCst);
        prop_assert!(at_once <= 1, "two at once");
        let again = self.world.server.presented_again();
        prop_assert!(self.excused || again.is_empty(), "presented again: {:?}", again);
        let sent_to = self.world.server.sent_to.lock().unwrap().clone();
        let strayed = sent_to.iter().any(|host| host.contains("elsewhere")) && !self.elsewhere;
        prop_assert!(!strayed, "a token followed the config: {:?}", sent_to);
        if let Some(who) = self.state().stored().and_then(|stored| stored.identity.clone()) {
            let sub = &who.subject.sub;
            prop_assert!(self.open || sub == "alice", "the session is `{}`'s now", sub);
        }
        Ok(())
    }
}

fn stored(state: &SessionState) -> Option<String> {
    let token = state.stored()?.refresh_token.as_ref()?;
    Some(token.expose().to_owned())
}

fn configure(broker: &Broker, edit: Edit) {
    let profile = match edit {
        Edit::Same => profile(),
        Edit::MoreScopes => Profile { scopes: Scopes::parse("openid more"), ..profile() },
        Edit::OtherClient => Profile { client_id: "other".into(), ..profile() },
        Edit::OtherHost => {
            let token = Some("https://elsewhere.example/token".to_owned());
            let endpoints = EndpointOverrides { token, ..EndpointOverrides::default() };
            Profile { endpoints, ..profile() }
        }
        Edit::Gone => return broker.configure([]),
    };
    broker.configure([(SessionKey::of("prod"), Arc::new(profile))]);
}

fn fault(comes: Comes) -> Fault {
    let misconfigured = |error: &str| TokenFailure::Misconfigured {
        error: error.to_owned(),
        description: String::new(),
    };
    match comes {
        Comes::Lost => Fault::LoseAnswer,
        Comes::Unreachable => Fault::Answer(unreachable(false)),
        Comes::Busy => Fault::Answer(TokenFailure::Unreachable {
            cause: "429".into(),
            sent: false,
            retry_after: Some(Duration::from_secs(30)),
        }),
        Comes::InvalidClient => Fault::Answer(misconfigured("invalid_client")),
        Comes::InvalidScope => Fault::Answer(misconfigured("invalid_scope")),
    }
}

fn played(steps: &[Step]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut run = Run::new();
        for step in steps {
            run.take(step).await;
            tokio::task::yield_now().await;
            run.holds()?;
        }
        run.is_well().await?;
        run.holds()
    })
}

proptest! {
    #![proptest_config(Config {
        // The same ones at every check; others, and more, by `PROPTEST_CASES`. A few on Windows: no system is asked.
        cases: Config::default().cases.max(if cfg!(windows) { 256 } else { 2_000 }),
        rng_seed: if std::env::var_os("PROPTEST_CASES").is_some() {
            RngSeed::Random
        } else {
            RngSeed::Fixed(13)
        },
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    })]

    #[test]
    fn a_session_is_never_lost_sent_twice_or_given_to_another(
        steps in proptest::collection::vec(step(), 1..40)
    ) {
        played(&steps)?;
    }
}
