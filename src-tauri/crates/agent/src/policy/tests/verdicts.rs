//! What is permitted, asked and denied, and by which rule.

use std::time::Duration;

use dagpass_core::policy::engine::{Authorizer, Basis, Question, SignedIn, Verdict};
use dagpass_core::policy::{About as _, Action};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::request::{Caller, Reach, SessionKey, Target, TokenRequest};
use dagpass_core::time::Timestamp;

use super::super::{Engine, Stance};
use super::{NOW, World, engine, told, world};

const ALL: &str = "@id(\"all\") permit(principal, action, resource);\n";

fn kinds() -> [Kind; 6] {
    [
        Kind::Agent,
        Kind::Owner,
        Kind::Run("run-1".into()),
        Kind::Container("c".into()),
        Kind::Forwarded("f".into()),
        Kind::Relay,
    ]
}

/// As a request with such an action is put.
fn of(kind: Kind, action: Action) -> World {
    let token = matches!(action, Action::Token | Action::Connection | Action::Try | Action::Proxy);
    let bare = World { profile: None, connection: None, kind, action, ..world() };
    if token { World { profile: Some("prod"), ..bare } } else { bare }
}

#[test]
fn without_a_policy_every_kind_may_what_it_could_and_nothing_is_noted() {
    let engine = Engine::default();
    assert!(!engine.is_in_force());
    for kind in kinds() {
        for action in Action::ALL {
            let verdict = of(kind.clone(), *action).judged(&engine);
            assert_eq!(verdict, Verdict::Permit(Basis::default()), "{kind:?} {action:?}");
        }
    }
}

#[test]
fn a_base_permit_leaves_every_kind_and_action_as_it_was() {
    let engine = engine(&[ALL]);
    for kind in kinds() {
        for action in Action::ALL.iter().filter(|action| kind.rights().include(**action)) {
            let verdict = of(kind.clone(), *action).judged(&engine);
            assert!(matches!(verdict, Verdict::Permit(_)), "{kind:?} {action:?}: {verdict:?}");
        }
    }
}

#[test]
fn a_policy_without_a_permit_denies_all_but_the_way_back() {
    let engine = engine(&["@id(\"no\") forbid(principal, action, resource);"]);
    for action in Action::ALL {
        let open = matches!(of(Kind::Owner, *action).judged(&engine), Verdict::Permit(_));
        let back = [
            // Which the machine's policy alone can close.
            Action::BreakGlass,
            Action::ShowStatus,
            Action::FollowEvents,
            Action::Examine,
            Action::ShowPolicy,
            Action::ShowApprovals,
            Action::RevokeApproval,
            Action::TellOfLeak,
            Action::ShowLeases,
            Action::RevokeLease,
            Action::SignOut,
            Action::Purge,
            Action::EndRun,
            Action::CloseDoor,
            Action::Pause,
            Action::Stop,
        ];
        assert_eq!(open, back.contains(action), "{action:?}");
    }
}

#[test]
fn rules_about_what_a_request_names_are_one_line() {
    let in_group = |groups: &[&str]| {
        let groups = groups.iter().map(|one| (*one).to_owned()).collect();
        Some(SignedIn { age: Duration::from_secs(3600), groups, ..SignedIn::default() })
    };
    let table: &[(&str, World, &str)] = &[
        (
            "forbid(principal, action, resource == Connection::\"warehouse_api\");",
            world(),
            "deny x",
        ),
        ("forbid(principal, action, resource == Connection::\"other\");", world(), "permit all"),
        ("forbid(principal, action, resource in Profile::\"prod\");", world(), "deny x"),
        ("forbid(principal, action in Action::\"tokens\", resource);", world(), "deny x"),
        ("forbid(principal, action in Action::\"deeds\", resource);", world(), "permit all"),
        ("forbid(principal, action, resource in Scope::\"*\");", world(), "deny x"),
        (
            "forbid(principal, action, resource in Scope::\"admin\");",
            World { scopes: Some("read admin"), ..world() },
            "deny x",
        ),
        (
            "forbid(principal, action, resource) when { resource in [Scope::\"admin\", Scope::\"*\"] };",
            World { scopes: Some("read"), ..world() },
            "permit all",
        ),
        (
            "forbid(principal, action, resource in Audience::\"https://a\");",
            World { audience: Some("https://a"), ..world() },
            "deny x",
        ),
        ("forbid(principal is Owner, action, resource);", world(), "deny x"),
        ("forbid(principal is Run, action, resource);", world(), "permit all"),
        (
            "forbid(principal == Container::\"etl\", action, resource);",
            World { kind: Kind::Container("etl".into()), ..world() },
            "deny x",
        ),
        (
            "forbid(principal, action, resource) when { context has connection && context.connection like \"ware*\" };",
            world(),
            "deny x",
        ),
        (
            "forbid(principal, action, resource) when { context.time.hour >= 18 };",
            world(),
            "deny x",
        ),
        (
            "forbid(principal, action, resource) when { context.time.weekday == 2 };",
            world(),
            "deny x",
        ),
        (
            "forbid(principal, action, resource) when { context.time.weekday == 7 };",
            World { now: NOW - 2 * 86_400, ..world() },
            "deny x",
        ),
        ("forbid(principal, action, resource) when { context.remote };", world(), "permit all"),
        (
            "forbid(principal, action, resource) when { context.remote };",
            World { remote: true, ..world() },
            "deny x",
        ),
        (
            "forbid(principal, action, resource) unless { context has reach && context.reach == \"named\" };",
            World { reach: Reach::Beyond, ..world() },
            "deny x",
        ),
        (
            "forbid(principal, action, resource) unless { context has signed_in && context.signed_in.groups.contains(\"data\") };",
            world(),
            "deny x",
        ),
        (
            "forbid(principal, action, resource) unless { context has signed_in && context.signed_in.groups.contains(\"data\") };",
            World { signed_in: in_group(&["data"]), ..world() },
            "permit all",
        ),
        (
            "forbid(principal, action, resource) when { context has signed_in && context.signed_in.age > 1800 };",
            World { signed_in: in_group(&[]), ..world() },
            "deny x",
        ),
        // What the system does not show matches nothing.
        (
            "forbid(principal, action, resource) when { context has program && context.program.path like \"*\" };",
            world(),
            "permit all",
        ),
    ];
    for (rule, world, expected) in table {
        let engine = engine(&[&format!("{ALL}@id(\"x\") {rule}")]);
        assert_eq!(told(&world.judged(&engine)), *expected, "{rule}");
    }
}

#[test]
fn what_a_caller_says_of_itself_never_opens() {
    let only = "@id(\"x\") forbid(principal, action, resource) unless { context has declared && context.declared has dag && context.declared.dag == \"etl\" };";
    let not = "@id(\"x\") forbid(principal, action, resource) when { context has declared && context.declared has dag && context.declared.dag == \"etl\" };";
    let opens = "@id(\"x\") permit(principal, action, resource) when { context has declared && context.declared has dag && context.declared.dag == \"etl\" };";
    let silent = "@id(\"x\") forbid(principal, action, resource) when { context has declared };";
    let asks = "@id(\"x\") forbid(principal, action, resource) unless { context.approved || (context has declared && context.declared has dag && context.declared.dag == \"etl\") };";
    let with = |rule: &str| format!("{ALL}{rule}");
    for (text, dag, expected) in [
        (with(only), None, "deny x"),
        (with(only), Some("etl"), "deny x"),
        (with(only), Some("other"), "deny x"),
        (with(not), None, "permit all"),
        (with(not), Some("etl"), "deny x"),
        (with(not), Some("other"), "permit all"),
        (opens.to_owned(), None, "deny"),
        (opens.to_owned(), Some("etl"), "deny"),
        (with(silent), None, "permit all"),
        (with(silent), Some("any"), "deny x"),
        (with(asks), None, "ask x"),
        (with(asks), Some("etl"), "ask x"),
    ] {
        let said = dag.map(|dag| ("dag_id", dag)).into_iter().collect();
        let verdict = World { said, ..world() }.judged(&engine(&[&text]));
        assert_eq!(told(&verdict), expected, "{dag:?} {text}");
    }
}

#[test]
fn what_is_permitted_with_an_approval_alone_is_asked_for() {
    let ask = "@id(\"ask\") forbid(principal, action, resource) unless { context.approved };";
    let when = "@id(\"when\") permit(principal, action, resource) when { context.approved };";
    let no = "@id(\"no\") forbid(principal, action, resource);";
    for (texts, expected) in [
        (vec![format!("{ALL}{ask}")], "ask ask"),
        (vec![when.to_owned()], "ask when"),
        (vec![format!("{ALL}{ask}{no}")], "deny no"),
        (vec![ask.to_owned()], "deny ask"),
        // All layers have to permit, and the strictest is told.
        (vec![ALL.to_owned(), ALL.to_owned()], "permit all"),
        (vec![ALL.to_owned(), format!("{ALL}{ask}")], "ask ask"),
        (vec![format!("{ALL}{ask}"), ALL.to_owned()], "ask ask"),
        (vec![format!("{ALL}{ask}"), when.to_owned()], "ask ask when"),
        (vec![format!("{ALL}{ask}"), format!("{ALL}{no}")], "deny no"),
        (vec![format!("{ALL}{no}"), ALL.to_owned()], "deny no"),
        (vec![ALL.to_owned(), String::new()], "deny"),
    ] {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(told(&world().judged(&engine(&texts))), expected, "{texts:?}");
    }
}

#[test]
fn a_rule_that_cannot_be_evaluated_denies_by_its_name() {
    let text = format!(
        "{ALL}@id(\"late\") forbid(principal, action, resource) when {{ context.time.epoch * 9223372036854775807 > 0 }};"
    );
    let Verdict::Deny(basis, reason) = world().judged(&engine(&[&text])) else {
        panic!("permitted")
    };
    assert_eq!(basis.rules, ["late"]);
    assert!(reason.starts_with("the rule `late` cannot be evaluated: "), "{reason}");
}

#[test]
fn a_denial_names_every_rule_in_one_order_and_a_policy_without_an_id_by_its_line() {
    let text = format!(
        "{ALL}forbid(principal, action, resource);\n\n@id(\"b\")\nforbid(principal, action, resource);\n@id(\"a\") forbid(principal, action, resource);"
    );
    for _ in 0..20 {
        let Verdict::Deny(basis, reason) = world().judged(&engine(&[&text])) else {
            panic!("permitted")
        };
        assert_eq!(basis.rules, ["a", "b", "policy.cedar:2"]);
        assert_eq!(reason, "the rules `a`, `b`, `policy.cedar:2` of policy.cedar forbid it");
        assert_eq!(basis.policy.map(|digest| digest.len()), Some(16));
    }
    let Verdict::Deny(basis, reason) = world().judged(&engine(&[""])) else { panic!("permitted") };
    assert_eq!((basis.rules.len(), reason.as_str()), (0, "no rule of policy.cedar permits it"));
}

#[test]
fn where_no_policy_loads_no_token_leaves_and_the_rest_goes_on() {
    let engine = Engine::default();
    engine.take(Stance::Shut { why: "line 3".into(), rest: None });
    for action in Action::ALL {
        let denied = matches!(of(Kind::Owner, *action).judged(&engine), Verdict::Deny(..));
        let token =
            matches!(action, Action::Token | Action::Connection | Action::Try | Action::Proxy);
        assert_eq!(denied, token, "{action:?}");
    }
}

#[test]
fn a_verdict_is_remembered_for_the_same_request_alone_and_for_as_long_as_time_lets_it() {
    let dag = "@id(\"dag\") forbid(principal, action, resource) when { context has declared && context.declared has dag && context.declared.dag == \"etl\" };";
    let remembers = engine(&[&format!("{ALL}{dag}")]);
    let said = World { said: vec![("dag_id", "etl")], ..world() };
    for _ in 0..3 {
        assert_eq!(told(&world().judged(&remembers)), "permit all");
        assert_eq!(told(&said.judged(&remembers)), "deny dag");
        let other = World { said: vec![("dag_id", "et"), ("task_id", "l")], ..world() };
        assert_eq!(told(&other.judged(&remembers)), "permit all");
    }
    let late =
        "@id(\"late\") forbid(principal, action, resource) when { context.time.hour == 19 };";
    let aged = "@id(\"old\") forbid(principal, action, resource) when { context has signed_in && context.signed_in.age > 60 };";
    let moving = engine(&[&format!("{ALL}{late}{aged}")]);
    let signed_in = |seconds| {
        Some(SignedIn {
            age: Duration::from_secs(seconds),
            groups: Vec::new(),
            ..SignedIn::default()
        })
    };
    for (world, expected) in [
        (World { now: NOW, ..world() }, "deny late"),
        (World { now: NOW + 3600, ..world() }, "permit all"),
        (World { now: NOW + 3600, signed_in: signed_in(60), ..world() }, "permit all"),
        (World { now: NOW + 3600, signed_in: signed_in(61), ..world() }, "deny old"),
    ] {
        for _ in 0..2 {
            assert_eq!(told(&world.judged(&moving)), expected);
        }
    }
    let begins = format!("context.time.epoch >= {}", NOW + 7);
    let twice = format!("context.time.epoch * 2 >= {}", 2 * (NOW + 7));
    let either_way = format!("{} <= context.time.epoch", NOW + 7);
    for when in [begins, twice, either_way] {
        let engine = engine(&[&format!(
            "{ALL}@id(\"x\") forbid(principal, action, resource) when {{ {when} }};"
        )]);
        for (now, expected) in [(0, "permit all"), (6, "permit all"), (7, "deny x"), (8, "deny x")]
        {
            let world = World { now: NOW + now, ..world() };
            assert_eq!(told(&world.judged(&engine)), expected, "{when} {now}");
        }
    }
}

#[test]
fn the_environment_is_that_of_the_table_or_the_door_and_never_the_caller_s_own_word() {
    let dev_alone = "@id(\"dev\") forbid(principal, action, resource)\n\
                     unless { context has env && context.env == \"dev\" };";
    let engine = engine(&[&format!("{ALL}{dev_alone}")]);
    let door = || Kind::Container("c".into());
    for (kind, own, asked, found, expected) in [
        (Kind::Owner, None, Some("dev"), None, "deny dev"),
        (Kind::Owner, None, Some("dev"), Some("prod"), "deny dev"),
        (Kind::Owner, None, None, Some("dev"), "permit"),
        (Kind::Run("r".into()), Some("dev"), None, None, "deny dev"),
        (door(), None, Some("dev"), None, "deny dev"),
        (door(), Some("dev"), None, None, "permit"),
        (door(), Some("dev"), None, Some("prod"), "deny dev"),
    ] {
        let case = format!("{kind:?} {own:?} {asked:?} {found:?}");
        let mut principal = Principal::new(kind, Caller::default());
        principal.env = own.map(str::to_owned);
        let text = |text: Option<&str>| text.map(str::to_owned);
        let request = TokenRequest {
            env: text(asked),
            table_env: text(found),
            ..TokenRequest::new(SessionKey::of("prod"), Target::default())
        };
        engine.begin_run("r", (None, None)).unwrap();
        let question = Question {
            principal: &principal,
            action: Action::Token,
            resource: &request.resource(),
            now: Timestamp::from_secs(NOW),
            signed_in: None,
        };
        let judged = told(&engine.judge(&question));
        assert!(judged.starts_with(expected), "{case}: {judged}");
    }
}
