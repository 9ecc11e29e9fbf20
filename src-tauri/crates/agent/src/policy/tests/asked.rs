//! Why a request is judged as it is, and what a policy is found to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use dagpass_core::time::Timestamp;

use super::super::judge::Layers;
use super::{NOW, layer};

fn said(words: &str) -> BTreeMap<String, String> {
    let pairs = words.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.map(|(word, value)| (word.to_owned(), value.to_owned())).collect()
}

fn layers(texts: &[&str]) -> Layers {
    Layers::new(texts.iter().map(|text| Arc::new(layer(text))).collect())
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000)
}

const ALL: &str = "@id(\"all\") permit(principal, action, resource);\n";

#[test]
fn an_answer_names_its_rule_and_the_least_that_would_turn_it() {
    for (rule, words, verdict, change, turned) in [
        (
            "@id(\"r\") forbid(principal, action, resource) when { context.time.hour >= 18 };",
            "connection=a",
            "deny",
            "`hour` is `17`",
            "permit",
        ),
        (
            "@id(\"r\") forbid(principal, action, resource) when { context.time.hour >= 18 };",
            "connection=a hour=9",
            "permit",
            "`hour` is `18`",
            "deny",
        ),
        (
            "@id(\"r\") forbid(principal is Container, action, resource);",
            "connection=a who=container:etl",
            "deny",
            "`who` is `owner`",
            "permit",
        ),
        (
            "@id(\"r\") forbid(principal, action, resource) unless { context has signed_in && context.signed_in.groups.contains(\"data\") };",
            "connection=a",
            "deny",
            "`group` is `data`",
            "permit",
        ),
        (
            "@id(\"r\") forbid(principal, action, resource) unless { context.approved };",
            "connection=a",
            "ask",
            "a person approves it",
            "permit",
        ),
        (
            "@id(\"r\") forbid(principal, action, resource) unless { context has program && context.program.path like \"/opt/*\" };",
            "connection=a program=/usr/bin/curl",
            "deny",
            "`program` is `/opt/x`",
            "permit",
        ),
        // Two at a time, where one does not do.
        (
            "@id(\"r\") forbid(principal, action, resource) unless { context.remote && context.time.hour < 6 };",
            "connection=a",
            "deny",
            "`hour` is `5`, and `remote` is `true`",
            "permit",
        ),
    ] {
        let why = layers(&[&format!("{ALL}{rule}")]).why(&said(words), now()).unwrap();
        assert_eq!(why.verdict, verdict, "{rule}");
        assert_eq!(why.change.as_deref(), Some(change), "{rule}");
        assert_eq!(why.turned.as_deref(), Some(turned), "{rule}");
        let rule = if verdict == "permit" { "all" } else { "r" };
        assert_eq!(why.deciders[0].id, rule);
        assert!(why.deciders[0].place.starts_with("policy.cedar:"));
    }
}

#[test]
fn a_lie_turns_nothing_and_a_word_that_is_not_known_is_refused() {
    let text = format!(
        "{ALL}@id(\"r\") forbid(principal, action, resource) unless {{ context has declared && context.declared has dag && context.declared.dag == \"etl\" }};"
    );
    let layers = layers(&[&text]);
    let why = layers.why(&said("connection=a"), now()).unwrap();
    assert_eq!((why.verdict.as_str(), why.change), ("deny", None));
    for (words, told) in [
        ("connection=a colour=red", "`colour` is none of action, who"),
        ("connection=a hour=25", "`hour` is a number"),
        ("connection=a action=tokn", "`action` is a word of"),
        ("connection=a who=me", "`who` is owner, run"),
        ("action=token", "a token is for something"),
    ] {
        let error = layers.why(&said(words), now()).unwrap_err();
        assert!(error.starts_with(told), "{error}");
    }
    let why = layers.why(&said("action=stop"), now()).unwrap();
    assert_eq!((why.verdict.as_str(), why.deciders.len()), ("permit", 0));
}

#[test]
fn what_an_author_can_hardly_mean_is_found() {
    let connections = [said("connection=warehouse_prod profile=main"), said("connection=dev_api")];
    for (text, expected) in [
        (ALL.to_owned(), "note production"),
        (
            format!(
                "{ALL}@id(\"r\") forbid(principal, action, resource) unless {{ context.approved }};"
            ),
            "",
        ),
        ("@id(\"r\") forbid(principal, action, resource);".to_owned(), "problem permit"),
        (
            format!(
                "{ALL}@id(\"r\") forbid(principal, action, resource) when {{ context has program && context.program.path like \"*/etl.py\" }};"
            ),
            "problem program, note production",
        ),
        (
            format!(
                "{ALL}@id(\"r\") forbid(principal, action, resource) when {{ context has program && context.program.path == \"/usr/bin/python3.12\" }};"
            ),
            "problem program, note production",
        ),
        (
            format!(
                "{ALL}@id(\"r\") forbid(principal, action, resource) when {{ context has program && context.program.path == \"/opt/etl/bin/run\" }};"
            ),
            "note production",
        ),
        (
            format!(
                "{ALL}@id(\"r\") forbid(principal is Container, action == Action::\"sign-in\", resource);"
            ),
            "warning never, note production",
        ),
        (
            format!("{ALL}@id(\"r\") forbid(principal, action == Action::\"stop\", resource);"),
            "warning never, note production",
        ),
        (
            format!("{ALL}@id(\"r\") forbid(principal, action, resource == Connection::\"a\");"),
            "warning connection, note production",
        ),
        (
            format!(
                "{ALL}@id(\"r\") forbid(principal, action, resource) when {{ context has connection && context.connection like \"a*\" }};"
            ),
            "warning connection, note production",
        ),
        (
            format!(
                "{ALL}@id(\"r\") forbid(principal, action, resource) unless {{ context has connection && context.connection == \"warehouse_prod\" }};"
            ),
            "note production",
        ),
        (
            format!("{ALL}@id(\"r\") forbid(principal, action, resource in Scope::\"admin\");"),
            "warning scope, note production",
        ),
        (
            format!(
                "{ALL}@id(\"r\") permit(principal is Run, action, resource == Connection::\"dev_api\");\n@id(\"s\") forbid(principal is Run, action, resource);"
            ),
            "warning disagree, note production",
        ),
    ] {
        let found = layers(&[&text]).lint(&connections, now());
        let told: Vec<String> =
            found.iter().map(|one| format!("{} {}", one.verdict, one.check)).collect();
        assert_eq!(told.join(", "), expected, "{text}: {found:#?}");
    }
}
