//! A socket that ssh forwards: what comes through it is marked remote on the record, and opens no
//! more than a run does.

use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::{ledger, of_event};
use crate::http;
use crate::idp::{Family, Setting};
use crate::scene::Scene;

#[test]
fn s30_what_comes_through_a_forwarded_socket_is_marked_remote() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let said = world.cli(&["--json", "container", "up", "--ssh", "box"]).expect(0).stdout;
    let door: Value = serde_json::from_str(&said).unwrap();
    let socket = door["socket"].as_str().unwrap().to_owned();
    let socket = std::path::Path::new(&socket);
    assert!(!socket.with_file_name("capability").exists(), "there is none to steal");

    let ask = |method, path| http::on_socket(socket, method, path, "{}").unwrap();
    let reply = ask("POST", "/v1/token");
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.secret("access token", reply.json()["access_token"].as_str().unwrap());
    for (method, path) in [
        ("GET", "/v1/config"),
        ("POST", "/v1/runs"),
        ("POST", "/v1/agent/stop"),
        ("POST", "/v1/sign-out"),
    ] {
        assert_eq!(ask(method, path).status, 403, "{method} {path}");
    }
    assert_eq!(scene.ask(&json!({})).status, 200);
    let lines = ledger(world);
    let issued = of_event(&lines, "issue");
    let marks: Vec<_> = issued.iter().map(|line| line["caller"]["remote"].clone()).collect();
    assert_eq!(marks, [json!(true), Value::Null], "the second came by our own socket");
    let name = issued[0]["caller"]["capability"].as_str().unwrap();
    assert!(name.starts_with("ssh-box-"), "{name}");
    world.cli(&["container", "down", "--ssh", "box"]).expect(0);
    assert!(UnixStream::connect(socket).is_err());
    scene.close();
}
