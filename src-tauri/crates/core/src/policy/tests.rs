use std::sync::{Arc, LazyLock};

use super::engine::NoPolicy;
use super::*;
use crate::fakes::{FakeBook, ask};
use crate::lanes::{Lane, Quota, Within};
use crate::principal::Narrowing;
use crate::request::Caller;

fn run() -> Principal {
    Principal::new(Kind::Run("run-1".to_owned()), Caller::default())
}

fn narrowed(profiles: Option<&[&str]>, connections: Option<&[&str]>) -> Principal {
    let narrowing = Narrowing {
        profiles: profiles.map(|all| all.iter().map(|name| ProfileName::new(*name)).collect()),
        connections: connections.map(|all| all.iter().map(|id| (*id).to_owned()).collect()),
    };
    Principal { narrowing, ..run() }
}

fn through(id: &str) -> TokenRequest {
    TokenRequest { connection: Some(id.to_owned()), ..ask("prod") }
}

fn bench() -> Bench<'static> {
    static APPROVALS: LazyLock<Approvals> =
        LazyLock::new(|| Approvals::open(Arc::new(FakeBook::default()), Timestamp::from_millis(0)));
    let now = Timestamp::from_millis(0);
    Bench { engine: &NoPolicy, approvals: &APPROVALS, now, signed_in: None }
}

fn may(principal: &Principal, request: TokenRequest) -> bool {
    authorize::<_, Denied>(&bench(), principal, (Action::Token, request), |_, _| Ok(())).is_ok()
}

#[test]
fn a_capability_is_held_to_its_profiles() {
    for (principal, expected) in [
        (run(), true),
        (narrowed(Some(&["dev", "prod"]), None), true),
        (narrowed(Some(&["dev"]), None), false),
        (narrowed(Some(&[]), None), false),
    ] {
        assert_eq!(may(&principal, ask("prod")), expected, "{principal:?}");
    }
}

#[test]
fn a_capability_is_held_to_its_connections_and_gets_no_bare_token() {
    let caller = narrowed(None, Some(&["warehouse_api"]));
    assert!(may(&caller, through("warehouse_api")));
    assert!(!may(&caller, through("warehouse")));
    assert!(!may(&caller, ask("prod")));
}

#[test]
fn there_is_no_permit_that_could_not_be_told_of() {
    let full = |_: &Resource<'_>, _: Result<&Basis, &Denied>| denied::<()>("full");
    let looked = Resource::default();
    let denied = authorize(&bench(), &run(), (Action::ShowStatus, looked), full).unwrap_err();
    assert_eq!(denied.reason, "full");
    // What is served is one line with the decision, and that line comes first as well.
    let untold = authorize(&bench(), &run(), (Action::Token, ask("prod")), full).unwrap();
    assert_eq!(untold.spend_untold().0, Action::Token);
    let beyond = TokenRequest { reach: Reach::Beyond, ..through("w") };
    let denied =
        authorize(&bench(), &narrowed(Some(&["prod"]), None), (Action::Token, beyond), full);
    assert_eq!(denied.unwrap_err().reason, "full", "a denial is told by whoever judged");
}

#[test]
fn what_the_config_does_not_name_is_for_those_that_nothing_narrows() {
    let request = |reach| TokenRequest { reach, ..through("w") };
    for reach in [Reach::Named, Reach::Within, Reach::Beyond] {
        let within = reach != Reach::Beyond;
        assert!(may(&run(), request(reach)), "{reach:?}");
        assert_eq!(may(&narrowed(Some(&["prod"]), None), request(reach)), within, "{reach:?}");
        assert_eq!(may(&narrowed(None, Some(&["w"])), request(reach)), within, "{reach:?}");
    }
}

#[test]
fn a_capability_with_an_environment_denies_any_other() {
    let here = Principal { env: Some("dev".to_owned()), ..run() };
    let request = |env: Option<&str>| TokenRequest { env: env.map(str::to_owned), ..ask("prod") };
    for (principal, asked, expected) in [
        (&here, None, Ok(Some("dev"))),
        (&here, Some("dev"), Ok(Some("dev"))),
        (&here, Some("live"), Err(())),
        (&run(), Some("live"), Ok(Some("live"))),
        (&run(), None, Ok(None)),
    ] {
        let meant = environment(principal, asked).map_err(|_| ());
        assert_eq!(meant.as_ref().map(Option::as_deref), expected.as_ref().map(|env| *env));
        assert_eq!(may(principal, request(asked)), expected.is_ok(), "{asked:?}");
    }
}

#[test]
fn the_policy_is_switched_off_and_the_ledger_pruned_by_the_owner_at_hand_alone() {
    let of = |kind, remote| Principal::new(kind, Caller { remote, ..Caller::default() });
    for (principal, expected) in [
        (of(Kind::Owner, false), true),
        (of(Kind::Owner, true), false),
        (of(Kind::Relay, true), false),
        (of(Kind::Relay, false), false),
        (of(Kind::Run("r".into()), false), false),
        (of(Kind::Container("c".into()), false), false),
    ] {
        let about = Resource::default();
        for action in [Action::BreakGlass, Action::PruneLedger] {
            assert_eq!(sees(&principal, action, &about), expected, "{principal:?} {action:?}");
        }
    }
}

#[test]
fn in_a_lane_a_caller_asks_for_tokens_and_does_nothing_else() {
    let within = Within { name: "agent".into(), quota: Quota::default() };
    for lane in [Lane::In(within.clone()), Lane::Unseen([within].into())] {
        for kind in [Kind::Owner, Kind::Relay, Kind::Run("r".into())] {
            let principal =
                Principal { lane: lane.clone(), ..Principal::new(kind, Caller::default()) };
            let may: Vec<&str> = Action::ALL
                .iter()
                .filter(|action| sees(&principal, **action, &Resource::default()))
                .map(|action| action.as_str())
                .collect();
            let expected = "token connection show-status show-connection-ids begin-run end-run tell-of-run proxy";
            assert_eq!(may.join(" "), expected, "{principal:?}");
            let stranger = Resource { run: Some(Kinship::Stranger), ..Resource::default() };
            assert!(!sees(&principal, Action::EndRun, &stranger));
        }
    }
}

#[test]
fn a_run_ends_none_but_its_own() {
    let of = |run| Resource { run: Some(run), ..Resource::default() };
    let owner = Principal::new(Kind::Owner, Caller::default());
    for (principal, run, expected) in [
        (&run(), Kinship::Own, true),
        (&run(), Kinship::Stranger, false),
        (&owner, Kinship::Stranger, true),
    ] {
        assert_eq!(sees(principal, Action::EndRun, &of(run)), expected, "{principal:?} {run:?}");
    }
}

/// Denies all that it is asked about, and has no need to know who signed in.
struct Closed;

impl Authorizer for Closed {
    fn is_in_force(&self) -> bool {
        true
    }

    fn judge(&self, _: &Question<'_>) -> Verdict {
        let rules = vec!["closed".to_owned()];
        let basis = Basis { policy: Some("0a1b".into()), rules, approval: None };
        Verdict::Deny(basis, "closed".to_owned())
    }
}

#[test]
fn what_no_policy_closes_is_what_lets_a_person_back_in() {
    let closed = Bench { engine: &Closed, ..bench() };
    let owner = Principal::new(Kind::Owner, Caller::default());
    let may = |principal: &Principal, action| {
        let about = (action, Resource::default());
        authorize::<_, Denied>(&closed, principal, about, |_, _| Ok(())).map(Permit::spend)
    };
    let open: Vec<&str> = Action::ALL
        .iter()
        .filter(|action| may(&owner, **action).is_ok())
        .map(|action| action.as_str())
        .collect();
    let expected = "show-status follow-events examine sign-out purge end-run close-door pause stop \
                    show-approvals revoke-approval show-leases revoke-lease show-policy tell-of-leak";
    assert_eq!(open.join(" "), expected);
    // Our own rules hold all the same, and what is shown is shown by them.
    assert!(may(&run(), Action::Stop).is_err());
    assert!(sees(&run(), Action::ShowConnectionIds, &Resource::default()));
    let denied = may(&owner, Action::WriteConfig).unwrap_err();
    assert_eq!((denied.reason.as_str(), denied.basis.rules.len()), ("closed", 1));
}

#[test]
fn rights_default_to_none_and_each_kind_has_its_own() {
    for action in Action::ALL {
        assert!(!Rights::default().include(*action), "{action:?}");
        assert!(Kind::Owner.rights().include(*action), "{action:?}");
        let door = Kind::Container("c".into()).rights();
        assert!(!door.include(*action) || Kind::Run("r".into()).rights().include(*action));
    }
    let words: std::collections::BTreeSet<&str> = Action::ALL.iter().map(|a| a.as_str()).collect();
    assert_eq!(words.len(), Action::ALL.len());
}
