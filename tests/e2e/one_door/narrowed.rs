//! What was narrowed stays narrow: scopes, resource and environment of a connection are its own, and
//! what nobody configured has few places.

use std::process::Stdio;

use serde_json::{Value, json};

use super::{NOTHING, begin, code, ledger, with};
use crate::http;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Process;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

const CONNECTIONS: &str = "\n[connection.warehouse_api]\nconn-type = \"http\"\n\
    scopes = [\"warehouse:read\", \"lake:read\"]\n\
    [connection.other_api]\nconn-type = \"http\"\n\
    [env.dev.connection.lake]\nconn-type = \"http\"\nscopes = [\"lake:read\"]\n\
    [env.live.connection.lake]\nconn-type = \"http\"\n";

fn scene() -> Scene {
    let scene = Scene::configured(Setting::of(Family::PingFederate), CONNECTIONS);
    scene.sign_in();
    scene
}

fn token(scene: &Scene, capability: &str, ask: &Value) -> String {
    code(&with(&scene.world, capability, ("POST", "/v1/token"), ask))
}

/// Through a relay that was opened for one connection: as a narrowed door has it, without a container.
#[test]
fn a_connection_s_scopes_resource_and_environment_are_its_own() {
    let scene = scene();
    let far = scene.world.socket();
    let folder = scene.world.root().join("near");
    std::fs::create_dir(&folder).unwrap();
    let near = folder.join("agent.sock");
    let mut command = scene.world.command(DAGPASS);
    command.args(["--socket", near.to_str().unwrap(), "relay", "--", DAGPASS, "--socket"]);
    command.args([far.to_str().unwrap(), "relay", "--connection", "warehouse_api"]);
    let relay = Process::spawn("dagpass relay", command.stdin(Stdio::null()));
    relay.stderr.wait_for("line that it listens", |text| text.contains("carrying").then_some(()));

    for (ask, expected) in [
        (json!({"connection": "warehouse_api"}), "ok"),
        (json!({"connection": "warehouse_api", "scopes": ["lake:read", "warehouse:read"]}), "ok"),
        (json!({"connection": "warehouse_api", "scopes": ["lake:read"]}), "ok"),
        (json!({"connection": "warehouse_api", "scopes": ["admin"]}), "invalid_scope"),
        (json!({"connection": "warehouse_api", "scopes": ["airflow"]}), "invalid_scope"),
        (json!({"connection": "warehouse_api", "scopes": []}), "invalid_request"),
        (json!({"connection": "warehouse_api", "resource": "https://x"}), "invalid_target"),
        (json!({"connection": "other_api"}), "access_denied"),
        (json!({"connection": "other_api", "scopes": ["zz"]}), "access_denied"),
        (json!({"connection": "other_api", "resource": "https://x"}), "access_denied"),
        (json!({"connection": "lake", "env": "nowhere"}), "access_denied"),
        (json!({"profile": "nowhere"}), "access_denied"),
        (json!({"airflow": "nowhere"}), "access_denied"),
        (json!({"profile": "prod"}), "access_denied"),
        (json!({}), "access_denied"),
    ] {
        let reply = http::on_socket(&near, "POST", "/v1/token", &ask.to_string()).unwrap();
        assert_eq!(code(&reply), expected, "{ask}: {}", reply.body);
        let tells = reply.body.contains("live") || reply.body.contains("dev");
        assert!(expected == "ok" || !tells, "names what is not its own: {}", reply.body);
    }
    for (path, expected) in [("/v1/config", "access_denied"), ("/v1/status", "ok")] {
        let reply = http::on_socket(&near, "GET", path, "").unwrap();
        assert_eq!(code(&reply), expected, "{path}");
    }
    let shown = http::on_socket(&near, "GET", "/v1/connections", "").unwrap().json();
    assert_eq!(shown["connections"], json!(["warehouse_api"]));
    let granted = scene.idp.refreshes();
    let asked = granted.iter().filter_map(|call| call["body"]["scope"].as_str());
    assert!(asked.into_iter().all(|scope| !scope.contains("admin")), "{granted:?}");
    let lines = ledger(&scene.world);
    let came_to_nothing: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "decision" && line["outcome"] == "denied")
        .collect();
    assert!(!came_to_nothing.is_empty(), "{lines:?}");
    let issued = lines.iter().filter(|line| line["event"] == "issue" && line["outcome"] == "ok");
    assert!(issued.into_iter().all(|line| line["caller"]["remote"] == true), "{lines:?}");
    scene.token();
    scene.close();
}

#[test]
fn a_run_of_one_profile_gets_no_more_than_the_config_names_and_no_other_environment() {
    let scene = scene();
    let (_, run) = begin(&scene.world, &json!({"profiles": ["prod"], "env": "dev"}));
    for (ask, expected) in [
        (json!({}), "ok"),
        (json!({"scopes": ["lake:read"]}), "ok"),
        (json!({"scopes": ["lake:read", "admin"]}), "access_denied"),
        (json!({"scopes": []}), "invalid_request"),
        (json!({"resource": "https://invented.example"}), "access_denied"),
        (json!({"connection": "lake"}), "ok"),
        (json!({"connection": "lake", "env": "dev"}), "ok"),
        (json!({"connection": "lake", "env": "live"}), "access_denied"),
        (json!({"connection": "warehouse_api", "env": "live"}), "access_denied"),
    ] {
        assert_eq!(token(&scene, &run, &ask), expected, "{ask}");
    }
    let connection = |env: &str| {
        let ask = json!({"conn_id": "lake", "env": env});
        code(&with(&scene.world, &run, ("POST", "/v1/airflow/connection"), &ask))
    };
    assert_eq!((connection("dev"), connection("live")), ("ok".into(), "access_denied".into()));
    // Explicit beats ambient where the capability is for no environment.
    let (_, open) = begin(&scene.world, &json!({}));
    assert_eq!(token(&scene, &open, &json!({"connection": "lake", "env": "live"})), "ok");
    scene.close();
}

#[test]
fn sixty_targets_that_nobody_configured_cost_few_refreshes_and_leave_the_others_served() {
    let scene = scene();
    scene.token();
    let (_, run) = begin(&scene.world, &json!({}));
    let before = scene.idp.refreshes().len();
    let mut codes: Vec<String> = Vec::new();
    let all = ["openid", "profile", "groups", "airflow", "lake:read", "reports:read"];
    for n in 1..=60_u32 {
        let of = |bit: &usize| n & (1 << bit) != 0;
        let scopes: Vec<&str> = (0..all.len()).filter(of).map(|bit| all[bit]).collect();
        codes.push(token(&scene, &run, &json!({ "scopes": scopes })));
    }
    let denied = codes.iter().filter(|code| *code == "too_many_targets").count();
    // One of them is what the connection `lake` has, and so has its place.
    assert_eq!(denied, 60 - 1 - 24, "{codes:?}");
    assert!(scene.idp.refreshes().len() - before <= 25);
    assert_eq!(token(&scene, &run, &json!({"connection": "warehouse_api"})), "ok");
    let line = ledger(&scene.world).into_iter().find(|line| line["error"] == "too_many_targets");
    assert!(line.is_some(), "it is on the record");
    let invented = json!({"resource": "https://invented.example"});
    assert_eq!(token(&scene, &run, &invented), "too_many_targets");
    assert_eq!(scene.ask(&json!({"scopes": ["openid"]})).status, 200, "another caller's own");
    scene.close();
}

#[test]
fn a_narrowed_caller_sees_what_it_covers_and_no_deployment_beside_that() {
    let more = format!(
        "{CONNECTIONS}\n[profile.other]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"x\"\n\
         [airflow.prod]\nurl = \"http://127.0.0.1:9\"\nprofile = \"prod\"\n\
         [airflow.other]\nurl = \"http://127.0.0.1:9\"\nprofile = \"other\"\n"
    );
    let scene = Scene::configured(Setting::of(Family::PingFederate), &more);
    scene.sign_in();
    let (_, run) = begin(&scene.world, &json!({"profiles": ["prod"]}));
    let status = with(&scene.world, &run, ("GET", "/v1/status"), &NOTHING).json();
    let names = |what: &str| {
        let all = status[what].as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names("profiles"), names("deployments")),
        (vec!["prod".into()], vec!["prod".into()])
    );
    let whole = scene.world.api("GET", "/v1/status", &NOTHING).json();
    assert_eq!(whole["deployments"].as_array().unwrap().len(), 2);
    scene.close();
}

#[test]
fn a_door_s_record_that_was_edited_is_checked_as_a_new_one() {
    let scene = scene();
    let world = &scene.world;
    let project = world.home().join("etl");
    std::fs::create_dir_all(&project).unwrap();
    let words = ["--json", "container", "up", "--project", project.to_str().unwrap(), "--port"];
    let door: Value = serde_json::from_str(&world.cli(&words).expect(0).stdout).unwrap();
    let folder = std::path::PathBuf::from(door["folder"].as_str().unwrap());
    let record = folder.with_extension("json");
    let capability = || std::fs::read_to_string(folder.join("capability")).ok();
    world.secret("capability of a container", &until("the capability", capability));
    world.stop_agent();
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("127.0.0.1", "0.0.0.0")).unwrap();
    world.start_agent();
    let shown = until("the door", || {
        let list = world.api("GET", "/v1/containers", &NOTHING).json();
        list["containers"].get(0).cloned()
    });
    assert!(shown["problem"].as_str().unwrap().contains("never opened on 0.0.0.0"), "{shown}");
    let port = u16::try_from(door["rules"]["port"]["port"].as_u64().unwrap()).unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    world.cli(&["container", "down", door["id"].as_str().unwrap()]).expect(0);
    scene.close();
}
