//! The config's short rules: what they mean in Cedar, and that it loads.

use std::path::Path;
use std::time::Duration;

use dagpass_core::policy::engine::SignedIn;
use dagpass_core::principal::Kind;
use dagpass_core::request::Reach;

use super::super::rule::cedar;
use super::{World, engine, told, world};
use crate::config::parse;

fn compiled(rules: &str) -> String {
    let path = Path::new("/etc/x/config.toml");
    let config = parse(rules, path).unwrap_or_else(|found| panic!("{rules}: {found:#?}"));
    cedar(&config.policy, path).map_or_else(String::new, |source| source.text)
}

#[test]
fn a_short_rule_is_a_forbid_over_a_base_permit() {
    assert_eq!(compiled(""), "");
    assert_eq!(compiled("[policy]\nfile = \"other.cedar\"\n"), "");
    let text = compiled(
        "[[policy.rule]]\nid = \"ask \\\"x\\\"\"\nwhen = { connection = \"warehouse_*\", who = \"container\" }\nthen = \"ask\"\n\n[[policy.rule]]\nwhen = { action = \"*\" }\nthen = \"deny\"\n",
    );
    assert_eq!(
        text,
        "@id(\"base\")\npermit(principal, action, resource);\n\n@id(\"ask \\\"x\\\"\")\nforbid(principal is Container, action in Action::\"tokens\", resource)\nwhen { context has connection && context.connection like \"warehouse_*\" }\nunless { context.approved };\n\n@id(\"config.toml:8\")\nforbid(principal, action, resource);\n"
    );
}

#[test]
fn the_common_rules_in_short_do_what_they_say() {
    let container = World { kind: Kind::Container("c".into()), ..world() };
    let groups = |groups: &[&str], hours: u64| {
        let groups = groups.iter().map(|one| (*one).to_owned()).collect();
        Some(SignedIn { age: Duration::from_secs(hours * 3600), groups, ..SignedIn::default() })
    };
    let data = World { signed_in: groups(&["data"], 1), ..world() };
    let old = World { signed_in: groups(&["data"], 9), ..world() };
    let ask =
        |when: &str| format!("[[policy.rule]]\nid = \"r\"\nwhen = {{ {when} }}\nthen = \"ask\"\n");
    let but = |free: &str, when: &str| {
        format!("[[policy.rule]]\nwhen = {{ {free} }}\nthen = \"allow\"\n{}", ask(when))
    };
    let table: &[(String, &World, &str)] = &[
        (ask("connection = \"warehouse_*\""), &world(), "ask r"),
        (ask("connection = \"warehouse\""), &world(), "permit base"),
        (ask("profile = \"prod\", who = \"container\""), &container, "ask r"),
        (ask("profile = \"prod\", who = \"container\""), &world(), "permit base"),
        (ask("scope = \"admin\""), &world(), "ask r"),
        (ask("scope = \"admin\""), &World { scopes: Some("read"), ..world() }, "permit base"),
        (but("group = \"data\"", "connection = \"*\""), &data, "permit base"),
        (but("group = \"data\"", "connection = \"*\""), &world(), "ask r"),
        (
            but("scope = \"read\"", "profile = \"*\""),
            &World { scopes: Some("read"), ..world() },
            "permit base",
        ),
        (
            but("scope = \"read\"", "profile = \"*\""),
            &World { scopes: Some("read admin"), ..world() },
            "ask r",
        ),
        (but("scope = \"read\"", "profile = \"*\""), &world(), "ask r"),
        (ask("hours = \"18-8\""), &world(), "ask r"),
        (ask("hours = \"8-18\""), &world(), "permit base"),
        (ask("signed-in-over = \"8h\""), &data, "permit base"),
        (ask("signed-in-over = \"8h\""), &old, "ask r"),
        (ask("signed-in-over = \"8h\""), &world(), "ask r"),
        (ask("reach = \"beyond\""), &World { reach: Reach::Beyond, ..world() }, "ask r"),
        (ask("remote = true"), &World { remote: true, ..world() }, "ask r"),
        (ask("remote = true"), &world(), "permit base"),
        (ask("dag = \"etl_*\""), &World { said: vec![("dag_id", "etl_1")], ..world() }, "ask r"),
        (ask("program = \"/opt/*\""), &world(), "permit base"),
        (but("remote = false", "action = \"*\""), &world(), "permit base"),
    ];
    for (rules, world, expected) in table {
        let text = compiled(rules);
        assert_eq!(told(&world.judged(&engine(&[&text]))), *expected, "{rules}\n{text}");
    }
}

#[test]
fn a_short_rule_that_means_nothing_is_a_problem_of_the_config() {
    let rule = |when: &str, then: &str| {
        format!("[[policy.rule]]\nwhen = {{ {when} }}\nthen = \"{then}\"\n")
    };
    for (text, expected) in [
        (
            rule("action = \"tokn\"", "ask"),
            "2:19 policy.rule[0].when.action: there is no action `tokn`",
        ),
        (
            rule("scope = \"a*\"", "deny"),
            "2:18 policy.rule[0].when.scope: is compared whole: no `*` here",
        ),
        (rule("hours = \"8\"", "deny"), "2:18 policy.rule[0].when.hours: is no span of hours"),
        (rule("hours = \"8-25\"", "deny"), "2:18 policy.rule[0].when.hours: is no span of hours"),
        (
            rule("signed-in-over = \"8\"", "deny"),
            "2:27 policy.rule[0].when.signed-in-over: is no span of time",
        ),
        (
            rule("dag = \"etl\"", "allow"),
            "3:8 policy.rule[0].then: what a caller says of itself (dag) never opens anything",
        ),
        (rule("connection = \"\"", "deny"), "2:23 policy.rule[0].when.connection: is empty"),
        (
            rule("", "maybe"),
            "3:8 policy.rule: unknown variant `maybe`, expected one of `allow`, `ask`, `deny`",
        ),
        ("[[policy.rule]]\nthen = \"ask\"\n".to_owned(), "1:1 policy.rule: missing field `when`"),
        (
            format!("{}id = \"base\"\n", rule("", "deny")),
            "4:6 policy.rule[0].id: is the name of what all rules stand over",
        ),
        (
            format!("{0}id = \"a\"\n{0}id = \"a\"\n", rule("", "deny")),
            "8:6 policy.rule[1].id: is another rule's id already",
        ),
    ] {
        let found = parse(&text, Path::new("config.toml")).unwrap_err();
        let told: Vec<String> = found
            .iter()
            .map(|one| format!("{}:{} {}: {}", one.line, one.column, one.key, one.message))
            .collect();
        assert_eq!(told, [expected], "{text}");
    }
}

/// As `docs/policy.md` has them.
#[test]
fn the_ten_common_rules_of_the_page_load_in_both_forms() {
    const PAGE: &str = include_str!("../../../../../docs/policy.md");
    let block = |kind: &str| {
        let start = PAGE.find(kind).unwrap() + kind.len();
        PAGE[start..].split("```").next().unwrap().to_owned()
    };
    let cedar = block("```cedar\n");
    assert_eq!(super::layer(&cedar).rules.len(), 10);
    let short = compiled(&block("```toml\n"));
    assert_eq!(super::layer(&short).rules.len(), 11, "the base, and ten: {short}");
}
