//! The mounted folder: a container of another uid, in a namespace without any network, gets its
//! tokens through it; everybody else gets nothing.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::inside::{AIRFLOW, Inside};
use super::{capability, ledger, of_event, up};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::World;

const STRANGER: u32 = 50_001;
const AGENT: &str = "DAGPASS_SOCKET=/run/dagpass/agent.sock";
const CAPABILITY: &str = "|authorization: Bearer CAPABILITY";

/// By the Rust client and by the Python one; both print the token, which is then a secret.
fn tokens(scene: &Scene, inside: &Inside, uid: u32) -> Vec<String> {
    let python = "from airflow_provider_dagpass.client import AGENT as a; \
                  print(a.token()['access_token'])";
    [&[AGENT, "/run/bin/dagpass", "token"][..], &[AGENT, "/usr/bin/python3", "-c", python]]
        .into_iter()
        .map(|words| {
            let ended = inside.run(&scene.world, uid, words);
            assert_eq!(ended.code(), 0, "{words:?}: {}", ended.stderr);
            scene.world.secret("access token", ended.stdout.trim());
            ended.stdout.trim().to_owned()
        })
        .collect()
}

#[test]
fn s22_s29_a_container_gets_its_tokens_without_a_network_and_a_foreign_uid_no_byte() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let (folder, door) = up(world, &["--uid", "50000"]);
    assert_eq!(door["rules"]["uids"], serde_json::json!([AIRFLOW]));
    let Some(inside) = Inside::start(world, &folder) else { return scene.close() };

    let links = inside.run(world, AIRFLOW, &["cat", "/proc/net/route", "/proc/net/if_inet6"]);
    assert!(links.stdout.lines().count() <= 1, "there is a network: {}", links.stdout);
    let current = scene.token();
    assert_eq!(tokens(&scene, &inside, AIRFLOW), [current.clone(), current]);

    let whole = inside.ask(world, STRANGER, "GET /v1/status", CAPABILITY);
    assert_eq!(whole, "nothing", "the right capability, and a uid that is not on the list");
    assert_eq!(inside.ask(world, 0, "GET /v1/status", CAPABILITY), "nothing", "root neither");
    assert_eq!(inside.ask(world, AIRFLOW, "GET /v1/status", CAPABILITY), "200 OK");

    let lines = ledger(world);
    let served = of_event(&lines, "issue");
    let by_container = |line: &&&Value| {
        let caller = &line["caller"];
        let named = caller["capability"].as_str().unwrap_or_default();
        named.starts_with("container-etl-") && caller["uid"] == AIRFLOW
    };
    assert_eq!(served.iter().filter(by_container).count(), 2, "{served:?}");
    let refused = of_event(&lines, "refused");
    let uids: Vec<_> = refused.iter().map(|line| line["caller"]["uid"].clone()).collect();
    assert_eq!(uids, [STRANGER, 0]);
    let said = world.cli(&["container", "status"]).expect(0).stdout;
    assert!(said.contains("let it in with `--uid 50001`"), "{said}");
    let doctor = world.cli(&["doctor"]);
    assert!(doctor.stdout.contains("uid 50001 was turned away"), "{}", doctor.stdout);
    scene.close();
}

#[test]
fn s19_a_door_takes_its_own_capability_alone_and_that_one_opens_no_other_door() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let (folder, _) = up(world, &["--uid", "50000", "--profile", "prod"]);
    let endpoint = std::fs::read(world.socket().with_file_name("endpoint.json")).unwrap();
    let endpoint: Value = serde_json::from_slice(&endpoint).unwrap();
    let own = capability(world, &folder);
    let url = format!("http://127.0.0.1:{}/v1/status", endpoint["port"]);
    let at_loopback = |bearer: &str| {
        let bearer = format!("Bearer {bearer}");
        let headers = [("Authorization", bearer.as_str()), ("Sec-Dagpass", "1")];
        crate::http::with_headers(&url, "GET", &headers, "").unwrap().status
    };
    assert_eq!(at_loopback(&own), 401);
    assert_eq!(at_loopback(endpoint["capability"].as_str().unwrap()), 200);

    let Some(inside) = Inside::start(world, &folder) else { return scene.close() };
    let foreign = format!("|authorization: Bearer {}", endpoint["capability"].as_str().unwrap());
    let guess = format!("|authorization: Bearer {}", "A".repeat(43));
    let json = format!("{CAPABILITY}|content-type: application/json|content-length: 0");
    for (line, more, expected) in [
        ("GET /v1/status", "", "401 Una"),
        ("GET /v1/status", guess.as_str(), "401 Una"),
        ("GET /v1/status", CAPABILITY, "200 OK"),
        ("GET /v1/config", CAPABILITY, "403 For"),
        ("GET /v1/containers", CAPABILITY, "403 For"),
        ("POST /v1/runs", json.as_str(), "403 For"),
        ("POST /v1/agent/stop", json.as_str(), "403 For"),
        ("DELETE /v1/containers/etl-00000000", CAPABILITY, "403 For"),
        ("GET /v1/token", CAPABILITY, "405 Met"),
        ("GET /nowhere", "", "401 Una"),
        ("GET /nowhere", CAPABILITY, "404 Not"),
        ("GET /v1/status", "|host: evil.example", "400 Bad"),
        ("GET /v1/status", "|origin: null", "403 For"),
    ] {
        assert_eq!(inside.ask(world, AIRFLOW, line, more), expected, "{line} {more}");
    }
    // The owner's capability would be a secret on a command line: it goes by the socket, from here.
    let (_, _) = up(world, &["--uid", "50000", "--uid", "0"]);
    let mut stream = UnixStream::connect(folder.join("agent.sock")).unwrap();
    let head = "GET /v1/status HTTP/1.1\r\nhost: localhost\r\nsec-dagpass: 1\r\nconnection: close";
    let head = format!("{head}{}\r\n\r\n", foreign.replace('|', "\r\n"));
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    scene.close();
}

#[test]
fn a_narrowed_door_gives_its_connection_and_no_token_without_one() {
    let connection = "\n[connection.warehouse_api]\nprofile = \"prod\"\nconn-type = \"http\"\n\
                      host = \"https://warehouse.example\"\n\
                      [connection.other_api]\nprofile = \"prod\"\nconn-type = \"http\"\n";
    let scene = Scene::configured(Setting::of(Family::PingOne), connection);
    scene.sign_in();
    let world = &scene.world;
    let (folder, _) = up(world, &["--uid", "50000", "--connection", "warehouse_api"]);
    let Some(inside) = Inside::start(world, &folder) else { return scene.close() };
    let script = "import json, sys\n\
        from airflow_provider_dagpass import place\n\
        from airflow_provider_dagpass.client import AGENT, DagpassError\n\
        print(AGENT.connection('warehouse_api')['host'], sorted(place.known_connections()))\n\
        for ask in ({'connection': 'other_api'}, {}, {'connection': 'warehouse_api', 'profile': 'prod'}):\n\
        \x20   try:\n\
        \x20       print(len(AGENT.token(**ask)['access_token']) > 9)\n\
        \x20   except DagpassError as error:\n\
        \x20       print(error.code)\n";
    let ended = inside.run(world, AIRFLOW, &[AGENT, "/usr/bin/python3", "-c", script]);
    assert_eq!(
        ended.stdout.lines().collect::<Vec<_>>(),
        ["https://warehouse.example ['warehouse_api']", "access_denied", "access_denied", "True"],
        "{}",
        ended.stderr
    );
    assert_eq!(inside.ask(world, AIRFLOW, "GET /v1/connections", CAPABILITY), "200 OK");
    scene.token();
    scene.close();
}

#[test]
fn s20_the_same_container_is_served_after_a_restart_and_its_capability_is_new() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let (folder, _) = up(world, &["--uid", "50000"]);
    let before = capability(world, &folder);
    up(world, &["--uid", "50000"]);
    assert_eq!(capability(world, &folder), before, "asking again changes nothing");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (path, expected) in [
        (folder.parent().unwrap().to_owned(), 0o700),
        (folder.clone(), 0o711),
        (folder.join("agent.sock"), 0o666),
        (folder.join("capability"), 0o644),
        (folder.join("connections.json"), 0o644),
        (folder.with_extension("json"), 0o600),
    ] {
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
    let inside = Inside::start(world, &folder);
    world.stop_agent();
    assert!(!folder.join("capability").exists(), "it went with the agent");
    world.start_agent();
    until("the door", || UnixStream::connect(folder.join("agent.sock")).ok());
    assert_ne!(capability(world, &folder), before);
    if let Some(inside) = &inside {
        tokens(&scene, inside, AIRFLOW);
    }
    // A crash leaves the socket's file; a cleaner takes it; the folder stays the one that is mounted.
    world.kill_agent();
    world.start_agent();
    until("the door", || UnixStream::connect(folder.join("agent.sock")).ok());
    capability(world, &folder);
    std::fs::remove_file(folder.join("agent.sock")).unwrap();
    until("the door again", || UnixStream::connect(folder.join("agent.sock")).ok());
    capability(world, &folder);
    if let Some(inside) = &inside {
        tokens(&scene, inside, AIRFLOW);
    }
    assert_eq!(of_event(&ledger(world), "door-opened").len(), 3);
    scene.close();
}

#[test]
fn down_ends_it_at_once_for_those_inside_too_and_leaves_nothing() {
    let world = World::bare();
    world.configure("[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n");
    world.start_agent();
    let own = rustix::process::getuid().as_raw().to_string();
    let (folder, door) = up(&world, &["--uid", &own]);
    let mut kept = UnixStream::connect(folder.join("agent.sock")).unwrap();
    kept.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "GET /v1/status HTTP/1.1\r\nhost: localhost\r\nsec-dagpass: 1\r\n\
         authorization: Bearer {}\r\n\r\n",
        capability(&world, &folder)
    );
    kept.write_all(head.as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let count = kept.read(&mut buffer).unwrap();
    assert!(String::from_utf8_lossy(&buffer[..count]).starts_with("HTTP/1.1 200 "));

    let project = world.home().join("etl").display().to_string();
    world.cli(&["container", "down", "--project", &project]).expect(0);
    let rest = kept.read(&mut buffer).map_or(0, |count| count);
    assert_eq!(rest, 0, "the connection that stood is closed");
    let _closed_is_fine = kept.write_all(head.as_bytes());
    assert_eq!(kept.read(&mut buffer).unwrap_or(0), 0);
    assert!(!folder.exists() && !folder.with_extension("json").exists());
    world.cli(&["container", "down", door["id"].as_str().unwrap()]).expect(1);
    world.restart_agent();
    assert!(!folder.exists(), "a closed door does not come back");
    let lines = ledger(&world);
    assert_eq!(of_event(&lines, "door-closed").len(), 1);
    world.close();
}

/// Whoever is root inside writes what he likes into the folder.
#[test]
fn what_is_left_in_its_folder_does_not_keep_a_door() {
    let world = World::bare();
    world.configure("[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n");
    world.start_agent();
    let (folder, door) = up(&world, &[]);
    std::fs::write(folder.join("left"), "behind").unwrap();
    world.cli(&["container", "down", door["id"].as_str().unwrap()]).expect(0);
    assert!(UnixStream::connect(folder.join("agent.sock")).is_err());
    assert!(!folder.with_extension("json").exists(), "nothing opens it again");
    world.restart_agent();
    let list = world.api("GET", "/v1/containers", &Value::Null).json();
    assert_eq!(list["containers"], serde_json::json!([]));
    assert_eq!(of_event(&ledger(&world), "door-closed").len(), 1);
    world.close();
}
