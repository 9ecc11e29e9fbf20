//! Every route, for every kind of caller, narrowed or not. A route without a row here fails.

use std::collections::BTreeSet;

use super::*;
use dagpass_core::policy::Rights;
use dagpass_core::principal::{Kind, Narrowing};
use dagpass_core::profile::ProfileName;
use dagpass_core::request::{Reach, SessionKey};

#[test]
fn a_route_that_yields_a_token_is_post_only_and_an_unknown_path_is_404() {
    let not_allowed = Err(StatusCode::METHOD_NOT_ALLOWED);
    let not_found = Err(StatusCode::NOT_FOUND);
    for (method, path, expected) in [
        (Method::GET, "/v1/token", not_allowed),
        (Method::PUT, "/v1/token", not_allowed),
        (Method::POST, "/v1/token", Ok(Action::Token)),
        (Method::POST, "/v1/status", not_allowed),
        (Method::GET, "/v1/status", Ok(Action::ShowStatus)),
        (Method::GET, "/v1/try", not_allowed),
        (Method::POST, "/v1/events", not_allowed),
        (Method::GET, "/v1/config/edit", not_allowed),
        (Method::PUT, "/v1/config", Ok(Action::WriteConfig)),
        (Method::DELETE, "/v1/runs/run-1", Ok(Action::EndRun)),
        (Method::GET, "/v1/runs/run-1", not_allowed),
        (Method::DELETE, "/v1/runs/{id}", not_found),
        (Method::DELETE, "/v1/containers/etl-0a1b2c3d", Ok(Action::CloseDoor)),
        (Method::GET, "/v1/containers/etl-0a1b2c3d", not_allowed),
        (Method::DELETE, "/v1/containers/{id}", not_found),
        (Method::POST, "/v1/approvals/ap-1", Ok(Action::Approve)),
        (Method::GET, "/v1/approvals/ap-1", not_allowed),
        (Method::POST, "/v1/approvals/{id}", not_found),
        (Method::GET, "/", not_found),
        (Method::GET, "/v1/token/", not_found),
        (Method::GET, "/v2/token", not_found),
    ] {
        assert_eq!(action(&method, path), expected, "{method} {path}");
    }
}

/// May callers of a kind go this way?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum May {
    /// Whatever they are narrowed to.
    Yes,
    /// For what they are narrowed to, and nothing else.
    Own,
    No,
}

use May::{No, Own, Yes};

/// Method, path, then: owner, run, container, forwarded socket, relay, narrowed relay.
type Expected = (Method, &'static str, [May; 6]);

/// The owner of the machine is narrowed by nothing; the agent itself asks for tokens and reopens doors.
const EXPECTED: &[Expected] = &[
    (Method::POST, "/v1/token", [Yes, Own, Own, Own, Yes, Own]),
    (Method::POST, "/v1/airflow/connection", [Yes, Own, Own, Own, Yes, Own]),
    (Method::POST, "/v1/airflow/roles", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/airflow/connections", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/try", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/status", [Yes, Own, Own, Own, Yes, Own]),
    (Method::GET, "/v1/events", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/activity", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/connections", [Yes, Own, Own, Own, Yes, Own]),
    (Method::GET, "/v1/doctor", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/doctor", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/config", [Yes, No, No, No, Yes, No]),
    (Method::PUT, "/v1/config", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/config/edit", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/config/preview", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/discover", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/sign-in", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/sign-in/callback", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/sign-out", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/purge", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/runs", [Yes, Own, No, No, Yes, No]),
    (Method::DELETE, "/v1/runs/{id}", [Yes, Own, No, No, Yes, No]),
    (Method::POST, "/v1/run-events", [Yes, Own, Own, Own, Yes, Own]),
    (Method::POST, "/v1/run-outlook", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/containers", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/containers", [Yes, No, No, No, Yes, No]),
    (Method::DELETE, "/v1/containers/{id}", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/relay", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/clients", [Yes, No, No, No, Yes, No]),
    (Method::PUT, "/v1/clients", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/store/unlock", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/store/use", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/agent/pause", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/agent/resume", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/agent/stop", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/agent/login-item", [Yes, No, No, No, Yes, No]),
    (Method::PUT, "/v1/agent/login-item", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/policy", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/policy/break-glass", [Yes, No, No, No, No, No]),
    (Method::POST, "/v1/policy/check", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/policy/why", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/policy/simulate", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/policy/lint", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/audit/evidence", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/approvals", [Yes, No, No, No, Yes, No]),
    // Of the relay the question itself is judged: it is never the one that answers.
    (Method::POST, "/v1/approvals/{id}", [Yes, No, No, No, Yes, No]),
    (Method::DELETE, "/v1/approvals/{id}", [Yes, No, No, No, Yes, No]),
    // Of a run each lease is judged by itself: it sees its own, and takes back its own.
    (Method::GET, "/v1/leases", [Yes, Own, No, No, Yes, No]),
    (Method::POST, "/v1/leases/revoke", [Yes, Own, No, No, Yes, No]),
    (Method::GET, "/v1/audit/prune", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/audit/prune", [Yes, No, No, No, No, No]),
    (Method::GET, "/v1/audit/ship", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/audit/ship", [Yes, No, No, No, Yes, No]),
    (Method::POST, "/v1/leaks", [Yes, No, No, No, Yes, No]),
    // Of the relay, which is elsewhere, the handler has nothing to give.
    (Method::POST, "/v1/proxy", [Yes, No, No, No, Yes, No]),
    (Method::GET, "/v1/proxy", [Yes, No, No, No, Yes, No]),
];

fn columns() -> [Principal; 6] {
    let of = |kind| Principal::new(kind, Caller::default());
    [
        of(Kind::Owner),
        of(Kind::Run("run-1".to_owned())),
        of(Kind::Container("container-etl".to_owned())),
        of(Kind::Forwarded("ssh-box".to_owned())),
        of(Kind::Relay),
        Principal { rights: Rights::DOOR, ..of(Kind::Relay) },
    ]
}

/// What a narrowing covers of two connections on two profiles, asked for as they are and for more.
fn narrowings() -> [(Narrowing, [bool; 4]); 4] {
    let profile = |name: &str| Some(vec![ProfileName::new(name)]);
    let connection = |id: &str| Some(vec![id.to_owned()]);
    let of = |profiles, connections| Narrowing { profiles, connections };
    [
        (of(None, None), [true, true, true, true]),
        (of(profile("prod"), None), [true, true, false, false]),
        (of(None, connection("lake")), [true, false, false, false]),
        (of(profile("dev"), connection("lake")), [false, false, false, false]),
    ]
}

fn may(principal: &Principal, action: Action, resource: Resource<'_>) -> bool {
    policy::sees(principal, action, &resource)
}

#[test]
fn every_route_for_every_kind_of_caller_narrowed_or_not() {
    let (prod, dev) = (SessionKey::of("prod"), SessionKey::of("dev"));
    let named = |key: &'static str| Some(key);
    let resources = [(&prod, named("lake")), (&prod, None), (&dev, named("sea")), (&dev, None)];
    for (method, path, expected) in EXPECTED {
        let action = ROUTES.iter().find(|row| row.method == *method && row.path == *path);
        let action = action.unwrap_or_else(|| panic!("{method} {path} is no route")).action;
        for (principal, expected) in columns().into_iter().zip(expected) {
            let what = format!("{method} {path} by {:?}", principal.kind);
            let bare = may(&principal, action, Resource::default());
            assert_eq!(bare, *expected != No, "{what}");
            for (narrowing, covered) in narrowings() {
                let principal = Principal { narrowing, ..principal.clone() };
                for ((key, connection), covered) in resources.into_iter().zip(covered) {
                    let resource = Resource {
                        profile: Some(&key.profile),
                        session: Some(key),
                        connection,
                        ..Resource::default()
                    };
                    let found = may(&principal, action, resource);
                    assert_eq!(found, *expected != No && covered, "{what} {resource:?}");
                    let beyond = Resource { reach: Some(Reach::Beyond), ..resource };
                    let more = found && principal.narrowing.is_everything();
                    assert_eq!(may(&principal, action, beyond), more, "{what} {beyond:?}");
                }
            }
        }
    }
}

#[test]
fn no_route_is_without_a_row_and_no_action_without_a_route() {
    let name = |method: &Method, path: &str| format!("{method} {path}");
    let routes: BTreeSet<String> = ROUTES.iter().map(|row| name(&row.method, row.path)).collect();
    let rows: BTreeSet<String> =
        EXPECTED.iter().map(|(method, path, _)| name(method, path)).collect();
    assert_eq!(routes, rows);
    assert_eq!(routes.len(), ROUTES.len(), "a route stands twice");
    // By the doors of the upstreams, which are no routes.
    let elsewhere = [Action::Proxy];
    let reached: BTreeSet<Action> = ROUTES.iter().map(|row| row.action).chain(elsewhere).collect();
    assert_eq!(reached, Action::ALL.iter().copied().collect());
    for row in ROUTES {
        let secret = matches!(row.action, Action::Token | Action::Connection);
        assert!(!secret || row.method == Method::POST, "{}", row.path);
    }
}
