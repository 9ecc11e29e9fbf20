//! Fact: `[logout]` signs people out when the machine says that nobody is before it, and never silently: a
//! lock by a signal or a hint, the screen saver, another session in front, nobody at the keyboard, too old a
//! sign-in. Runs in flight have their grace, a restart finishes what was begun, and a machine that tells
//! nothing makes the config wrong. A private bus with a login1 and a screen saver of the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use zbus::blocking::{Connection, connection};

use crate::idp::{Family, Setting};
use crate::login1::Login1;
use crate::one_door::{begin, code, ledger, with};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::World;

const SAVER: &str = "org.freedesktop.ScreenSaver";
const SAVER_PATH: &str = "/org/freedesktop/ScreenSaver";

#[derive(Debug)]
struct Saver(Arc<Mutex<bool>>);

#[zbus::interface(name = "org.freedesktop.ScreenSaver")]
impl Saver {
    fn get_active(&self) -> bool {
        *self.0.lock().unwrap()
    }

    fn get_session_idle_time(&self) -> u32 {
        0
    }
}

/// A screen saver on the world's session bus.
struct ScreenSaver {
    connection: Connection,
    active: Arc<Mutex<bool>>,
}

impl ScreenSaver {
    fn start(world: &World) -> Self {
        let active = Arc::new(Mutex::new(false));
        let connection = connection::Builder::address(world.bus_address().as_str())
            .and_then(|bus| bus.serve_at(SAVER_PATH, Saver(Arc::clone(&active))))
            .and_then(|bus| bus.name(SAVER))
            .and_then(connection::Builder::build)
            .unwrap();
        Self { connection, active }
    }

    fn becomes(&self, active: bool) {
        *self.active.lock().unwrap() = active;
        let body = &(active,);
        self.connection
            .emit_signal(None::<&str>, SAVER_PATH, SAVER, "ActiveChanged", body)
            .unwrap();
    }
}

fn config(keys: &str) -> String {
    format!("\n[logout]\n{keys}\n")
}

fn profile(scene: &Scene) -> Value {
    let status = scene.world.cli(&["status", "--json"]).expect(0).stdout;
    serde_json::from_str::<Value>(&status).unwrap()["profiles"][0].clone()
}

fn is_signed_out(scene: &Scene) -> Value {
    until("the sign-out", || Some(profile(scene)).filter(|one| one["state"] == "signed_out"))
}

/// Listened to, from here on.
fn heard(scene: &Scene, who: &str) {
    until("somebody who tells of the person", || {
        scene.world.agent_said().contains(who).then_some(())
    });
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn sign_outs(scene: &Scene) -> Vec<String> {
    let lines = ledger(&scene.world).into_iter().filter(|line| line["event"] == "sign-out");
    lines.map(|line| line["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

fn why(scene: &Scene) -> String {
    let refused = scene.world.token(&[]).expect_err("nobody is signed in").expect(3);
    refused.stderr.clone()
}

#[test]
fn each_way_to_leave_the_screen_signs_out_and_says_so() {
    let world = World::new();
    let login1 = Login1::start(&world);
    let saver = ScreenSaver::start(&world);
    let keys = "on-lock = true\non-switch = true";
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &config(keys));
    scene.world.start_agent();
    heard(&scene, "session 2 of systemd-logind and org.freedesktop.ScreenSaver");
    type Leave<'a> = (&'a str, &'a str, &'a dyn Fn(), &'a dyn Fn());
    let ways: [Leave<'_>; 4] = [
        ("lock", "on-lock", &|| login1.lock_signal(), &|| {}),
        ("lock", "on-lock", &|| login1.stands(|s| s.locked = true), &|| {
            login1.stands(|s| s.locked = false)
        }),
        ("lock", "on-lock", &|| saver.becomes(true), &|| saver.becomes(false)),
        ("switch", "on-switch", &|| login1.stands(|s| s.active = false), &|| {
            login1.stands(|s| s.active = true)
        }),
    ];
    for (nth, (reason, key, leave, come_back)) in ways.into_iter().enumerate() {
        scene.sign_in();
        scene.token();
        leave();
        let told = is_signed_out(&scene)["reason"].as_str().unwrap().to_owned();
        assert!(told.contains(key), "{nth}: {told}");
        assert_eq!(sign_outs(&scene).get(nth).map(String::as_str), Some(reason), "{nth}");
        scene.idp.wait(nth + 1, "endpoint=revocation");
        let refused = why(&scene);
        assert!(refused.contains(key) && refused.contains("run `dagpass login"), "{refused}");
        come_back();
    }
    scene.world.restart_agent();
    let refused = why(&scene);
    assert!(refused.contains("on-switch"), "across a restart: {refused}");
    scene.sign_in();
    scene.token();
    scene.world.cli(&["logout"]).expect(0);
    let refused = why(&scene);
    assert!(!refused.contains("[logout]"), "a person did: {refused}");
    assert_eq!(sign_outs(&scene).last().map(String::as_str), Some(""));
    scene.close();
}

#[test]
fn a_run_in_flight_has_its_grace_and_a_restart_finishes_what_was_begun() {
    let world = World::new();
    let login1 = Login1::start(&world);
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &config("on-lock = true"));
    scene.world.start_agent();
    heard(&scene, "session 2 of systemd-logind");
    let token = |capability: &str| {
        code(&with(&scene.world, capability, ("POST", "/v1/token"), &json!({ "profile": "prod" })))
    };
    scene.sign_in();
    let (id, run) = begin(&scene.world, &json!({}));
    login1.lock_signal();
    let told = is_signed_out(&scene)["reason"].as_str().unwrap().to_owned();
    assert!(told.contains("1 run in flight goes on until"), "{told}");
    let (_, late) = begin(&scene.world, &json!({}));
    assert_eq!((token(&run).as_str(), token(&late).as_str()), ("ok", "login_required"));
    assert!(why(&scene).contains("on-lock"));
    assert!(scene.idp.calls("endpoint=revocation").is_empty(), "the run still needs it");
    let said = sign_outs(&scene);
    assert!(
        said.len() == 1 && said[0].starts_with("lock: 1 run in flight goes on until"),
        "{said:?}"
    );

    // The run ends, and the session with it.
    let path = format!("/v1/runs/{id}");
    assert_eq!(code(&with(&scene.world, &run, ("DELETE", &path), &json!({}))), "ok");
    scene.idp.wait(1, "endpoint=revocation");
    until("its line", || (sign_outs(&scene).len() == 2).then_some(()));
    assert_eq!(sign_outs(&scene)[1], "lock: what was in flight has ended");

    // The agent dies meanwhile: its next life begins with the end.
    scene.sign_in();
    begin(&scene.world, &json!({}));
    login1.lock_signal();
    is_signed_out(&scene);
    scene.world.kill_agent();
    scene.world.start_agent();
    scene.idp.wait(2, "endpoint=revocation");
    until("its line", || (sign_outs(&scene).len() == 4).then_some(()));
    assert_eq!(sign_outs(&scene)[3], "lock: begun before a restart");
    assert!(why(&scene).contains("on-lock"));
    scene.close();
}

#[test]
fn nobody_at_the_keyboard_and_too_old_a_sign_in_are_told_ahead_and_survive_a_restart() {
    let world = World::new();
    let login1 = Login1::start(&world);
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &config("idle = \"1h\""));
    scene.world.start_agent();
    scene.sign_in();
    scene.token();
    login1.stands(|session| session.idle_since = Some(1));
    scene.world.configure(&scene.idp.config(&config("idle = \"10s\"")));
    let told = until("the word of it, or its end", || {
        let one = profile(&scene);
        (one["logout"]["reason"] == "idle" || one["state"] == "signed_out").then_some(one)
    });
    // A machine that was too slow to see the word sees the end.
    if let Some(coming) = told["logout"]["text"].as_str() {
        assert!(coming.contains("any key or movement"), "{coming}");
    }
    assert!(is_signed_out(&scene)["reason"].as_str().unwrap().contains("idle"));
    assert_eq!(sign_outs(&scene), ["idle"]);
    login1.stands(|session| session.idle_since = None);

    // Over before the next life begins: its first caller gets nothing, and Ping is asked for nothing.
    scene.world.configure(&scene.idp.config(&config("after = \"1h\"")));
    scene.world.restart_agent();
    scene.sign_in();
    let signed_in = seconds();
    let refreshes = scene.idp.refreshes().len();
    scene.world.kill_agent();
    until("a second that went by", || (seconds() > signed_in + 1).then_some(()));
    scene.world.configure(&scene.idp.config(&config("after = \"1s\"")));
    scene.world.start_agent();
    let refused = why(&scene);
    assert!(refused.contains("after") && refused.contains("--fresh"), "{refused}");
    assert!(is_signed_out(&scene)["reason"].as_str().unwrap().contains("after"));
    scene.idp.wait(2, "endpoint=revocation");
    assert_eq!(scene.idp.refreshes().len(), refreshes);
    scene.close();
}

#[test]
fn a_machine_that_tells_of_no_lock_makes_the_config_wrong_and_one_that_falls_silent_says_so() {
    let world = World::new();
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &config("on-lock = true"));
    scene.world.start_agent();
    let wrong = scene.world.cli(&["config", "check"]);
    let said = format!("{}{}", wrong.stdout, wrong.stderr);
    wrong.expect(1);
    for word in
        ["logout.on-lock", "no system bus", "no org.freedesktop.ScreenSaver", "leave the line out"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    let login1 = Login1::start(&scene.world);
    until("the config in force", || {
        let status = scene.world.cli(&["status", "--json"]).expect(0).stdout;
        let status: Value = serde_json::from_str(&status).unwrap();
        (status["agent"]["config_state"] == "in_force").then_some(())
    });
    scene.world.cli(&["config", "check"]).expect(0);
    scene.sign_in();
    heard(&scene, "session 2 of systemd-logind");

    drop(login1);
    let silent = until("the word of it", || {
        let status = scene.world.cli(&["status"]).expect(0).stdout;
        status.lines().find(|line| line.starts_with("logout")).map(str::to_owned)
    });
    assert!(silent.contains("`logout.on-lock` does nothing now"), "{silent}");
    let doctor = scene.world.cli(&["doctor"]).stdout;
    assert!(doctor.contains("`logout.on-lock` does nothing now"), "{doctor}");
    scene.token();
    scene.close();
}

#[test]
fn where_logout_json_cannot_be_read_nobody_of_before_is_served_and_whoever_signs_in_anew_is() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.token();
    scene.world.kill_agent();
    let file = scene.world.state().join("logout.json");
    fs::write(&file, "half a").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let refreshes = scene.idp.refreshes().len();
    scene.world.start_agent();
    let refused = why(&scene);
    assert!(refused.contains("logout.json") && refused.contains("run `dagpass login"), "{refused}");
    assert_eq!(scene.idp.refreshes().len(), refreshes, "Ping is asked for nothing");
    let status = scene.world.cli(&["status"]).expect(0).stdout;
    let told = status.lines().find(|line| line.starts_with("logout")).expect("a row of its own");
    assert!(told.contains("logout.json"), "{told}");
    assert!(scene.world.cli(&["doctor"]).stdout.contains("who was signed out before is not known"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "half a", "kept");

    scene.sign_in();
    scene.token();
    until("a file that says what is so", || {
        (fs::read_to_string(&file).unwrap() == "{}").then_some(())
    });
    scene.world.restart_agent();
    scene.token();
    scene.close();
}
