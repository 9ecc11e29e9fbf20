//! Facts: what holds at the one independent provider holds at another that shares no code with it, PyPI
//! `django-oauth-toolkit`: both ways in, rotation, revocation, a session that ended and one that was stolen.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::django::Django;
use crate::http;
use crate::idp::{assert_none_twice, chromium};
use crate::pasted_callback::printed_url_at;
use crate::scene::fingerprint;
use crate::world::{Ended, Process, World};

struct Stage {
    world: World,
    django: Django,
}

impl Stage {
    /// The agent up, nobody signed in.
    fn new() -> Self {
        let (world, django) = (World::new(), Django::start());
        world.configure(&django.config());
        world.start_agent();
        Self { world, django }
    }

    /// Signed in as profile `device`, approved by a person elsewhere.
    fn by_device() -> Self {
        let stage = Self::new();
        stage.device_login("accept").expect(0);
        stage
    }

    /// `dagpass login device --device`; the person presses this button.
    fn device_login(&self, button: &str) -> Ended {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_dagpass"));
        command.args(["login", "device", "--device"]).stdin(Stdio::null());
        let mut login = Process::spawn("dagpass login device", &mut command);
        let code = login.stderr.wait_for("user code", shown_code);
        let page = format!("{}/device/", self.django.issuer);
        let press = format!("action={button}");
        self.django.walk(&page, &["--user-code", &code, "--press", &press]);
        self.kept("dagpass login device", login.ended())
    }

    fn kept(&self, name: &str, ended: Ended) -> Ended {
        self.world.keep_text(&format!("stdout of {name}"), &ended.stdout);
        self.world.keep_text(&format!("stderr of {name}"), &ended.stderr);
        ended
    }

    fn token(&self, profile: &str) -> String {
        self.world.token(&[profile]).expect("signed in")
    }

    /// A refresh made now: a server refused the current token.
    fn refreshed(&self, profile: &str) {
        let ask = json!({ "profile": profile, "rejected": fingerprint(&self.token(profile)) });
        let reply = self.world.api("POST", "/v1/token", &ask);
        assert_eq!(reply.status, 200, "{}\n{}", reply.body, self.world.agent_said());
    }

    /// As a chain of the provider's: each token presented is the one handed out before, and none twice.
    fn rotated(&self, first: &Value, times: usize) {
        let refreshes = self.django.grants("refresh_token");
        assert_eq!(refreshes.len(), times, "{refreshes:#?}");
        assert_none_twice(&refreshes);
        let mut held = &first["issued"];
        for refresh in &refreshes {
            assert_eq!((&refresh["presented"], &refresh["status"]), (held, &json!(200)));
            held = &refresh["issued"];
        }
    }

    fn who(&self, profile: &str) -> Value {
        let said = self.world.cli(&["whoami", profile, "--json"]).expect(0).stdout;
        serde_json::from_str(&said).unwrap()
    }

    /// The session of `device` is over, and this is said with the way back to whoever was refused; Ping is
    /// asked once, not again and again.
    fn is_over(&self) {
        let ask = json!({ "profile": "device", "rejected": fingerprint(&self.token("device")) });
        for _ in 0..2 {
            let reply = self.world.api("POST", "/v1/token", &ask);
            assert_eq!(reply.json()["error"], "login_required", "{}", reply.body);
            assert_eq!(reply.json()["hint"], "run `dagpass login device`", "{}", reply.body);
        }
        let refused = self.django.calls(|call| call["error"] == "invalid_grant");
        assert_eq!(refused.len(), 1, "{refused:#?}");
        let status = self.world.cli(&["status"]).expect(0).stdout;
        assert!(status.contains("invalid_grant"), "{status}");
    }

    fn close(self) {
        self.django.give_secrets(&self.world);
        self.world.close();
    }
}

/// The code that a person is to enter, whatever a provider makes it of.
fn shown_code(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("and enter"))?;
    text.contains("never enter").then(|| line.trim().to_owned())
}

#[test]
fn a_browser_with_a_consent_page_signs_in_and_the_session_rotates() {
    let stage = Stage::new();
    stage.world.set("BROWSER", chromium(&stage.world).to_str().unwrap());
    stage.world.restart_agent();
    stage.world.cli(&["login", "--browser"]).expect(0);
    let who = stage.who("prod");
    assert_eq!((&who["name"], &who["source"]), (&json!("Alice"), &json!("id_token")), "{who:#}");
    assert_eq!(who["groups"], json!(["Data Engineers", "airflow-admins"]), "{who:#}");
    assert_eq!(stage.django.call_api(&stage.token("prod")), 200);

    let redeemed = stage.django.grants("authorization_code").remove(0);
    assert_eq!((&redeemed["status"], &redeemed["pkce"]), (&json!(200), &json!(true)));
    stage.refreshed("prod");
    stage.refreshed("prod");
    stage.world.restart_agent();
    assert_eq!(stage.django.call_api(&stage.token("prod")), 200, "the session was stored");
    stage.rotated(&redeemed, 3);

    // Its document names no revocation endpoint, and so this is said.
    let out = stage.world.cli(&["logout", "prod"]).expect(0);
    assert!(out.stderr.contains("revokes no tokens"), "{}", out.stderr);
    stage.world.token(&["prod"]).expect_err("signed out").expect(3);
    stage.close();
}

#[test]
fn a_device_sign_in_rotates_and_is_revoked_at_endpoints_that_only_the_config_names() {
    let stage = Stage::by_device();
    assert_eq!(stage.who("device")["groups"], json!(["Data Engineers", "airflow-admins"]));
    assert_eq!(stage.django.call_api(&stage.token("device")), 200);
    let redeemed = stage.django.grants("device_code").pop().unwrap();
    stage.refreshed("device");
    stage.refreshed("device");
    stage.rotated(&redeemed, 2);

    let doctor = stage.world.cli(&["doctor"]).stdout;
    let named = "device: not named by its document: `endpoints.device_authorization` of the config";
    assert!(doctor.contains(named), "{doctor}");
    assert!(doctor.contains(&format!("prod: {}: browser\n", stage.django.issuer)), "{doctor}");

    let token = stage.token("device");
    stage.world.cli(&["logout", "device"]).expect(0);
    let held = stage.django.grants("refresh_token").pop().unwrap();
    let revoked = stage.django.revocations();
    assert_eq!(revoked.len(), 1, "{revoked:#?}");
    assert_eq!((&revoked[0]["presented"], &revoked[0]["status"]), (&held["issued"], &json!(200)));
    assert_eq!(stage.django.call_api(&token), 403, "this provider ends the access token with it");
    stage.close();
}

#[test]
fn a_session_that_an_admin_ended_says_so_once() {
    let stage = Stage::by_device();
    stage.django.end_families();
    stage.is_over();
    stage.device_login("accept").expect(0);
    assert_eq!(stage.django.call_api(&stage.token("device")), 200, "signed in again");
    stage.close();
}

#[test]
fn a_refresh_token_that_somebody_else_used_ends_the_session_for_both() {
    let stage = Stage::by_device();
    let stolen = stage.django.steal();
    let theirs = stolen["refresh_token"].as_str().expect("the thief is served");
    stage.is_over();
    assert_eq!(stage.django.redeem(theirs)["error"], "invalid_grant", "the thief is out too");
    stage.close();
}

#[test]
fn whoever_denies_is_heard_by_both_ways() {
    let stage = Stage::new();
    let denied = stage.device_login("deny");
    assert_eq!(denied.code(), 4, "{}", denied.stderr);
    assert!(denied.stderr.contains("access_denied"), "{}", denied.stderr);

    let (mut login, url) = printed_url_at(&stage.world, &stage.django.issuer);
    let callback = stage.django.walk(&url, &["--deny"]);
    let page = http::request(callback["left"].as_str().unwrap(), "GET", "").unwrap();
    assert!(page.body.contains("access_denied"), "{}", page.body);
    let denied = stage.kept("dagpass login --browser", login.ended());
    assert_eq!(denied.code(), 4, "{}", denied.stderr);
    assert!(denied.stderr.contains("access_denied"), "{}", denied.stderr);
    stage.world.token(&["prod"]).expect_err("nobody signed in").expect(3);
    stage.world.close();
}
