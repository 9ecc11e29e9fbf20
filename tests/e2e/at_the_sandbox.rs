//! Fact: the stage we ship plays the whole main job with the real programs, on each of its three
//! families, and on PingOne ends a session when the browser's ends. No evidence about anybody else's provider.

use dagpass_sandbox::{Family, Options, Sandbox};

use crate::http;
use crate::scene::user_code;
use crate::wait::until;
use crate::world::{Process, World};

fn sign_in(world: &World, sandbox: &Sandbox) {
    let mut command = world.command(env!("CARGO_BIN_EXE_dagpass"));
    let mut login = Process::spawn("dagpass login --device", command.args(["login", "--device"]));
    let code = login.stderr.wait_for("user code", user_code);
    assert!(sandbox.pending_user_codes().contains(&code));
    sandbox.approve_device(&code, "alice").unwrap();
    let ended = login.ended().expect(0);
    world.keep("dagpass login", ended);
}

fn call_api(sandbox: &Sandbox, token: &str) -> u16 {
    let header = format!("Bearer {token}");
    let url = format!("{}/api", sandbox.origin());
    http::with_headers(&url, "GET", &[("Authorization", &header)], "").unwrap().status
}

fn the_main_job_runs(family: Family) {
    let sandbox = Sandbox::start(family, Options::default());
    sandbox.quirks(|quirks| {
        quirks.at_ttl = 3;
        quirks.device_interval = 1;
    });
    let world = World::new();
    world.configure(&format!(
        "default-profile = \"prod\"\n\n[profile.prod]\nissuer = \"{}\"\nclient-id = \"{}\"\n\
         scopes = [\"openid\", \"profile\", \"airflow\"]\nredirect-ports = [0]\n",
        sandbox.issuer(),
        sandbox.client_id(),
    ));
    world.start_agent();
    sign_in(&world, &sandbox);
    let first = world.token(&[]).expect("signed in");
    assert_eq!(call_api(&sandbox, &first), 200);
    let second = until("the next token", || world.token(&[]).ok().filter(|token| *token != first));
    assert_eq!(call_api(&sandbox, &second), 200);
    assert!(sandbox.refreshes() >= 1 && sandbox.replayed().is_empty());

    // Only there does a refresh token hang on the browser's session.
    if family == Family::PingOne {
        sandbox.end_session("alice");
        until("the end of the session", || world.token(&[]).err()).expect(3);
    }

    for secret in sandbox.secrets() {
        world.secret(secret.kind, &secret.value);
    }
    world.close();
}

#[test]
fn on_pingone() {
    the_main_job_runs(Family::PingOne);
}

#[test]
fn on_pingfederate() {
    the_main_job_runs(Family::PingFederate);
}

#[test]
fn on_pingam() {
    the_main_job_runs(Family::PingAm);
}
