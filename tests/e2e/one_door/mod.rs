//! Who may do what, at the real agent: what a capability covers, what a run may begin, which process is
//! served, and that all of it is on the record.

mod matrix;
mod narrowed;
mod pinned;
mod recorded;
mod runs;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::Reply;
use crate::world::World;

/// Begins a run for this very process, as `dagpass run` does for itself; its capability.
pub(crate) fn begin(world: &World, ask: &Value) -> (String, String) {
    let reply = world.api("POST", "/v1/runs", ask);
    assert_eq!(reply.status, 200, "{}", reply.body);
    known(world, &reply)
}

fn known(world: &World, reply: &Reply) -> (String, String) {
    let run = reply.json();
    let text = |name: &str| run[name].as_str().unwrap().to_owned();
    world.secret("capability of a run", &text("capability"));
    (text("id"), text("capability"))
}

/// One request on the socket with that capability.
pub(crate) fn with(
    world: &World,
    capability: &str,
    (method, path): (&str, &str),
    body: &Value,
) -> Reply {
    let bearer = format!("Bearer {capability}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Sec-Dagpass", "1"),
        ("Content-Type", "application/json"),
    ];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    crate::http::on_socket_with(&world.socket(), (method, path), &headers, &body).unwrap()
}

/// The code of a refusal, or `ok`.
pub(crate) fn code(reply: &Reply) -> String {
    if reply.status == 200 {
        return "ok".to_owned();
    }
    reply.json()["error"].as_str().unwrap().to_owned()
}

pub(crate) fn ledger(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How long until the agent has looked at whoever connected? It answers one request before that.
fn look_at(stream: &mut UnixStream) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
        .write_all(b"GET /v1/connections HTTP/1.1\r\nhost: localhost\r\nsec-dagpass: 1\r\n\r\n")
        .unwrap();
    let mut answer = [0; 4096];
    let count = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..count]);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}

const NOTHING: Value = Value::Null;

fn empty() -> Value {
    json!({})
}
