//! Fact: a config that points `endpoints` at another host gets no token there, by whichever way it was
//! changed; undone, the session goes on without a sign-in, and signed out meanwhile, it is revoked where it
//! was made. What cures an outage costs no sign-in. Each such change is on the record and on the desktop.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::certificates;
use crate::http;
use crate::idp::{Family, Setting, assert_none_twice};
use crate::notifier::{Notifier, Shown};
use crate::scene::Scene;
use crate::wait::until;
use crate::watcher::Watcher;
use crate::world::World;

const LOGIN_REQUIRED: i32 = 3;

/// A port that counts who comes.
struct Elsewhere {
    host: String,
    came: Arc<AtomicUsize>,
}

impl Elsewhere {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::<AtomicUsize>::default();
        let count = came.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                drop(stream);
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { host, came }
    }

    /// For the profile's table.
    fn keys(&self) -> String {
        let Self { host, .. } = self;
        format!("endpoints = {{ token = \"{host}/t\", revocation = \"{host}/r\" }}")
    }

    fn nobody_came(&self) {
        assert_eq!(self.came.load(Ordering::SeqCst), 0);
    }
}

/// A desktop with notices, and somebody signed in.
struct Desk {
    scene: Scene,
    notifier: Notifier,
    _watcher: Watcher,
}

impl Desk {
    fn new() -> Self {
        let world = World::new();
        let watcher = Watcher::start(&world.bus_address());
        let notifier = Notifier::start(&world.bus_address());
        let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
        scene.world.start_agent();
        scene.sign_in();
        Self { scene, notifier, _watcher: watcher }
    }

    fn notice(&self, said: &str) -> Shown {
        until(&format!("a notice that says {said}"), || {
            let here = |one: &Shown| one.title == "The config of prod has changed";
            self.notifier.all().into_iter().find(|one| here(one) && one.text.contains(said))
        })
    }
}

fn lines(scene: &Scene, event: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).collect()
}

/// The line that tells of it, which is there before the change is in force.
fn told(scene: &Scene, said: &str) -> Value {
    until(&format!("a line that says {said}"), || {
        let of_prod = |line: &Value| line["session"]["profile"] == "prod";
        let says = |line: &Value| line["reason"].as_str().is_some_and(|text| text.contains(said));
        lines(scene, "config-change").into_iter().rfind(|line| of_prod(line) && says(line))
    })
}

fn refused(scene: &Scene, elsewhere: &Elsewhere) {
    let said = until("the refusal", || scene.world.token(&[]).err());
    let said = said.expect(LOGIN_REQUIRED).stderr;
    let cause = format!(
        "cause: the config sends its token to another host (was where {} itself says, is {})",
        scene.idp.issuer, elsewhere.host
    );
    assert!(said.contains(&cause), "{said}");
    assert!(said.contains("hint: run `dagpass login prod`"), "{said}");
    let status = scene.world.api("GET", "/v1/status", &Value::Null).json();
    assert_eq!(status["profiles"][0]["state"], "login_required", "{status}");
}

/// The same session as before, by a refresh at its own host.
fn lives_on(scene: &Scene) {
    let token = until("a token again", || scene.world.token(&[]).ok());
    assert_eq!(scene.idp.call_api(&token), 200);
    assert_eq!(scene.idp.call_api(&scene.refreshed()), 200);
    assert_eq!(lines(scene, "sign-in").len(), 1, "nobody signed in again");
    assert_none_twice(&scene.idp.refreshes());
}

fn put(scene: &Scene, text: &str) {
    let reply = scene.world.api("PUT", "/v1/config", &json!({ "text": text }));
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[test]
fn an_edit_of_the_file_sends_no_token_elsewhere_and_undone_ends_nothing() {
    let desk = Desk::new();
    let (scene, elsewhere) = (&desk.scene, Elsewhere::start());
    scene.token();
    scene.world.configure(&scene.idp.config(&elsewhere.keys()));
    let moved = format!("endpoints.token is {}/t (was none)", elsewhere.host);
    assert_eq!(told(scene, &moved)["caller"]["transport"], "agent");
    refused(scene, &elsewhere);
    desk.notice(&moved);
    scene.world.restart_agent();
    refused(scene, &elsewhere);

    scene.world.configure(&scene.idp.config(""));
    told(scene, "endpoints.token is none (was ");
    lives_on(scene);

    // And made while nobody looks.
    scene.world.stop_agent();
    scene.world.configure(&scene.idp.config(&elsewhere.keys()));
    scene.world.start_agent();
    refused(scene, &elsewhere);
    scene.world.stop_agent();
    scene.world.configure(&scene.idp.config(""));
    scene.world.start_agent();
    lives_on(scene);
    elsewhere.nobody_came();
    desk.scene.close();
}

#[test]
fn a_config_that_is_put_or_edited_by_key_is_the_same() {
    let scene = Scene::signed_in(Setting::of(Family::PingFederate));
    let elsewhere = Elsewhere::start();
    scene.token();
    put(&scene, &scene.idp.config(&elsewhere.keys()));
    let line = told(&scene, &format!("endpoints.revocation is {}/r (was none)", elsewhere.host));
    assert_eq!(line["caller"]["pid"], std::process::id());
    refused(&scene, &elsewhere);
    put(&scene, &scene.idp.config(""));
    lives_on(&scene);

    let edit =
        json!({ "set": { "profile.prod.endpoints.token": format!("{}/e", elsewhere.host) } });
    assert_eq!(scene.world.api("POST", "/v1/config/edit", &edit).status, 200);
    told(&scene, &format!("endpoints.token is {}/e (was none)", elsewhere.host));
    refused(&scene, &elsewhere);
    elsewhere.nobody_came();
    scene.close();
}

#[test]
fn signed_out_meanwhile_it_is_revoked_where_it_was_made() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let elsewhere = Elsewhere::start();
    scene.refreshed();
    let current = scene.idp.refreshes().last().unwrap()["issued"].clone();
    put(&scene, &scene.idp.config(&elsewhere.keys()));
    refused(&scene, &elsewhere);
    let said = scene.world.cli(&["logout"]).expect(0).stderr;
    assert!(said.contains("prod: signed out, Ping has revoked"), "{said}");
    let revoked = scene.idp.calls("endpoint=revocation");
    assert_eq!(revoked.len(), 1, "{revoked:#?}");
    assert_eq!((&revoked[0]["presented"], &revoked[0]["status"]), (&current, &json!(200)));
    put(&scene, &scene.idp.config(""));
    let said = scene.world.token(&[]).expect_err("signed out").expect(LOGIN_REQUIRED).stderr;
    assert!(said.contains("is not signed in"), "{said}");
    elsewhere.nobody_came();
    scene.close();
}

#[test]
fn what_cures_an_outage_is_told_and_costs_no_sign_in() {
    let desk = Desk::new();
    let scene = &desk.scene;
    scene.world.secret("the proxy's password", "canary-pw-5521");
    let document = format!("{}/.well-known/openid-configuration", scene.idp.issuer);
    let document = http::request(&document, "GET", "").unwrap().json();
    let token_endpoint = document["token_endpoint"].as_str().unwrap().to_owned();
    let ca = certificates::make(&scene.world.root().join("tmp")).ca;
    let cure = format!(
        "proxy = \"http://ada:canary-pw-5521@127.0.0.1:9\"\nca-file = \"{}\"\n\
         endpoints = {{ token = \"{token_endpoint}\" }}",
        ca.display()
    );
    scene.world.configure(&scene.idp.config(&cure));
    let said = "proxy is http://***@127.0.0.1:9 (was none)";
    let line = told(scene, said)["reason"].as_str().unwrap().to_owned();
    assert!(line.contains(&format!("ca-file is {} (was none)", ca.display())), "{line}");
    assert!(line.contains(&format!("endpoints.token is {token_endpoint} (was none)")), "{line}");
    desk.notice(said);
    lives_on(scene);

    // A path that is none there: what is at hand is served, and nobody is sent to sign in.
    let kept = scene.token();
    put(scene, &scene.idp.config(&format!("endpoints = {{ token = \"{token_endpoint}/v2\" }}")));
    told(scene, &format!("endpoints.token is {token_endpoint}/v2 (was {token_endpoint})"));
    assert_eq!(scene.token(), kept);
    let status = scene.world.api("GET", "/v1/status", &Value::Null).json();
    assert_eq!(status["profiles"][0]["state"], "signed_in", "{status}");

    // While the agent is off: told at its start, to whoever follows it since.
    scene.world.stop_agent();
    scene.world.configure(&scene.idp.config("proxy = \"http://127.0.0.1:10\""));
    scene.world.start_agent();
    let said = "proxy is http://127.0.0.1:10 (was none)";
    told(scene, said);
    desk.notice(said);
    lives_on(scene);
    desk.scene.close();
}
