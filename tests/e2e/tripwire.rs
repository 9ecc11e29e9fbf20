//! Fact: a token that lies in a task's log is found after a run, after a task that Airflow's listener tells of,
//! and on demand; the leases that hold it end, and the record says where and never what.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::run_events::{event, tell};
use crate::scene::{Scene, WAREHOUSE_API, fingerprint};
use crate::wait::until;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");
const CHECK_FAILED: i32 = 1;

/// `tmp` is the one folder that the secret scan leaves out.
fn airflow(scene: &Scene) -> PathBuf {
    let home = scene.world.root().join("tmp/airflow");
    fs::create_dir_all(home.join("logs/dag_id=etl/run_id=manual__1/task_id=load")).unwrap();
    fs::create_dir_all(home.join("dags")).unwrap();
    scene.world.set("AIRFLOW_HOME", home.to_str().unwrap());
    home
}

fn finds(scene: &Scene) -> Vec<Value> {
    let text = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == "token-found").collect()
}

fn place(file: &Path, line: u64) -> String {
    format!("{}:{line}", file.canonicalize().unwrap().display())
}

#[test]
fn a_token_in_a_log_is_found_after_a_run_after_a_task_and_on_demand_and_ends_its_leases() {
    let scene = Scene::configured(Setting::of(Family::PingOne), WAREHOUSE_API);
    scene.sign_in();
    let home = airflow(&scene);
    let logs = home.join("logs/dag_id=etl/run_id=manual__1/task_id=load");

    // After a run: only what changed since it began.
    let old = home.join("dags/old.py");
    fs::write(&old, format!("TOKEN = '{}'\n", scene.token())).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&old).unwrap().set_modified(hour_ago).unwrap();
    let log = logs.join("attempt=1.log");
    let script = format!(
        "echo begun > '{0}'; echo \"Authorization: Bearer $('{DAGPASS}' token)\" >> '{0}'; exit 3",
        log.display()
    );
    let leaked = scene.token();
    let ended = scene.world.cli(&["run", "--", "sh", "-c", &script]).expect(3);
    let said = format!("{} holds a token that was issued at ", place(&log, 2));
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    assert!(ended.stderr.contains("; ended with it: ls-"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("old.py"), "{}", ended.stderr);
    let line = finds(&scene).remove(0);
    assert_eq!(line["reason"], place(&log, 2));
    assert_eq!(line["fingerprint"], fingerprint(&leaked)[..16]);
    assert_eq!((&line["session"]["profile"], &line["outcome"]), (&json!("prod"), &json!("ok")));
    let again = scene.ask(&json!({}));
    assert_eq!(again.json()["error"], "access_denied", "its lease has ended: {}", again.body);
    let kept = scene.world.root().join("tmp/next");
    let script = format!("'{DAGPASS}' token > '{}'", kept.display());
    scene.world.cli(&["run", "--", "sh", "-c", &script]).expect(0);
    let next = fs::read_to_string(&kept).unwrap();
    assert_ne!(next.trim(), leaked, "another tree gets another");
    let doctor = scene.world.cli(&["doctor"]).stdout;
    let lies = format!(
        "a token that is still good lies in {} ({})",
        place(&log, 2),
        &fingerprint(&leaked)[..16]
    );
    assert!(doctor.contains(&lies) && doctor.contains("dagpass airflow scan"), "{doctor}");
    // One that issues nothing looks for nothing.
    let quiet =
        scene.world.cli(&["run", "--", "sh", "-c", &format!("echo >> '{}'", log.display())]);
    assert!(!quiet.expect(0).stderr.contains("holds a token"));

    // After a task: the listener tells where the logs are.
    tell(&scene, &event("running", "task", "load"));
    let task = json!({ "dag_id": "etl", "task_id": "load", "run_id": "manual__1" });
    let ask = json!({ "conn_id": "warehouse_api", "context": task });
    let served = scene.world.api("POST", "/v1/airflow/connection", &ask);
    assert_eq!(served.status, 200, "{}", served.body);
    let second = logs.join("attempt=2.log");
    fs::write(&second, format!("{{\"conn\": {}}}\n", served.body)).unwrap();
    let mut done = event("success", "task", "load");
    done["log_folder"] = json!(home.join("logs"));
    tell(&scene, &done);
    let found = until("the find in the task's log", || {
        finds(&scene).into_iter().find(|line| line["reason"] == place(&second, 1))
    });
    assert_eq!(found["caller"]["pid"], std::process::id());
    assert_eq!(finds(&scene).len(), 2);

    // On demand: all of it, and what is on the record already is not told twice.
    let scan = scene.world.cli(&["airflow", "scan"]).expect(CHECK_FAILED);
    assert_eq!(scan.stdout.lines().count(), 3, "{}", scan.stdout);
    assert!(scan.stdout.contains(&place(&old, 1)), "{}", scan.stdout);
    assert!(scan.stdout.contains("for connection warehouse_api, DAG etl.load"), "{}", scan.stdout);
    assert!(scan.stdout.contains("on the record already"), "{}", scan.stdout);
    assert!(scan.stderr.contains("cut or encoded"), "{}", scan.stderr);
    assert_eq!(finds(&scene).len(), 3);
    let scan = scene.world.cli(&["airflow", "scan", "--json"]).expect(CHECK_FAILED);
    let told: Value = serde_json::from_str(&scan.stdout).unwrap();
    assert_eq!(told["hits"].as_array().unwrap().len(), 3, "{told:#}");
    assert!(told["hits"].as_array().unwrap().iter().all(|hit| hit["known"] == true), "{told:#}");
    assert_eq!(finds(&scene).len(), 3);
    let other = home.join("dags");
    let since = ["airflow", "scan", "--since", "10m", other.to_str().unwrap()];
    assert_eq!(scene.world.cli(&since).expect(0).stdout, "");

    let tail = scene.world.cli(&["audit", "tail", "--event", "token-found"]).expect(0);
    assert!(tail.stdout.contains("Token found in a file"), "{}", tail.stdout);
    scene.close();
}
