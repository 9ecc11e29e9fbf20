//! Fact: what Airflow's listener tells goes on the record with the tokens that were served to that
//! very process; `audit tail` shows who, which DAG, task, connection and audience; a flood of
//! events costs the disk a burst and one line.

use std::fs;

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

const CONNECTION: &str = r#"
[connection.warehouse_api]
profile = "prod"
conn-type = "http"
host = "https://warehouse.corp.example"
"#;

pub(crate) fn event(happening: &str, kind: &str, task_id: &str) -> Value {
    json!({
        "event": happening, "kind": kind, "dag_id": "etl", "task_id": task_id,
        "run_id": "manual__1", "try_number": 1, "triggering_user": "ada",
    })
}

/// `POST /v1/run-events` on the socket.
pub(crate) fn tell(scene: &Scene, event: &Value) -> Value {
    let reply = scene.world.api("POST", "/v1/run-events", event);
    assert_eq!(reply.status, 200, "{}\n{}", reply.body, scene.world.agent_said());
    reply.json()
}

fn signed_in() -> Scene {
    let scene = Scene::configured(Setting::of(Family::PingFederate), CONNECTION);
    scene.sign_in();
    scene
}

fn run_lines(scene: &Scene) -> Vec<Value> {
    let text = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == "run").collect()
}

fn ask_for(scene: &Scene, context: &Value) {
    let ask = json!({ "conn_id": "warehouse_api", "context": context });
    assert_eq!(scene.world.api("POST", "/v1/airflow/connection", &ask).status, 200);
}

#[test]
fn a_task_is_on_record_with_the_person_and_the_tokens_it_was_served() {
    let scene = signed_in();
    let task = json!({ "dag_id": "etl", "task_id": "load", "run_id": "manual__1" });
    assert_eq!(tell(&scene, &event("running", "task", "load"))["recorded"], true);
    ask_for(&scene, &task);
    // Without a word of whose it is: the process tells.
    ask_for(&scene, &json!({}));
    ask_for(&scene, &json!({ "dag_id": "etl", "task_id": "other", "run_id": "manual__1" }));
    ask_for(&scene, &json!({ "purpose": "dag-parse" }));
    tell(&scene, &event("success", "task", "load"));

    let lines = run_lines(&scene);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let run = &lines[1]["run"];
    assert_eq!(
        (&run["dag_id"], &run["task_id"], &run["state"]),
        (&json!("etl"), &json!("load"), &json!("success"))
    );
    assert_eq!(run["triggering_user"], "ada");
    assert_eq!(lines[1]["subject"]["sub"], "alice", "{:#}", lines[1]);
    let tokens = run["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 1, "of one kind: {run:#}");
    assert_eq!(tokens[0]["connection"], "warehouse_api");
    assert_eq!(tokens[0]["times"], 2, "the other task's and the parse's are not its own");
    assert_eq!(lines[1]["caller"]["pid"], std::process::id());

    let shown = scene.world.cli(&["audit", "tail", "--dag", "etl", "--task", "load"]).expect(0);
    let row = shown.stdout.lines().find(|row| row.contains("Task success")).unwrap();
    for cell in ["ada as ", "etl", "load", "warehouse_api"] {
        assert!(row.contains(cell), "{cell}: {row}");
    }
    let audience = match &tokens[0]["audience"] {
        Value::Array(all) => all[0].as_str().unwrap().to_owned(),
        other => other.as_str().unwrap().to_owned(),
    };
    assert!(row.contains(&audience), "{audience}: {row}");
    assert!(!shown.stdout.contains("other"), "{}", shown.stdout);
    let none = scene.world.cli(&["audit", "tail", "--connection", "lake"]).expect(0);
    assert_eq!(none.stdout, "");
    let args =
        ["audit", "tail", "--json", "--since", "1h", "-n", "1", "--connection", "warehouse_api"];
    let json = scene.world.cli(&args).expect(0);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["run"]["state"], "success");
    scene.close();
}

#[test]
fn an_event_that_is_none_is_refused_and_leaves_no_line() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let long = json!("x".repeat(251));
    for (name, value) in [
        ("event", json!("queued")),
        ("kind", json!("asset")),
        ("dag_id", json!("")),
        ("run_id", json!("a\nb")),
        ("task_id", long),
        ("state", json!("a\u{1b}[31m")),
    ] {
        let mut wrong = event("running", "task", "load");
        wrong[name] = value;
        let reply = scene.world.api("POST", "/v1/run-events", &wrong);
        assert_eq!(reply.json()["error"], "invalid_request", "{name}: {}", reply.body);
    }
    assert_eq!(run_lines(&scene), [] as [Value; 0]);
    scene.world.close();
}

#[test]
fn a_broken_client_fills_no_disk_and_what_was_dropped_is_said() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let running = event("running", "task", "load");
    let sent = 1_600;
    let recorded = (0..sent).filter(|_| tell(&scene, &running)["recorded"] == true).count();
    assert!((1_000..1_200).contains(&recorded), "{recorded} of {sent}");
    let told = until("the line of what was dropped", || {
        run_lines(&scene).into_iter().find(|line| line["outcome"] == "denied")
    });
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("run events came too fast and are not recorded"), "{reason}");
    scene.world.close();
}
