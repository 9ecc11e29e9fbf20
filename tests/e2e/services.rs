//! Fact: a profile that nobody signs in to has its tokens by what proves its client: one grant for however many
//! ask, renewed ahead of need, refused once and not asked again. No word of it tells anybody to sign in, and what
//! proves it is in no output, log, argument or config.

use std::io::Write;
use std::process::Stdio;
use std::thread;

use serde_json::{Value, json};

use crate::idp::{Family, Idp, Setting};
use crate::world::{Ended, Process, World};

const SECRET: &str = "service-canary 5%+&=:/7731";
const GRANT: &str = "endpoint=token&grant=client_credentials";

/// As the issuer's administrator registers it.
fn registered(method: &str, more: &Value) -> Value {
    let mut client = json!({
        "token_endpoint_auth_method": method, "grant_types": ["client_credentials"],
        "redirect_uris": [], "response_types": [],
    });
    let more = more.as_object().unwrap().clone();
    client.as_object_mut().unwrap().extend(more);
    client
}

fn config(idp: &Idp, kind: &str, method: &str) -> String {
    format!(
        "[profile.svc]\nkind = \"{kind}\"\nissuer = \"{}\"\nclient-id = \"{}\"\nclient-auth = \"{method}\"\n\
         scopes = [\"warehouse:read\", \"lake:read\"]\n\n\
         [connection.lake_api]\nconn-type = \"http\"\nhost = \"https://lake.corp.example\"\n\
         scopes = [\"lake:read\"]\ntoken-in = \"password\"\n\n[logout]\nafter = \"1s\"\n",
        idp.issuer, idp.client_id
    )
}

fn keep(world: &World, secret: &str) {
    let mut command = world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.args(["secret", "set", "svc"]).stdin(Stdio::piped());
    let mut set = Process::spawn("dagpass secret set", &mut command);
    let mut stdin = set.stdin();
    writeln!(stdin, "{secret}").unwrap();
    drop(stdin);
    let ended = set.ended().expect(0);
    world.keep_text("stderr of dagpass secret set", &ended.stderr);
}

fn token(world: &World, ask: &Value) -> String {
    let reply = world.api("POST", "/v1/token", ask);
    assert_eq!(reply.status, 200, "{}\n{}", reply.body, world.agent_said());
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    world.secret("access token of the client", &token);
    token
}

fn state(world: &World) -> String {
    let status = world.api("GET", "/v1/status", &Value::Null).json();
    status["profiles"][0]["state"].as_str().unwrap().to_owned()
}

/// The administrator pastes what `identity show` printed: another provider of the same name and keys.
fn registers(idp: &mut Idp, setting: Setting<'_>, jwks: &str) {
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    let client = registered("private_key_jwt", &json!({ "jwks": jwks }));
    let port = idp.stop();
    *idp = Idp::start(Setting { client: Some(&client), port, ..setting });
}

/// Nobody signs in, and nobody is told to.
fn is_no_persons(ended: &Ended) {
    let said = format!("{}{}", ended.stdout, ended.stderr).replace("nobody signs in to", "");
    let said = said.to_lowercase();
    assert!(!said.contains("sign in") && !said.contains("dagpass login"), "{said}");
}

#[test]
fn a_service_is_served_by_one_grant_and_never_told_to_sign_in() {
    let client = registered("client_secret_basic", &json!({ "client_secret": SECRET }));
    let idp = Idp::start(Setting { client: Some(&client), ..Setting::of(Family::PingFederate) });
    let world = World::new();
    world.configure(&config(&idp, "service", "secret-basic"));
    world.start_agent();

    // Nothing here proves it.
    assert_eq!(state(&world), "no_credential");
    for args in [&["token", "svc"][..], &["login", "svc"], &["status"], &["whoami"], &["doctor"]] {
        let ended = world.cli(args);
        is_no_persons(&ended);
        let names = ended.stdout.contains("dagpass secret set svc")
            || ended.stderr.contains("dagpass secret set svc");
        assert!(names || args == ["whoami"], "{args:?}: {}{}", ended.stdout, ended.stderr);
    }
    assert!(idp.calls("endpoint=token").is_empty());

    // A wrong secret is shown once, whatever is asked for.
    keep(&world, "not-the-service-secret");
    world.secret("another secret", "not-the-service-secret");
    for args in
        [&["token", "svc"][..], &["token", "svc"], &["token", "svc", "--scope", "lake:read"]]
    {
        let refused = world.cli(args).expect(1);
        assert!(refused.stderr.contains("invalid_client"), "{}", refused.stderr);
        is_no_persons(&refused);
    }
    assert_eq!(idp.calls(GRANT).len(), 1);
    assert_eq!(state(&world), "refused");

    // One grant for however many ask.
    keep(&world, SECRET);
    let socket = world.socket();
    let tokens: Vec<String> = thread::scope(|scope| {
        let asks = || crate::http::on_socket(&socket, "POST", "/v1/token", "{}").unwrap();
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(asks)).collect();
        let said = asked.into_iter().map(|one| one.join().unwrap());
        said.map(|reply| reply.json()["access_token"].as_str().unwrap().to_owned()).collect()
    });
    let first = token(&world, &json!({}));
    assert!(tokens.iter().all(|one| *one == first));
    assert_eq!(idp.calls(GRANT).len(), 2);
    assert_eq!(idp.call_api(&first), 200);
    assert_eq!(state(&world), "ready");
    let narrowed = token(&world, &json!({ "connection": "lake_api" }));
    assert_ne!(narrowed, first);
    let calls = idp.calls(GRANT);
    assert_eq!(calls.last().unwrap()["scope"], "lake:read", "{calls:#?}");
    let said = world.cli(&["whoami"]).expect(0);
    assert!(said.stdout.contains(&idp.client_id), "{}", said.stdout);
    is_no_persons(&said);
    let found = world.cli(&["doctor", "--json"]);
    is_no_persons(&found);
    assert!(!found.stdout.contains("callback"), "{}", found.stdout);

    // Taken back: what was out is refused there, and whoever asks next gets another.
    let out = world.cli(&["logout", "svc"]).expect(0);
    assert!(out.stderr.contains("has revoked"), "{}", out.stderr);
    is_no_persons(&out);
    assert_eq!(idp.call_api(&first), 401);
    let next = token(&world, &json!({}));
    assert_eq!(idp.call_api(&next), 200);
    assert!(world.cli(&["secret", "list"]).expect(0).stdout.contains("secret-basic"));

    // Ahead of its end, for as long as somebody asks; and by the next life of the agent.
    idp.access_lifetime(4);
    world.cli(&["logout", "svc"]).expect(0);
    let before = idp.calls(GRANT).len();
    let short = token(&world, &json!({}));
    assert_eq!(token(&world, &json!({})), short, "and so it is in use");
    idp.wait(before + 2, GRANT);
    crate::wait::until("its successor", || (token(&world, &json!({})) != short).then_some(()));
    idp.access_lifetime(300);
    world.restart_agent();
    assert_eq!(idp.call_api(&token(&world, &json!({}))), 200);

    let ledger = std::fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    let issued = ledger.lines().find(|line| line.contains("\"issue\"") && line.contains("\"ok\""));
    let issued: Value = serde_json::from_str(issued.expect("a token was served")).unwrap();
    assert_eq!(issued["subject"]["sub"], idp.client_id.as_str(), "{issued:#}");
    assert_eq!(issued["subject"]["client"], true, "{issued:#}");
    assert!(!ledger.contains("\"event\":\"sign-in\""), "{ledger}");
    // `[logout] after = "1s"` has passed many times, and is about people.
    let out = ledger.lines().filter(|line| line.contains("\"event\":\"sign-out\"")).count();
    assert_eq!(out, 2, "what somebody asked for: {ledger}");
    idp.give_secrets(&world);
    world.close();
}

#[test]
fn a_machine_proves_itself_by_its_own_key_and_by_the_next_one_once_that_is_registered() {
    let setting = Setting::of(Family::PingOne);
    let mut idp = Idp::start(setting);
    let world = World::new();
    world.configure(&config(&idp, "machine", "private-key-jwt"));
    world.start_agent();
    let missing = world.cli(&["token", "svc"]).expect(1);
    assert!(missing.stderr.contains("dagpass identity show svc"), "{}", missing.stderr);
    let jwks = world.cli(&["identity", "show", "svc"]).expect(0).stdout;
    registers(&mut idp, setting, &jwks);
    let first = token(&world, &json!({}));
    assert_eq!(idp.call_api(&first), 200);
    assert_eq!(state(&world), "ready");

    // Another key, which the issuer does not know yet: what is at hand is served, and it is asked once.
    let renewed = world.cli(&["identity", "renew", "svc", "--yes"]).expect(0).stdout;
    let scoped = json!({ "connection": "lake_api" });
    for _ in 0..2 {
        let refused = world.api("POST", "/v1/token", &scoped);
        assert_eq!(refused.json()["error"], "invalid_client", "{}", refused.body);
    }
    assert_eq!(idp.calls(GRANT).len(), 2);
    assert_eq!(token(&world, &json!({})), first);
    assert_eq!(state(&world), "refused");
    registers(&mut idp, setting, &renewed);
    assert_eq!(world.cli(&["identity", "show", "svc"]).expect(0).stdout, renewed);
    assert_eq!(idp.call_api(&token(&world, &scoped)), 200);
    idp.give_secrets(&world);
    world.close();
}

#[test]
fn an_assertion_goes_to_the_token_endpoint_where_the_profile_says_so_and_is_not_tried_otherwise() {
    let setting = Setting::of(Family::PingAm);
    let mut idp = Idp::start(setting);
    let world = World::new();
    let plain = config(&idp, "machine", "private-key-jwt");
    world.configure(&plain);
    world.start_agent();
    let jwks = world.cli(&["identity", "show", "svc"]).expect(0).stdout;
    registers(&mut idp, setting, &jwks);
    let refused = world.cli(&["token", "svc"]).expect(1);
    assert!(refused.stderr.contains("invalid_client"), "{}", refused.stderr);
    assert_eq!(idp.calls(GRANT).len(), 1, "no other audience is tried");

    let audience = "assertion-audience = \"token-endpoint\"\nscopes = [";
    world.configure(&plain.replacen("scopes = [", audience, 1));
    world.restart_agent();
    assert_eq!(idp.call_api(&token(&world, &json!({}))), 200);
    let out = world.cli(&["logout", "svc"]).expect(0);
    assert!(out.stderr.contains("has revoked"), "{}", out.stderr);
    idp.give_secrets(&world);
    world.close();
}
