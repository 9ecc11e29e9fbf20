use std::path::PathBuf;
use std::sync::PoisonError;

use super::*;
use crate::approvals::answers::sound;
use crate::broker::Broker;
use crate::fakes::{World, ask};
use crate::lanes::{Lane, Quota, Within};
use crate::policy::engine::{Authorizer, Verdict};
use crate::policy::facts::{Executable, Verified};
use crate::policy::{Action, Permit, Resource};
use crate::ports::{Clock, Ports};
use crate::principal::{Lineage, Pinned};
use crate::request::{Caller, TokenRequest, Transport};

/// Asks about everything, by the rule that it is told.
#[derive(Debug)]
struct Asks(&'static str, &'static str);

impl Authorizer for Asks {
    fn is_in_force(&self) -> bool {
        true
    }

    fn judge(&self, _: &Question<'_>) -> Verdict {
        let rules = vec![self.0.to_owned()];
        Verdict::Ask(Basis { policy: Some(self.1.into()), rules, approval: None })
    }
}

/// A process of the terminal whose shell is `leader`; `init` is above all.
#[derive(Debug)]
struct Program {
    pid: u32,
    leader: u32,
    above: Vec<u32>,
    path: &'static str,
    cwd: &'static str,
    ended: bool,
    terminal: Option<u32>,
}

fn mark(pid: u32) -> Mark {
    Mark { pid, started_at: Some(u64::from(pid) * 10) }
}

impl Pinned for Program {
    fn holds(&self) -> Result<(), &'static str> {
        if self.ended { Err("ended") } else { Ok(()) }
    }

    fn facts(&self) -> Arc<Verified> {
        let executable = Executable {
            path: PathBuf::from(self.path),
            sha256: Some("ab".repeat(32)),
            owner: Some(0),
            only_root_writes: true,
        };
        let cwd = Some(PathBuf::from(self.cwd));
        Arc::new(Verified { executable: Some(executable), cwd, ..Verified::default() })
    }

    fn lineage(&self) -> Lineage {
        let leads = self.pid == self.leader;
        let tree = if leads { vec![self.pid] } else { vec![self.pid, self.leader] };
        Lineage {
            tree: tree.into_iter().map(mark).collect(),
            above: self.above.iter().copied().map(mark).collect(),
            session: Some(self.leader),
            terminal: self.terminal,
            is_of_agent: self.path == "dagpass-agent",
            is_adopted: false,
            unit: None,
        }
    }
}

fn program(pid: u32, leader: u32) -> Program {
    let (above, terminal) = (vec![1], Some(leader));
    Program { pid, leader, above, path: "/usr/bin/etl", cwd: "/srv/etl", ended: false, terminal }
}

fn by(program: Program) -> Principal {
    of(Kind::Owner, program)
}

fn of(kind: Kind, program: Program) -> Principal {
    let caller = Caller { pid: Some(program.pid), ..Caller::default() };
    Principal { process: Process::pinned(Arc::new(program)), ..Principal::new(kind, caller) }
}

/// A person in a terminal of its own.
fn person() -> Principal {
    by(program(900, 90))
}

struct Scene {
    world: World,
    broker: Broker,
}

fn scene() -> Scene {
    ruled("production", "digest-1")
}

fn ruled(rule: &'static str, policy: &'static str) -> Scene {
    let world = World::signed_in();
    let ports = Ports { authorizer: Arc::new(Asks(rule, policy)), ..world.ports() };
    Scene { broker: Broker::new(ports), world }
}

impl Scene {
    fn wants(
        &self,
        who: &Principal,
        request: TokenRequest,
    ) -> Result<Permit<TokenRequest>, Refusal> {
        self.broker.permit(who, Action::Token, request)
    }

    fn code(&self, who: &Principal) -> Option<ErrorCode> {
        self.wants(who, ask("prod")).err().map(|refusal| refusal.code)
    }

    /// Asks, and has it answered.
    fn approved(&self, who: &Principal, answer: Answer) -> String {
        let id = self.asked(who);
        self.say(&person(), &id, answer).unwrap();
        id
    }

    fn asked(&self, who: &Principal) -> String {
        let refusal = self.wants(who, ask("prod")).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::ApprovalPending, "{refusal:?}");
        refusal.approval.unwrap().to_string()
    }

    fn say(&self, who: &Principal, id: &str, answer: Answer) -> Result<Timestamp, Refusal> {
        self.proves(who, id, (answer, Proven::default()))
    }

    fn events(&self) -> Vec<String> {
        self.world.witness.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn told(&self, event: &str) -> usize {
        self.events().iter().filter(|one| one.starts_with(event)).count()
    }
}

mod locked;
mod proves;
mod served;
mod who;

const PENDING: Option<ErrorCode> = Some(ErrorCode::ApprovalPending);
const REFUSED: Option<ErrorCode> = Some(ErrorCode::ApprovalRefused);

#[test]
fn a_caller_hears_at_once_and_its_retry_meets_the_answer() {
    for (answer, first, second) in [
        (Answer::Once, None, PENDING),
        (Answer::Run, None, None),
        (Answer::Today, None, None),
        (Answer::Always, None, None),
        (Answer::No, REFUSED, REFUSED),
    ] {
        let scene = scene();
        let who = by(program(100, 10));
        let id = scene.asked(&who);
        assert_eq!(scene.asked(&who), id, "{answer:?}: it is one question");
        scene.say(&person(), &id, answer).unwrap();
        assert_eq!(scene.code(&who), first, "{answer:?}");
        assert_eq!(scene.code(&who), second, "{answer:?}");
    }
}

#[test]
fn no_stranger_rides_along() {
    let scene = scene();
    let who = || program(100, 10);
    scene.approved(&by(who()), Answer::Run);
    let other_start = Process::pinned(Arc::new(program(100, 11)));
    for (stranger, request) in [
        (by(program(200, 20)), ask("prod")),
        (Principal { process: other_start, ..by(who()) }, ask("prod")),
        (by(Program { path: "/usr/bin/other", ..who() }), ask("prod")),
        (of(Kind::Run("run-1".into()), who()), ask("prod")),
        (of(Kind::Relay, who()), ask("prod")),
        (Principal::new(Kind::Owner, Caller::default()), ask("prod")),
        (Principal::new(Kind::Container("door-1".into()), Caller::default()), ask("prod")),
        (by(who()), ask("dev")),
        (by(who()), TokenRequest { connection: Some("w".into()), ..ask("prod") }),
        (by(who()), TokenRequest { deployment: Some("d".into()), ..ask("prod") }),
        (by(who()), TokenRequest { env: Some("dev".into()), ..ask("prod") }),
        (by(who()), {
            let mut request = ask("prod");
            request.target.scopes = Some(crate::profile::Scopes::parse("openid"));
            request
        }),
        (by(who()), {
            let mut request = ask("prod");
            request.target.resource = Some("https://api.example".into());
            request
        }),
    ] {
        let told = format!("{:?} {request:?}", stranger.kind);
        let refusal = scene.wants(&stranger, request).unwrap_err();
        // The first eight of a tree are asked about, and more are not.
        assert_ne!(refusal.code, ErrorCode::AccessDenied, "{told}");
    }
    assert!(scene.wants(&by(program(101, 10)), ask("prod")).is_ok(), "the same tree and program");
    let deed = scene.broker.permit(&by(who()), Action::OpenDoor, Resource::default());
    assert!(deed.is_err(), "a token's approval opens no door");
}

#[test]
fn the_same_words_of_another_policy_or_rule_are_another_question() {
    for (rule, policy, expected) in [
        ("production", "digest-1", None),
        ("production", "digest-2", PENDING),
        ("b", "digest-1", PENDING),
    ] {
        let scene = scene();
        scene.approved(&by(program(100, 10)), Answer::Always);
        let kept = scene.world.book.clone();
        let later = World { book: kept, ..World::signed_in() };
        let ports = Ports { authorizer: Arc::new(Asks(rule, policy)), ..later.ports() };
        let later = Scene { broker: Broker::new(ports), world: later };
        // Another terminal, another day: what stands is not held to a tree.
        assert_eq!(later.code(&by(program(300, 30))), expected, "{rule} {policy}");
        let elsewhere = by(Program { cwd: "/tmp", ..program(300, 30) });
        assert_eq!(later.code(&elsewhere), PENDING, "it is held to a folder");
    }
}

#[test]
fn each_answer_ends_when_it_says() {
    for (answer, holds, over) in [
        (Answer::Run, 12 * 3600 - 1, 1),
        (Answer::Today, 8 * 3600 - 1, 1),
        (Answer::Always, 90 * 86_400 - 1, 1),
        (Answer::Once, 299, 1),
    ] {
        let scene = scene();
        let who = by(program(100, 10));
        scene.approved(&who, answer);
        scene.world.clock.jump(holds);
        let held = scene.broker.approvals();
        assert_eq!(held.given.len() + held.standing.len(), 1, "{answer:?}");
        scene.world.clock.jump(over);
        assert_eq!(scene.code(&who), PENDING, "{answer:?}");
    }
    let scene = scene();
    let who = by(program(100, 10));
    scene.approved(&who, Answer::No);
    scene.world.clock.jump(3600);
    assert_eq!(scene.code(&who), PENDING, "a no is no answer for ever");
}

#[test]
fn a_run_s_answer_ends_with_the_run() {
    let scene = scene();
    let run = of(Kind::Run("run-1".into()), program(100, 10));
    let inner =
        Principal { root: Some("run-1".into()), ..of(Kind::Run("run-2".into()), program(101, 10)) };
    scene.approved(&run, Answer::Run);
    let task = of(Kind::Run("run-1".into()), program(102, 102));
    assert_eq!(scene.code(&task), None, "in a session of its own");
    assert_eq!((scene.code(&run), scene.code(&inner)), (None, None));
    scene.broker.end_approvals_of("run-1");
    assert_eq!(scene.code(&run), PENDING);
}

#[test]
fn two_that_nobody_answers_make_a_tree_quiet_and_an_answer_ends_that() {
    let scene = scene();
    let (who, other) = (by(program(100, 10)), by(program(200, 20)));
    let quiet = |who: &Principal| {
        let id = scene.asked(who);
        let pending = scene.broker.approvals().pending;
        pending.iter().find(|asked| *asked.id == *id).unwrap().is_quiet
    };
    for _ in 0..2 {
        assert!(!quiet(&who));
        scene.world.clock.jump(60);
        assert!(scene.broker.expire_approvals());
    }
    assert!(quiet(&who) && !quiet(&other));
    assert_eq!(scene.told("approvalexpired denied"), 2, "{:?}", scene.events());
    let id = scene.asked(&who);
    scene.say(&person(), &id, Answer::Once).unwrap();
    assert_eq!(scene.code(&who), None);
    assert!(!quiet(&who));
}

#[test]
fn there_is_an_end_to_what_one_tree_and_all_of_them_ask() {
    let scene = scene();
    let wants = |tree: u32, n: usize| {
        let request = TokenRequest { connection: Some(format!("c{n}")), ..ask("prod") };
        scene.wants(&by(program(1000 + tree, tree)), request).unwrap_err().code
    };
    let codes: Vec<ErrorCode> = (0..9).map(|n| wants(10, n)).collect();
    assert_eq!(codes.iter().filter(|code| **code == ErrorCode::ApprovalPending).count(), 8);
    assert_eq!(codes.last(), Some(&ErrorCode::ApprovalRefused));
    for tree in 11..=17 {
        assert!((0..8).all(|n| wants(tree, n) == ErrorCode::ApprovalPending));
    }
    assert_eq!(scene.broker.approvals().pending.len(), MOST);
    assert_eq!(wants(99, 0), ErrorCode::ApprovalRefused);
}

#[test]
fn what_cannot_be_recorded_or_kept_is_neither_asked_nor_answered() {
    let scene = scene();
    let who = by(program(100, 10));
    let full = |on| *scene.world.witness.full.lock().unwrap_or_else(PoisonError::into_inner) = on;
    full(true);
    assert_eq!(scene.code(&who), Some(ErrorCode::NotRecorded));
    assert!(scene.broker.approvals().pending.is_empty());
    full(false);
    let id = scene.asked(&who);
    full(true);
    for answer in [Answer::Always, Answer::Once] {
        let refusal = scene.say(&person(), &id, answer).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::NotRecorded, "{answer:?}");
    }
    full(false);
    assert_eq!(scene.world.book.kept(), [] as [Standing; 0]);
    *scene.world.book.full.lock().unwrap_or_else(PoisonError::into_inner) = true;
    assert_eq!(scene.say(&person(), &id, Answer::Always).unwrap_err().code, ErrorCode::ServerError);
    assert_eq!(scene.code(&who), PENDING, "nothing was given");
}

#[test]
fn what_stands_is_listed_revoked_and_read_with_suspicion() {
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.approved(&who, Answer::Always);
    let kept = scene.world.book.kept();
    let now = scene.world.clock.now();
    let [one] = kept.as_slice() else { panic!("{kept:?}") };
    let bent = |change: fn(&mut Standing)| {
        let mut other = one.clone();
        change(&mut other);
        sound(vec![other], now).len()
    };
    assert_eq!(sound(vec![one.clone(), one.clone()], now).len(), 1, "one of a name");
    assert_eq!(bent(|_| ()), 1);
    assert_eq!(bent(|one| one.subject.program = None), 0);
    assert_eq!(bent(|one| one.subject.rules.clear()), 0);
    assert_eq!(
        bent(|one| one.until = one.until.plus(Duration::from_secs(1))),
        0,
        "no longer than ours"
    );
    assert_eq!(sound(vec![one.clone()], one.until).len(), 0);
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Standing>>(&text).unwrap(), kept);
    scene.broker.revoke_approval(&who, &id).unwrap();
    assert_eq!((scene.world.book.kept().len(), scene.code(&who)), (0, PENDING));
    assert!(scene.broker.revoke_approval(&who, &id).is_err());
}

#[test]
fn a_permit_by_approval_names_it_and_no_rule_asks_about_the_answer_itself() {
    let scene = scene();
    let who = by(program(100, 10));
    let id = scene.approved(&who, Answer::Run);
    let (.., basis) = scene.wants(&who, ask("prod")).unwrap().spend_untold();
    assert_eq!(
        (basis.approval.as_deref(), basis.rules.as_slice()),
        (Some(&*id), &["production".to_owned()][..])
    );
    for action in [Action::ShowApprovals, Action::Approve, Action::RevokeApproval] {
        assert!(scene.broker.permit(&who, action, Resource::default()).is_ok(), "{action:?}");
    }
}

#[test]
fn always_wants_a_program_and_a_folder_that_the_system_shows() {
    let scene = scene();
    let run = of(Kind::Run("run-1".into()), program(100, 10));
    let far = Principal::new(Kind::Container("door-1".into()), Caller::default());
    for who in [run, far] {
        let id = scene.asked(&who);
        let refusal = scene.say(&person(), &id, Answer::Always).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        scene.say(&person(), &id, Answer::Today).unwrap();
        assert_eq!(scene.code(&who), None);
    }
}
