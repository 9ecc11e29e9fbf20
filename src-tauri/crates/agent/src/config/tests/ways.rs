//! What of a config goes on the record when it changes.

use std::cell::RefCell;
use std::path::Path;

use super::{PROD, good};
use crate::config::told::{FILE, Told};
use crate::config::ways::Ways;

fn ways(more: &str) -> Ways {
    Ways::of(&good(&format!("{PROD}{more}")))
}

fn told(before: &str, after: &str) -> String {
    let changes = ways(before).changes(&ways(after));
    let line = |change: &crate::config::ways::Change| format!("{}: {change}", change.profile);
    changes.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_moves_a_token_or_its_way_is_told_and_no_login_is_shown() {
    let ca = Path::new("/etc/dagpass").join("ca.pem");
    let token = "endpoints = { token = \"https://gw/t\" }\n";
    let airflow = "[airflow.a]\nurl = \"https://af\"\nprofile = \"prod\"\ntoken = \"direct\"\n";
    for (before, after, said) in [
        ("", "", ""),
        ("", "flow = \"device\"\nprompt = \"login\"\n", ""),
        ("", token, "prod: endpoints.token is https://gw/t (was none)"),
        (token, "", "prod: endpoints.token is none (was https://gw/t)"),
        (
            token,
            "endpoints = { token = \"https://gw/t2\", jwks = \"https://gw/k\" }\n",
            "prod: endpoints.jwks is https://gw/k (was none); \
             endpoints.token is https://gw/t2 (was https://gw/t)",
        ),
        (
            "",
            "endpoints = { revocation = \"https://ada:canary@gw/r\" }\n",
            "prod: endpoints.revocation is https://***@gw/r (was none)",
        ),
        (
            "proxy = \"http://old:3128\"\n",
            "proxy = \"http://ada:canary@new:3128\"\nno-proxy = \"localhost\"\n",
            "prod: no-proxy is localhost (was none); \
             proxy is http://***@new:3128 (was http://old:3128)",
        ),
        ("", "ca-file = \"ca.pem\"\n", &format!("prod: ca-file is {} (was none)", ca.display())),
        (
            airflow,
            &airflow.replace("https://af", "https://other"),
            "prod: airflow.a.url is https://other (was https://af)",
        ),
        ("", "\n[profile.new]\nissuer = \"https://n\"\nclient-id = \"c\"\n", ""),
    ] {
        assert_eq!(told(before, after), said, "{before:?} -> {after:?}");
    }
    let of = |text: &str| Ways::of(&good(text));
    let (here, there) = (PROD.to_owned(), PROD.replace("auth.example", "evil.example"));
    let said = "issuer is https://evil.example/as (was https://auth.example/as)";
    assert_eq!(of(&here).changes(&of(&there))[0].to_string(), said);
    let [one, other] = ["one", "other"].map(|host| format!("proxy = \"http://{host}\"\n{PROD}"));
    let said = "proxy is http://other (was http://one)";
    assert_eq!(of(&one).changes(&of(&other))[0].to_string(), said, "of every profile's");
}

#[test]
fn a_profile_that_goes_and_comes_back_as_another_is_told() {
    let gone = "[profile.dev]\nissuer = \"https://d\"\nclient-id = \"c\"\n";
    let known = ways("").then(&Ways::of(&good(gone)));
    let back = ways("proxy = \"http://p\"\n");
    assert_eq!(known.changes(&back).len(), 1);
}

#[test]
fn an_edit_while_the_agent_is_off_is_told_at_the_next_start_and_what_is_refused_again_later() {
    let world = tempfile::tempdir().unwrap();
    let open = || Told::open(world.path().join(FILE));
    let config = |more: &str| good(&format!("{PROD}{more}"));
    let said = RefCell::new(Vec::new());
    let takes = |change: &crate::config::ways::Change| -> Result<(), ()> {
        said.borrow_mut().push(change.to_string());
        Ok(())
    };
    open().tell(&config(""), takes).unwrap();
    assert!(said.borrow().is_empty(), "the first is no change");

    let told = open();
    let proxied = config("proxy = \"http://ada:canary-pw@p:1\"\n");
    assert_eq!(told.tell(&proxied, |_| Err("full")), Err("full"));
    assert!(told.owes());
    told.tell(&proxied, takes).unwrap();
    assert!(!told.owes());
    assert_eq!(*said.borrow(), ["proxy is http://***@p:1 (was none)"]);
    told.tell(&proxied, takes).unwrap();
    open().tell(&proxied, takes).unwrap();
    assert_eq!(said.borrow().len(), 1, "once");
    let kept = std::fs::read_to_string(world.path().join(FILE)).unwrap();
    assert!(!kept.contains("canary"), "{kept}");

    std::fs::write(world.path().join(FILE), "{").unwrap();
    open().tell(&config(""), takes).unwrap();
    assert_eq!(said.borrow().len(), 1, "what was is not known any more");
}
