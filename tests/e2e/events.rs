//! Fact: whoever follows `/v1/events` sees the status change and each record as it is written, and a
//! reader that does not read keeps nobody's token. `/v1/activity` has the same records, newest first.

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::{Scene, fingerprint};
use crate::stream::{Stream, Unread, record};

#[test]
fn a_record_and_a_status_arrive_as_they_come_to_be() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let events = Stream::open(&scene.world.socket());
    events.wait_for("first status", |line| {
        (line["status"]["profiles"][0]["state"] == "signed_out").then_some(())
    });
    // A caller with nothing to get is on the record too.
    assert_eq!(scene.ask(&json!({ "context": { "dag_id": "etl" } })).status, 401);
    let denied = events.wait_for("record of who got none", |line| record(line, "issue"));
    assert_eq!(denied["outcome"], "failed");
    assert_eq!(denied["error"], "login_required");
    assert_eq!(denied["caller"]["context"]["dag_id"], "etl");

    scene.sign_in();
    events.wait_for("sign-in under way", |line| {
        (line["status"]["profiles"][0]["state"] == "signing_in").then_some(())
    });
    events.wait_for("person", |line| {
        (line["status"]["profiles"][0]["state"] == "signed_in").then_some(())
    });
    let token = scene.token();
    let short = &fingerprint(&token)[..16];
    let issued = events.wait_for("token's record", |line| {
        record(line, "issue").filter(|issued| issued["fingerprint"] == short)
    });
    assert_eq!(issued["served"], "cache");
    assert_eq!(issued.get("prev"), None, "{issued}");
    let renewed = scene.refreshed();
    let short = &fingerprint(&renewed)[..16];
    let issued = events.wait_for("new token's record", |line| {
        record(line, "issue").filter(|issued| issued["fingerprint"] == short)
    });
    assert_eq!(issued["served"], "refresh");
    scene.world.api("POST", "/v1/agent/pause", &json!({}));
    events.wait_for("pause", |line| (line["status"]["agent"]["paused"] == true).then_some(()));

    scene.world.keep_text("the events", &format!("{:?}", events.lines()));
    scene.world.stop_agent();
    events.wait_for_end();
    scene.close();
}

#[test]
fn a_reader_that_does_not_read_misses_records_and_holds_nobody_up() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let unread = Unread::open(&scene.world.socket());
    let began = std::time::Instant::now();
    // Far more than a socket, the stream and the followers' queue hold.
    let context = json!({ "context": { "task_id": "x".repeat(2000) } });
    for _ in 0..600 {
        assert_eq!(scene.ask(&context).status, 200);
    }
    let waited = began.elapsed();
    assert!(waited < std::time::Duration::from_secs(20), "{waited:?} for 600 tokens");
    let late = unread.read();
    late.wait_for("word of what it missed", |line| (line["event"] == "missed").then_some(()));
    let token = scene.token();
    let short = fingerprint(&token)[..16].to_owned();
    // The same bytes as before: told apart by having no context.
    late.wait_for("record that comes after", |line| {
        let issued = record(line, "issue")?;
        (issued["fingerprint"] == *short && issued["caller"].get("context").is_none()).then_some(())
    });
    scene.close();
}

#[test]
fn activity_has_the_newest_first_and_what_is_asked_for_alone() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    for dag in ["etl", "report"] {
        let reply = scene.ask(&json!({ "context": { "dag_id": dag, "task_id": "load it" } }));
        assert_eq!(reply.status, 200);
    }
    let get = |query: &str| -> Value {
        let reply = scene.world.api("GET", &format!("/v1/activity{query}"), &Value::Null);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    };
    let all = get("");
    let seqs: Vec<u64> =
        all["records"].as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert!(seqs.len() >= 5 && seqs.windows(2).all(|pair| pair[0] == pair[1] + 1), "{seqs:?}");
    assert_eq!(all["more"], false);
    assert_eq!(all["records"][0].get("prev"), None);

    let etl = get("?dag=etl&limit=1");
    assert_eq!(etl["records"][0]["event"], "issue");
    assert_eq!(etl["records"][0]["caller"]["context"]["dag_id"], "etl");
    assert_eq!(etl["more"], false, "decision and issue are one line");
    assert_eq!(etl["records"][0]["action"], "token");
    let pid = std::process::id();
    assert_eq!(get(&format!("?process={pid}"))["records"].as_array().unwrap().len(), 2);
    assert_eq!(get("?profile=other")["records"], json!([]));
    assert_eq!(get("?since=4000000000")["records"], json!([]));
    assert_eq!(scene.world.api("GET", "/v1/activity?limit=x", &Value::Null).status, 400);
    scene.world.keep_text("the activity", &all.to_string());
    scene.close();
}
