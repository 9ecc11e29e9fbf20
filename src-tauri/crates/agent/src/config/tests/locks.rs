//! Locked keys, and what a person's config may say of them, by the reader that the agent reads with.

mod hosts;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dagpass_client::wire::ConfigProblem;
use dagpass_core::profile::ProfileName;

use super::super::locks::WHOLE;
use super::super::{Config, Durability, Managed, StoreChoice, json_schema, parse_under};

const MACHINE: &str = "/etc/dagpass/config.toml";
const PERSON: &str = "/home/ada/.config/dagpass/config.toml";

/// What an administrator hands out, with `locked` put in at the top.
const THEIRS: &str = r#"
default-profile = "prod"
proxy = "http://ada:canary@proxy.corp.example:3128"
ca-file = "corp-ca.pem"
connection-hosts = ["warehouse.corp.example", "*.lake.example"]

[profile.prod]
issuer = "https://auth.corp.example/as"
client-id = "corp"
acr-values = "mfa"
scopes = ["openid", "a", "b"]
endpoints = { token = "https://auth.corp.example/t" }

[profile.test]
issuer = "https://auth.test.example/as"
client-id = "corp-test"

[audit]
durability = "synced"

[logout]
after = "12h"

[store]
kind = "key-file"
key-file = "dagpass.key"

[connection.warehouse]
conn-type = "http"
host = "https://warehouse.corp.example"
extra = { timeout = 5 }

[airflow.prod]
url = "https://airflow.lake.example"

[lane.agent]
tokens-per-hour = 20
"#;

/// A profile of the person's own at the corporation's issuer.
const MINE: &str =
    "[profile.mine]\nissuer = \"https://auth.corp.example/as\"\nclient-id = \"corp\"\n";

fn managed(text: &str) -> Result<Arc<Managed>, Vec<ConfigProblem>> {
    Managed::read(text, Path::new(MACHINE)).map(Arc::new)
}

fn locking(locked: &[&str]) -> Arc<Managed> {
    let text = format!("locked = {locked:?}\n{THEIRS}");
    managed(&text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn under(text: &str, machines: &Arc<Managed>) -> Result<Config, Vec<ConfigProblem>> {
    parse_under(text, Path::new(PERSON), Some(machines))
}

fn good(text: &str, machines: &Arc<Managed>) -> Config {
    under(text, machines).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

/// `line:column key: message` of each problem, with the file where it is not the person's.
fn told(text: &str, machines: &Arc<Managed>) -> Vec<String> {
    let line = |one: &ConfigProblem| {
        let file = if one.file == PERSON { String::new() } else { format!("{} ", one.file) };
        assert!(one.hint.is_some() || one.message.contains("expected"), "{one}");
        format!("{file}{}:{} {}: {}", one.line, one.column, one.key, one.message)
    };
    under(text, machines).err().unwrap_or_default().iter().map(line).collect()
}

#[test]
fn what_the_person_does_not_say_the_machine_s_config_says() {
    let machines = locking(&[]);
    let config = good("", &machines);
    assert_eq!(config.default_profile, Some(ProfileName::new("prod")));
    let prod = config.profile(None).unwrap();
    assert_eq!((prod.issuer.as_str(), &*prod.client_id), ("https://auth.corp.example/as", "corp"));
    // A path is from the folder of the file that it was typed in.
    assert_eq!(prod.network.ca_file, Some(PathBuf::from("/etc/dagpass/corp-ca.pem")));
    assert_eq!(config.store, StoreChoice::KeyFile("/etc/dagpass/dagpass.key".into()));
    assert_eq!(config.durability, Durability::Synced);
    assert_eq!(config.connection_ids(), ["warehouse"]);
    assert_eq!(config.managed.as_ref(), Some(&machines));

    let own = "# ü\nca-file = \"own.pem\"\ndefault-profile = \"mine\"\n[audit]\ndurability = \"written\"\n\
        [profile.prod]\nclient-id = \"own\"\n[profile.mine]\nissuer = \"https://own.example\"\nclient-id = \"x\"\n\
        [connection.warehouse]\nextra = { pool = 1 }\n[connection.own]\nconn-type = \"http\"\nhost = \"x.lake.example\"\n\
        [env.dev.connection.warehouse]\nprofile = \"test\"\n";
    let config = good(own, &machines);
    let prod = config.profile(Some("prod")).unwrap();
    assert_eq!((prod.issuer.as_str(), &*prod.client_id), ("https://auth.corp.example/as", "own"));
    assert_eq!(prod.network.ca_file, Some(PathBuf::from("/home/ada/.config/dagpass/own.pem")));
    assert_eq!(config.default_profile, Some(ProfileName::new("mine")));
    assert_eq!(config.durability, Durability::Written);
    assert!(config.connection("own", None).is_ok());
    // Key by key down to a table that is one value.
    let warehouse = config.connection("warehouse", Some("dev")).unwrap();
    assert_eq!(warehouse.airflow.host.as_deref(), Some("https://warehouse.corp.example"));
    assert_eq!(
        serde_json::Value::Object(warehouse.airflow.extra.clone()),
        serde_json::json!({"pool": 1})
    );
    assert_eq!(warehouse.profile.name, ProfileName::new("test"));
}

#[test]
fn a_problem_is_told_with_the_file_and_the_line_it_is_in() {
    // Sound by itself; with the person's it is not.
    let machines = managed(
        "\u{feff}# é\r\n[connection.w]\r\nconn-type = \"http\"\r\nscopes = [\"a\"]\r\n\
        profile = \"prod\"\r\n[profile.prod]\r\nissuer = \"https://i.example\"\r\nclient-id = \"c\"\r\nscopes = [\"a\"]\r\n",
    );
    let machines = machines.unwrap();
    for own in ["", "# ö\n", "# a longer one than that is\n\n"] {
        let text = format!("{own}[profile.prod]\nscopes = [\"b\"]\nflow = 1\n");
        let line = own.matches('\n').count() + 3;
        assert_eq!(
            told(&text, &machines),
            [
                format!("{line}:8 profile.prod.flow: expected a string"),
                format!(
                    "{MACHINE} 4:10 connection.w.scopes: profile `prod` does not sign in for `a`"
                ),
            ]
        );
    }
    assert_eq!(told("[profile", &machines).len(), 1, "what is no TOML is told alone");
}

#[test]
fn the_machine_s_rules_are_the_machine_s_wherever_the_person_s_config_lies() {
    let rule = "[[policy.rule]]\nwhen = { remote = true }\nthen = \"deny\"\n";
    let machines = managed(&format!("locked = [\"policy\"]\n{rule}")).unwrap();
    let config = good("", &machines);
    assert_eq!(config.policy.rules_file, Some(PathBuf::from(MACHINE)));
    assert_eq!(config.policy.rules[0].line, 4);
    let machines = managed("[policy]\nfile = \"all.cedar\"").unwrap();
    let config = good(rule, &machines);
    assert_eq!((config.policy.rules_file, config.policy.rules[0].line), (None, 3));
    assert_eq!(config.policy.file, Some(PathBuf::from("/etc/dagpass/all.cedar")));
}

#[test]
fn a_machine_s_config_that_is_wrong_says_where() {
    for (text, expected) in [
        (
            "locked = [\"isuer\"]\n[profile.p]\nissuer = \"https://i\"\nclient-id = \"c\"",
            "1:10 locked: there is no key `isuer` to lock",
        ),
        ("locked = [\"locked\"]", "1:10 locked: there is no key `locked` to lock"),
        (
            "locked = [\"audit.durability\"]",
            "1:10 locked: there is no key `audit.durability` to lock",
        ),
        (
            "locked = \"issuer\"",
            "1:10 locked: invalid type: string \"issuer\", expected a sequence",
        ),
        ("locked = [1]", "1:11 locked: invalid type: integer `1`, expected a string"),
        ("locked = [\"issuer\"]", "1:10 locked: locks `issuer` of profiles, and has no profile"),
        ("locked = [\"connection-hosts\"]", "1:10 locked: locks `connection-hosts`, and has none"),
        (
            "connection-hosts = [\"https://a.example\"]",
            "1:20 connection-hosts: `https://a.example` is not a host name",
        ),
        ("connection-hosts = [\"*\"]", "1:20 connection-hosts: `*` is not a host name"),
        (
            "[audit]\ndurability = \"fsync\"",
            "2:14 audit.durability: unknown variant `fsync`, expected `written` or `synced`",
        ),
        ("lokked = []", "1:1 lokked: unknown key `lokked`"),
        ("locked = [", "1:11 : unclosed array, expected `]`"),
    ] {
        let problems = managed(text).expect_err(text);
        let all: Vec<String> = problems
            .iter()
            .map(|one| format!("{}:{} {}: {}", one.line, one.column, one.key, one.message))
            .collect();
        assert_eq!(all, [expected], "{text}");
        assert_eq!(problems[0].file, MACHINE);
    }
    let own = super::read("locked = [\"audit\"]").expect_err("a person's");
    assert_eq!(own[0].message, "is for the machine's own config alone");
    let both = told("locked = []", &locking(&["audit"]));
    assert_eq!(both, ["1:10 locked: is for the machine's own config alone"]);
}

#[test]
fn every_key_of_the_config_can_be_locked() {
    let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
    let mut known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    known.retain(|key| *key != "locked");
    known.sort();
    let mut whole = WHOLE.map(str::to_owned);
    whole.sort();
    assert_eq!(known, whole.iter().collect::<Vec<_>>());
}
