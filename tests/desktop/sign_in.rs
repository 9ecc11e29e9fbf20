//! Fact: both sign-ins are driven from the window through to a token that a protected API takes, and no
//! token, refresh token, code or capability ever crosses to the page: not in what passes between page
//! and program, not in what the page keeps, not in the memory of the page's own process.

use std::fs;

use crate::desk::Desk;
use crate::driver::Driver;
use crate::memory;
use crate::recorder;
use crate::wait::until;

const CARD: &str = "section[data-view=sessions] [data-profile=prod]";

fn action(name: &str) -> String {
    format!("{CARD} [data-action={name:?}]")
}

/// To a token by the command line, and every view after it, since each asks for something else.
fn through_to_a_token(desk: &Desk, window: &Driver) {
    let card = until("the person on the card", || {
        window.text(CARD).filter(|text| text.to_lowercase().contains("alice"))
    });
    assert!(!card.is_empty());
    window.wait_for(&action("sign-out"));
    let token = desk.scene.world.token(&[]).expect("signed in");
    assert_eq!(desk.scene.idp.call_api(&token), 200);
    assert_eq!(desk.scene.idp.call_api(&desk.scene.refreshed()), 200);
    for view in ["activity", "airflow", "settings", "doctor", "sessions"] {
        window.view(view);
    }
    let tried = serde_json::json!({ "what": { "connection": "lake" } });
    let tried = window.invoke("try_it", &tried).unwrap();
    assert_eq!(tried["ok"], true, "{tried:#}");
}

fn nothing_crossed(desk: Desk, window: Driver) {
    recorder::give(&window, &desk.scene.world);
    let family = memory::family(window.process.pid());
    let secrets = desk.secrets();
    assert!(secrets.len() >= 4, "{} secrets: nothing to look for", secrets.len());
    for name in ["WebKitWebProcess", "WebKitNetworkProcess", "dagpass-panel"] {
        let [pid] = memory::named(name, &family)[..] else { panic!("no single {name}") };
        let (found, looked) = memory::holds(pid, &secrets);
        assert!(looked > 1_000_000, "only {looked} bytes of {name} were read");
        println!("{name}: {} MiB of memory hold none of {} secrets", looked >> 20, secrets.len());
        assert_eq!(found, [] as [String; 0], "in the memory of {name}");
    }
    // What surely is there has to be found, or the look is blind.
    let seen = ("the page's title".to_owned(), b"dagpass".to_vec());
    let page = memory::named("WebKitWebProcess", &family)[0];
    assert!(!memory::holds(page, &[seen]).0.is_empty(), "the memory was not read");
    window.close();
    desk.close();
}

#[test]
fn by_the_browser() {
    let desk = Desk::set();
    let window = desk.window("sessions");
    recorder::record(&window);
    window.click(&action("sign-in-browser"));
    through_to_a_token(&desk, &window);
    let report = fs::read_to_string(desk.scene.world.root().join("tmp/page.json")).unwrap();
    assert!(report.contains("\"status\":200"), "{report}");
    nothing_crossed(desk, window);
}

#[test]
fn by_a_code() {
    let desk = Desk::set();
    let window = desk.window("sessions");
    recorder::record(&window);
    window.click(&action("sign-in-code"));
    let code = window.wait_for(&format!("{CARD} [data-code]"));
    let shown = window.run("return document.querySelector('[data-code]').dataset.code;");
    assert_eq!(code.replace(char::is_whitespace, ""), shown.as_str().unwrap());
    desk.scene.idp.approve(shown.as_str().unwrap());
    through_to_a_token(&desk, &window);
    nothing_crossed(desk, window);
}

#[test]
fn of_a_connection_from_its_row() {
    let desk = Desk::set();
    let window = desk.window("sessions");
    recorder::record(&window);
    // One sign-in an issuer: that of the connection takes the place of the profile's.
    window.click(&action("sign-in-code"));
    window.wait_for(&format!("{CARD} [data-code]"));
    window.view("airflow");
    let row = "[data-connection=reports]";
    window.click(&format!("{row} [data-action=try]"));
    window.click(&format!("{row} [data-action=sign-in-code]"));
    window.wait_for(&format!("{row} [data-code]"));
    let code = format!("return document.querySelector('{row} [data-code]').dataset.code;");
    desk.scene.idp.approve(window.run(&code).as_str().unwrap());
    let told = window.wait_for(&format!("{row} .outcome-box.good"));
    assert!(told.contains("reports:read"), "{told}");
    let token = desk.scene.world.token(&["--connection", "reports"]).expect("signed in");
    assert_eq!(desk.scene.idp.call_api(&token), 200);
    let other = desk.scene.world.token(&[]).expect_err("the profile is another sign-in");
    assert!(other.stderr.contains("not signed in"), "{}", other.stderr);
    window.view("sessions");
    window.wait_for(&action("sign-in-code"));
    window.wait_until_gone(&format!("{CARD} [data-code]"));
    window.view("activity");
    window.wait_for("[data-record]");
    nothing_crossed(desk, window);
}

#[test]
fn a_cancelled_one_leaves_nothing_and_signing_out_revokes() {
    let desk = Desk::set();
    let window = desk.window("sessions");
    recorder::record(&window);
    window.click(&action("sign-in-code"));
    window.wait_for(&format!("{CARD} [data-code]"));
    window.click(&action("cancel"));
    window.wait_until_gone(&format!("{CARD} [data-code]"));
    until("the sign-in's end", || {
        let status = desk.scene.world.api("GET", "/v1/status", &serde_json::Value::Null).json();
        (status["profiles"][0]["state"] == "signed_out").then_some(())
    });

    desk.scene.sign_in();
    window.click(&action("sign-out"));
    window.click("[data-action=confirm-sign-out]");
    window.wait_for(&action("sign-in-browser"));
    desk.scene.idp.wait(1, "endpoint=revocation");
    window.close();
    desk.close();
}
