use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::broker::{Broker, Issued};
use crate::fakes::{World, ask, profile, stored, token_set};
use crate::policy::Action;
use crate::policy::facts::Verified;
use crate::ports::Clock;
use crate::principal::{Mark, Pinned, Process};
use crate::profile::Scopes;
use crate::request::{Caller, SessionKey, Target};
use crate::runs::ties::Used;
use crate::runs::{TaskKey, Tie, Tied};
use crate::sign_in::{Assurance, Claim};

mod ends;
mod late;
mod over;
mod recorded;

/// A process of the tree that `leader` leads.
#[derive(Debug)]
struct Of(u32);

fn mark(pid: u32) -> Mark {
    Mark { pid, started_at: Some(u64::from(pid) * 10) }
}

impl Pinned for Of {
    fn holds(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn facts(&self) -> Arc<Verified> {
        Arc::default()
    }

    fn leader(&self) -> Option<Mark> {
        Some(mark(self.0))
    }
}

fn terminal(leader: u32) -> Principal {
    let caller = Caller { pid: Some(leader + 1), ..Caller::default() };
    let process = Process::pinned(Arc::new(Of(leader)));
    Principal { process, ..Principal::new(Kind::Owner, caller) }
}

fn run(id: &str) -> Principal {
    Principal::new(Kind::Run(id.into()), Caller::default())
}

fn within(id: &str, root: &str) -> Principal {
    Principal { root: Some(root.into()), ..run(id) }
}

/// As a task of that DAG says of itself.
fn task(of: &Principal, dag: &str) -> Principal {
    let mut own = of.clone();
    let says = [("dag_id", dag), ("task_id", "load")];
    own.caller.context = says.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    own
}

struct Scene {
    world: World,
    broker: Broker,
}

fn scene() -> Scene {
    let world = World::signed_in();
    let broker = Broker::new(world.ports());
    broker.configure([(SessionKey::of("prod"), Arc::new(profile()))]);
    Scene { world, broker }
}

fn connection(id: &str) -> TokenRequest {
    TokenRequest { connection: Some(id.into()), ..ask("prod") }
}

fn narrowed(scope: &str) -> TokenRequest {
    let target = Target { scopes: Some(Scopes::parse(scope)), ..Target::default() };
    TokenRequest { target, ..ask("prod") }
}

impl Scene {
    async fn gets(&self, who: &Principal, request: TokenRequest) -> Result<Issued, Refusal> {
        let permit = self.broker.permit(who, Action::Token, request)?;
        self.broker.token(permit, who).await
    }

    /// What it got, or why not.
    async fn bytes(&self, who: &Principal) -> Result<String, ErrorCode> {
        let got = self.gets(who, ask("prod")).await;
        got.map(|issued| issued.access_token().expose().to_owned()).map_err(|refusal| refusal.code)
    }

    fn all(&self) -> Vec<Lease> {
        self.broker.leases(&terminal(900)).leases
    }

    fn of(&self, who: &Principal) -> Lease {
        let tree = tree_of(who);
        self.all().into_iter().find(|lease| lease.tree == tree).expect("a lease")
    }

    fn revoke(&self, which: Which<'_>) -> Result<Vec<Revoked>, Refusal> {
        self.broker.revoke_leases(&terminal(900), which, "revoked by the person")
    }

    /// Over whoever was signed in before, with that token.
    async fn signs_in_anew(&self, token: &str) {
        let now = self.world.clock.now();
        let session = self.broker.session_of(&SessionKey::of("prod")).unwrap();
        let identity = stored("rt-9").identity;
        let set = token_set(token, Some("rt-9"), now, now.plus(Duration::from_secs(3600)));
        let set = crate::token::TokenSet { identity, ..set };
        let asked = Assurance::asked(&session.profile(), &Claim::default(), None, now);
        let alone = session.alone().await;
        let record = crate::session::StoredSession { signed_in_at: now, ..stored("rt-9") };
        let set = (Target::default(), set);
        self.broker.promote(&session, record, set, (&asked, &Caller::default())).await.unwrap();
        drop(alone);
    }

    fn lines(&self, of: &str) -> Vec<String> {
        let lines = self.world.witness.lines.lock().unwrap();
        lines.iter().filter(|line| line.contains(of)).cloned().collect()
    }
}

const DENIED: Result<String, ErrorCode> = Err(ErrorCode::AccessDenied);

fn served(token: &str) -> Result<String, ErrorCode> {
    Ok(token.to_owned())
}

#[tokio::test]
async fn an_issue_is_a_lease_and_the_next_of_the_same_tree_renews_it() {
    let scene = scene();
    let shell = terminal(10);
    for n in 1..=3 {
        assert_eq!(scene.bytes(&shell).await, served("at-1"));
        assert_eq!((scene.of(&shell).times, scene.of(&shell).issued), (n, 1));
    }
    let first = scene.of(&shell);
    scene.world.clock.jump(3500);
    scene
        .gets(&shell, TokenRequest { min_ttl: Some(Duration::from_secs(600)), ..ask("prod") })
        .await
        .unwrap();
    let second = scene.of(&shell);
    assert_eq!(
        (second.id.clone(), second.since, second.issued),
        (first.id.clone(), first.since, 2)
    );
    assert!(second.until() > first.until());
    assert_eq!(second.tokens.len(), 2, "the one before is still good");
    scene.gets(&shell, narrowed("a:read")).await.unwrap();
    scene.gets(&terminal(20), ask("prod")).await.unwrap();
    assert_eq!(scene.all().len(), 3, "other scopes, and another tree");
    scene.world.clock.jump(100_000);
    assert_eq!(scene.all().len(), 0, "a lease ends with its token");
    scene.bytes(&shell).await.unwrap();
    assert_ne!(scene.of(&shell).id, first.id);
}

#[tokio::test]
async fn what_is_taken_back_from_one_tree_another_keeps_though_it_holds_the_same_bytes() {
    let scene = scene();
    let (one, other) = (run("run-a"), terminal(10));
    assert_eq!(scene.bytes(&one).await, scene.bytes(&other).await);
    let id = scene.of(&one).id;
    let revoked = scene.revoke(Which::Id(&id)).unwrap();
    assert_eq!((revoked.len(), revoked[0].dag.as_deref()), (1, None));
    let refusal = scene.gets(&one, ask("prod")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::AccessDenied);
    assert_eq!(refusal.cause.as_deref(), Some("revoked by the person, 0 s ago"));
    assert!(refusal.hint.unwrap().contains("dagpass login prod --fresh"));
    assert_eq!(scene.bytes(&within("run-b", "run-a")).await, DENIED, "a run within it is its own");
    assert_eq!(scene.bytes(&run("run-c")).await, served("at-1"), "a new run is a new tree");
    assert_eq!(scene.bytes(&other).await, served("at-1"));
    assert!(scene.gets(&one, narrowed("a:read")).await.is_ok(), "another lease");
    assert_eq!(scene.revoke(Which::Id(&id)).unwrap_err().code, ErrorCode::NotFound);
    let told = scene.lines("LeaseRevoked");
    assert!(told.len() == 1 && told[0].contains("revoked by the person"), "{told:?}");
    assert!(!told[0].contains("at-1"));
    assert_eq!(scene.world.server.revoked_tokens.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_on_its_way_while_it_is_taken_back_does_not_leave() {
    let scene = scene();
    let one = run("run-a");
    scene.bytes(&one).await.unwrap();
    scene.world.clock.jump(3590);
    let shut = scene.world.server.gate.lock().await;
    let request = TokenRequest { min_ttl: Some(Duration::from_secs(600)), ..ask("prod") };
    let meanwhile = async {
        while scene.world.presented().len() < 2 {
            tokio::task::yield_now().await;
        }
        scene.revoke(Which::Id(&scene.of(&one).id)).unwrap();
        drop(shut);
    };
    let (late, ()) = tokio::join!(scene.gets(&one, request), meanwhile);
    assert_eq!(late.unwrap_err().code, ErrorCode::AccessDenied);
    assert_eq!(scene.bytes(&terminal(10)).await, served("at-2"), "the refresh was for all");
}

#[tokio::test]
async fn a_dag_loses_what_it_was_handed_out_and_no_other_dag_does() {
    let scene = scene();
    let scheduler = run("run-a");
    let (etl, report) = (task(&scheduler, "etl"), task(&scheduler, "report"));
    for who in [&etl, &report] {
        scene.bytes(who).await.unwrap();
    }
    let alone = task(&terminal(10), "etl");
    scene.bytes(&alone).await.unwrap();
    let revoked = scene.revoke(Which::Dag("etl")).unwrap();
    let parts: Vec<_> = revoked.iter().map(|one| one.dag.as_deref()).collect();
    assert!(parts.len() == 2 && parts.contains(&Some("etl")) && parts.contains(&None), "{parts:?}");
    assert_eq!(scene.bytes(&etl).await, DENIED);
    assert_eq!(scene.bytes(&scheduler).await, DENIED, "not to say which DAG it is opens nothing");
    assert_eq!(scene.bytes(&report).await, served("at-1"));
    assert_eq!(scene.bytes(&alone).await, DENIED);
    assert_eq!(scene.bytes(&terminal(10)).await, DENIED, "it was the only one that used it");
    scene.world.clock.jump(100_000);
    assert!(scene.bytes(&report).await.is_ok());
    assert_eq!(scene.bytes(&etl).await, DENIED, "and its end does not end the no");
    let endless = task(&scheduler, &"x".repeat(LONGEST_NAME + 1));
    assert_eq!(scene.bytes(&endless).await, DENIED, "what is no name says nothing");
    assert_eq!(scene.revoke(Which::Dag("none")).unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_dag_that_airflow_tells_of_is_known_to_the_lease_of_its_tree_alone() {
    let scene = scene();
    let (own, other) = (run("run-a"), run("run-b"));
    for who in [&own, &other] {
        scene.bytes(who).await.unwrap();
    }
    let fingerprint = scene.of(&own).tokens[0].fingerprint.clone();
    let key = TaskKey {
        dag_id: "etl".into(),
        run_id: "manual__1".into(),
        task_id: "load".into(),
        map_index: None,
    };
    let tie = Tie {
        session: SessionKey::of("prod"),
        connection: None,
        audience: None,
        tokens: vec![Used { fingerprint, times: 1 }],
        by: Tied::Run,
    };
    scene.broker.tie_leases(&own, &key, &[tie]);
    assert_eq!(scene.of(&own).dags[0].task.as_deref(), Some("load"));
    assert!(scene.of(&other).dags.is_empty());
    assert_eq!(scene.revoke(Which::Dag("etl")).unwrap().len(), 1);
    assert_eq!(scene.bytes(&own).await, DENIED);
    assert_eq!(scene.bytes(&other).await, served("at-1"));
}

#[tokio::test]
async fn a_connection_is_taken_back_from_all_and_by_no_other_name_is_its_token_had() {
    let scene = scene();
    for leader in [10, 20] {
        scene.gets(&terminal(leader), connection("warehouse")).await.unwrap();
    }
    scene.gets(&terminal(30), connection("lake")).await.unwrap();
    assert_eq!(scene.revoke(Which::Connection("warehouse")).unwrap().len(), 2);
    for request in [connection("warehouse"), connection("lake"), ask("prod")] {
        assert!(scene.gets(&terminal(10), request).await.is_err(), "they are the same bytes");
    }
    assert!(scene.gets(&terminal(30), connection("lake")).await.is_ok());
}

#[tokio::test]
async fn bytes_that_turned_up_somewhere_end_every_lease_that_holds_them_and_are_served_to_nobody() {
    let scene = scene();
    for who in [run("run-a"), run("run-b")] {
        scene.bytes(&who).await.unwrap();
    }
    scene.broker.end_leases_of("run-b");
    let fingerprint = scene.of(&run("run-a")).tokens[0].fingerprint.clone();
    let caller = Caller::default();
    let end = |fingerprint: &str| {
        scene.broker.end_leases_with(fingerprint, "found in a task log", &caller).unwrap().len()
    };
    assert_eq!(end(&"0".repeat(16)), 0);
    assert_eq!(end(&fingerprint), 2, "of a run that has ended, too");
    assert_eq!(end(&fingerprint), 0, "once");
    assert_eq!(scene.bytes(&run("run-a")).await, DENIED);
    assert_eq!(scene.bytes(&run("run-c")).await, served("at-2"), "other bytes");
    let fingerprint = scene.of(&run("run-c")).tokens[0].fingerprint.clone();
    assert_eq!(scene.revoke(Which::Fingerprint(&fingerprint)).unwrap().len(), 1);
    assert_eq!(scene.bytes(&terminal(10)).await, served("at-3"), "by the person's word, too");
    assert_eq!(scene.lines("LeaseRevoked").len(), 3);
}

#[tokio::test]
async fn a_run_sees_and_takes_back_its_own_and_no_other_s() {
    let scene = scene();
    let (outer, inner, other) = (run("run-a"), within("run-b", "run-a"), run("run-c"));
    scene.gets(&outer, ask("prod")).await.unwrap();
    scene.gets(&inner, narrowed("a:read")).await.unwrap();
    scene.gets(&other, ask("prod")).await.unwrap();
    let seen = |who: &Principal| scene.broker.leases(who).leases.len();
    assert_eq!((seen(&outer), seen(&inner), seen(&other), seen(&terminal(10))), (2, 1, 1, 3));
    assert_eq!(seen(&Principal::new(Kind::Container("etl".into()), Caller::default())), 0);
    let id = scene.of(&other).id;
    let refused = scene.broker.revoke_leases(&outer, Which::Id(&id), "by a run").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotFound, "and does not hear of it");
    assert!(scene.broker.revoke_leases(&other, Which::Id(&id), "by a run").is_ok());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_no_lease_and_what_is_taken_back_is_so_unrecorded_too() {
    let scene = scene();
    let shell = terminal(10);
    scene.bytes(&shell).await.unwrap();
    *scene.world.witness.full.lock().unwrap() = true;
    assert_eq!(scene.bytes(&shell).await, Err(ErrorCode::NotRecorded));
    assert_eq!(scene.bytes(&terminal(20)).await, Err(ErrorCode::NotRecorded));
    assert_eq!((scene.all().len(), scene.of(&shell).times), (1, 1));
    let refusal = scene.revoke(Which::Id(&scene.of(&shell).id)).unwrap_err();
    assert!(refusal.cause.unwrap().starts_with("revoked, and not on the record"));
    *scene.world.witness.full.lock().unwrap() = false;
    assert_eq!(scene.bytes(&shell).await, DENIED);
}

#[tokio::test]
async fn what_is_taken_back_of_a_service_stays_so_however_often_it_is_logged_out() {
    let scene = scene();
    let kind = ProfileKind::Service;
    let service = crate::profile::Profile { kind, ..profile() };
    let key = SessionKey::of("prod");
    scene.broker.configure([(key.clone(), Arc::new(service))]);
    let own = run("run-1");
    scene.bytes(&own).await.unwrap();
    let id = scene.of(&own).id;
    scene.revoke(Which::Id(&id)).unwrap();
    let refusal = scene.gets(&own, ask("prod")).await.unwrap_err();
    let hint = refusal.hint.unwrap();
    assert!(refusal.code == ErrorCode::AccessDenied && !hint.contains("sign in"), "{hint}");
    scene.broker.sign_out(&key, &Caller::default()).await.unwrap();
    scene.world.clock.jump(4_000);
    assert_eq!(scene.bytes(&own).await, DENIED, "nobody else was asked meanwhile");
    scene.bytes(&run("run-2")).await.unwrap();
    assert_eq!(scene.all().iter().filter(|lease| lease.is_revoked()).count(), 1);
    assert_eq!(scene.bytes(&own).await, DENIED, "and another is served");
}
