use serde_json::{Value, json};

use super::schema::Schema;
use super::*;
use crate::ledger::log::Hash;

const RELEASED: [&str; 2] = [
    include_str!("../../../../../../../tests/cases/released/ledger.jsonl"),
    include_str!("../../../../../../../tests/cases/released/ledger-v1.jsonl"),
];

/// Every event of the agent's, and every deed, by the ledger's words: as the core has them.
const EVENTS: &str = include_str!("../../../../../core/src/audit.rs");
const ACTIONS: &str = include_str!("../../../../../core/src/policy/action.rs");

/// What `as_str` of that type gives.
fn words(source: &'static str, of: &str) -> Vec<&'static str> {
    let (_, body) = source.split_once(&format!("impl {of} {{")).unwrap();
    let (_, body) = body.split_once("fn as_str(self)").unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    let arms =
        body.lines().filter_map(|arm| arm.trim().strip_prefix("Self::")?.split_once("=> \""));
    arms.map(|(_, word)| word.trim_end_matches("\",")).collect()
}

fn ocsf() -> Ocsf {
    Ocsf::new("0.1.0", Some("dagpass.example/1"))
}

fn event_of(text: &str) -> Value {
    ocsf().event(text.as_bytes(), Line::parse(text).as_ref())
}

/// All that a line may say, by its own names.
const WHOLE: &str = r#"{
    "v": 2, "seq": 7, "time": "2026-11-24T19:28:51.123Z", "salt": "s",
    "prev": "abababababababababababababababababababababababababababababababab",
    "session": {"profile": "prod", "connection": "own"},
    "caller": {
        "transport": "socket", "uid": 1000, "pid": 12, "executable": "/opt/caf�/python3",
        "executable_bytes": "/opt/caf\\xe9/python3", "capability": "run-1", "remote": true,
        "context": {"dag_id": "etl", "task_id": "load", "run_id": "r", "purpose": "try"}
    },
    "action": "token",
    "subject": {"iss": "https://sso", "sub": "7f3a", "name": "Alice", "email": "alice@corp.example"},
    "connection": "lake", "deployment": "prod", "env": "e", "scopes": ["openid", "lake"],
    "resource": "https://lake/x", "run_id": "run-1", "audience": ["https://lake", "https://lake"],
    "fingerprint": "f1", "assertion": "f0", "expires_at": 1795548531000,
    "served": "exchange", "error": "access_denied", "reason": "because", "door": "unix:1000",
    "count": 12, "first": 1795548000000, "last": 1795548500000,
    "policy": "0a1b2c3d4e5f6071", "rules": ["no-prod-at-night", "ask"],
    "proof": {
        "endpoint": "https://***@sso.corp.example:9031/as/token", "took_ms": 41,
        "id_token": {
            "iss": "https://sso", "sub": "7f3a", "aud": ["agent"], "azp": "agent",
            "auth_time": 1795548000, "acr": "Multi_Factor", "amr": ["pwd", "mfa"], "sid": "s1",
            "jti": "j", "alg": "RS256", "kid": "k1", "at_hash": true
        }
    }
}"#;

fn whole(event: &str, outcome: &str) -> Value {
    let mut line: Value = serde_json::from_str(WHOLE).unwrap();
    (line["event"], line["outcome"]) = (event.into(), outcome.into());
    line
}

#[test]
fn every_kind_of_record_is_an_event_of_the_published_schema() {
    let schema = Schema::published();
    let mut judged = 0;
    let mut judge = |text: &str| {
        let event = event_of(text);
        assert_eq!(schema.faults(&event), [] as [String; 0], "{text}\n{event:#}");
        judged += 1;
    };
    let (events, actions) = (words(EVENTS, "Event"), words(ACTIONS, "Action"));
    assert!(events.len() >= 17 && actions.len() >= 33, "{events:?} {actions:?}");
    for event in events.into_iter().chain(["a-new-one", ""]) {
        for outcome in ["ok", "denied", "failed", ""] {
            let mut line = whole(event, outcome);
            judge(&line.to_string());
            for action in actions.iter().filter(|_| {
                ["decision", "issue", "approval-asked", "approval-expired"].contains(&event)
            }) {
                line["action"] = (*action).into();
                judge(&line.to_string());
            }
            // And none of it, one by one.
            let names: Vec<String> = line.as_object().unwrap().keys().cloned().collect();
            for name in names.into_iter().filter(|_| outcome == "ok") {
                let mut without = line.clone();
                without.as_object_mut().unwrap().remove(&name);
                judge(&without.to_string());
            }
            judge(&format!(r#"{{"event":"{event}","outcome":"{outcome}"}}"#));
            for transport in ["agent", "tcp", "pipe"] {
                let caller = format!(r#"{{"transport":"{transport}","uid":7}}"#);
                judge(&format!(
                    r#"{{"v":1,"time":"no time","event":"{event}","outcome":"{outcome}","caller":{caller}}}"#
                ));
            }
        }
    }
    let run = json!({
        "kind": "task", "dag_id": "etl", "run_id": "r", "task_id": "load", "map_index": 0, "try_number": 1,
        "state": "success", "triggering_user": "ada", "signed_in_as": "alice",
        "tokens": [
            {"session": {"profile": "prod"}, "connection": "lake", "audience": ["https://lake"],
             "fingerprint": "f1", "tokens": 1, "times": 2, "by": "context"},
            {"session": {"profile": "prod"}, "audience": "not visible", "fingerprint": "f2", "tokens": 2,
             "times": 2, "by": "run", "each": [{"fingerprint": "f0", "times": 1}]},
        ],
    });
    for mut line in [whole("run", "ok"), json!({"event": "run", "outcome": "ok"})] {
        line["run"] = run.clone();
        judge(&line.to_string());
    }
    for email in ["alice", "@", "a@b", "alice\u{1}@b.c", "李@b.c", "a@.c", "a@b.c"] {
        let mut line = whole("sign-in", "ok");
        line["subject"]["email"] = email.into();
        judge(&line.to_string());
    }
    for text in RELEASED.iter().flat_map(|file| file.lines()) {
        judge(text);
    }
    for text in ["", "7", "{}", r#"{"v":2,"se"#, "\u{feff}x"] {
        judge(text);
    }
    assert!(judged > 1_000, "{judged}");
}

#[test]
fn each_event_is_of_the_class_that_siems_know_it_by() {
    let table = [
        ("sign-in", "ok", 300_201),
        ("sign-out", "ok", 300_202),
        ("refresh", "ok", 300_299),
        ("exchange", "failed", 300_299),
        ("issue", "ok", 600_302),
        ("decision", "denied", 600_302),
        ("refused", "denied", 600_300),
        ("run", "ok", 600_399),
        ("door-opened", "ok", 300_501),
        ("door-closed", "ok", 300_502),
        ("revocation", "failed", 300_502),
        ("config-change", "ok", 300_403),
        ("agent-start", "ok", 600_203),
        ("agent-stop", "ok", 600_204),
        ("ledger-lost", "failed", 200_401),
        ("ledger-altered", "failed", 200_401),
        ("ledger-forked", "failed", 200_401),
        ("ledger-mended", "ok", 200_403),
        ("ledger-pruned", "ok", 300_404),
        ("evidence", "ok", 600_301),
        ("approval-asked", "ok", 600_302),
        ("approval-expired", "denied", 600_302),
        ("approval-answered", "ok", 300_501),
        ("approval-revoked", "ok", 300_502),
        ("token-found", "ok", 200_401),
        ("lease-revoked", "ok", 300_502),
        ("client-credential", "ok", 300_403),
        ("sign-out-everywhere", "ok", 300_202),
        ("a-new-one", "ok", 99),
    ];
    for event in words(EVENTS, "Event") {
        assert!(table.iter().any(|(known, ..)| *known == event), "{event} has no class");
    }
    for (event, outcome, type_uid) in table {
        let told = event_of(&whole(event, outcome).to_string());
        assert_eq!(told["type_uid"], type_uid, "{event}");
        assert_eq!(told["metadata"]["event_code"], event);
    }
}

/// Who writes a rule for a SIEM has that page and not the code.
#[test]
fn the_page_names_the_class_and_the_activity_of_each_event() {
    let page = include_str!("../../../../../../docs/audit-export.md");
    let (_, table) = page.split_once("## Which event is of which class").unwrap();
    let (table, _) = table.split_once("\n\nAuthorize").unwrap();
    let rows = table.lines().filter(|row| row.starts_with("| ")).skip(1);
    let rows: Vec<Vec<&str>> = rows.map(|row| row.trim_matches('|').split('|').collect()).collect();
    let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    let (events, actions) = (words(EVENTS, "Event"), words(ACTIONS, "Action"));
    let listed: Vec<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    for event in &events {
        assert_eq!(listed.iter().filter(|one| *one == event).count(), 1, "{event}: {listed:?}");
    }
    assert_eq!(listed.len(), events.len(), "{listed:?}");
    for event in events {
        let row = rows.iter().find(|row| quoted(row[0]).any(|one| one == event)).unwrap();
        let asked = actions.iter().filter(|_| ["decision", "issue"].contains(&event));
        for action in asked.map(Some).chain([None]) {
            let outcome = if event.starts_with("ledger-") { "failed" } else { "ok" };
            let mut line = whole(event, outcome);
            line["action"] = action.copied().into();
            let told = event_of(&line.to_string());
            let named =
                |id: &str, name: &str| format!("{} {}", told[id], told[name].as_str().unwrap());
            let class = named("class_uid", "class_name");
            assert!(row[1].contains(&class), "{event}: {class}, {row:?}");
            let activity = named("activity_id", "activity_name");
            assert!(row[2].contains(&activity), "{event} {action:?}: {activity}, {row:?}");
            if told["class_uid"] == 2004 {
                let severity = format!("severity {}", named("severity_id", "severity"));
                assert!(row[1].contains(&severity), "{event}: {severity}, {row:?}");
            }
        }
    }
}

#[test]
fn who_by_what_for_what_and_how_it_ended_stand_where_they_belong() {
    let event = event_of(&whole("issue", "denied").to_string());
    for (at, expected) in [
        ("/time", json!(1_795_548_531_123_i64)),
        ("/actor/user/uid", json!("7f3a")),
        ("/actor/user/email_addr", json!("alice@corp.example")),
        ("/actor/process/pid", json!(12)),
        ("/actor/process/user/uid", json!("1000")),
        ("/actor/app_uid", json!("run-1")),
        ("/actor/idp/issuer", json!("https://sso")),
        ("/src_endpoint", json!({"name": "another machine", "interface_name": "socket"})),
        ("/api/operation", json!("token")),
        ("/api/response/error", json!("access_denied")),
        ("/action_id", json!(2)),
        ("/disposition_id", json!(2)),
        ("/status_id", json!(2)),
        ("/status_code", json!("access_denied")),
        ("/message", json!("Request denied, 12 times")),
        ("/count", json!(12)),
        ("/metadata/sequence", json!(7)),
        ("/metadata/log_version", json!("2")),
        ("/metadata/product/version", json!("0.1.0")),
        ("/unmapped/ledger/fingerprint", json!("f1")),
        ("/unmapped/ledger/caller/executable_bytes", json!("/opt/caf\\xe9/python3")),
        ("/unmapped/ledger/subject", Value::Null),
        ("/unmapped/attestation_list/0/chain_uid", json!("dagpass.example/1")),
    ] {
        assert_eq!(event.pointer(at).unwrap_or(&Value::Null), &expected, "{at}: {event:#}");
    }
    let resources = event["resources"].as_array().unwrap();
    let names: Vec<&str> = resources.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["etl", "load", "r", "prod", "https://lake/x", "lake", "https://lake"]);
    let mut of_client = whole("refresh", "ok");
    of_client["subject"] = json!({"iss": "https://sso", "sub": "worker", "client": true});
    let of_client = event_of(&of_client.to_string());
    assert_eq!(
        (&of_client["user"]["uid"], &of_client["user"]["type_id"], &of_client["user"]["type"]),
        (&json!("worker"), &json!(4), &json!("Service"))
    );
    assert_eq!(of_client["authentication_token"], Value::Null);
    let signed_in = event_of(&whole("sign-in", "ok").to_string());
    assert_eq!(signed_in["dst_endpoint"]["hostname"], "sso.corp.example");
    assert_eq!((&signed_in["is_mfa"], &signed_in["session"]["uid"]), (&true.into(), &"s1".into()));
    assert_eq!(signed_in["authentication_token"]["type_id"], 3);
    // That is how many were denied meanwhile, and no number of such records.
    let mended = event_of(&whole("ledger-mended", "ok").to_string());
    assert_eq!(
        (&mended["count"], &mended["message"]),
        (&Value::Null, &"Record written again".into())
    );
    assert_eq!(mended["unmapped"]["ledger"]["count"], 12);
}

#[test]
fn who_holds_the_events_can_check_each_line_and_the_chain() {
    let mut ocsf = ocsf();
    let mut before: Option<(String, String)> = None;
    for text in RELEASED[0].lines() {
        let Some(line) = Line::parse(text) else { continue };
        // One that nobody wanted is gone past, and named all the same.
        if line.seq == 3 {
            ocsf.pass(text.as_bytes(), Some(&line));
            before = Some((hex(text.as_bytes()), digits(&leaf_hash(text.as_bytes()).0)));
            continue;
        }
        let event = ocsf.event(text.as_bytes(), Some(&line));
        assert_eq!(event["raw_data"], text);
        let attested = &event["unmapped"]["attestation_list"][0];
        assert_eq!(event["metadata"]["uid"], digits(&leaf_hash(text.as_bytes()).0));
        assert_eq!(attested["uid"], event["metadata"]["uid"]);
        assert_eq!(attested["fingerprint"]["value"], hex(text.as_bytes()));
        assert_eq!(attested["fingerprint"], event["raw_data_hash"]);
        match &before {
            None => assert!(attested["prev_event"].is_null(), "{attested:#}"),
            Some((sha256, leaf)) => {
                assert_eq!(attested["prev_event"]["fingerprint"]["value"], *sha256);
                assert_eq!(attested["prev_event"]["uid"], *leaf);
            }
        }
        before = Some((hex(text.as_bytes()), digits(&leaf_hash(text.as_bytes()).0)));
    }
    assert!(before.is_some());
}

#[test]
fn what_is_no_record_is_told_without_what_it_says() {
    let mut ocsf = ocsf();
    let first = whole("issue", "ok").to_string();
    ocsf.event(first.as_bytes(), Line::parse(&first).as_ref());
    let torn = br#"{"v":2,"token":"eyJhbGciOiJ"#;
    let event = ocsf.event(torn, None);
    assert_eq!(Schema::published().faults(&event), [] as [String; 0], "{event:#}");
    assert_eq!(event["time"], 1_795_548_531_123_i64, "as late as the line before at least");
    assert!(!event.to_string().contains("eyJ"), "{event:#}");
}

#[test]
fn a_checkpoint_is_an_event_with_the_note_as_it_was_signed() {
    let text = format!("dagpass.example/1\n7\n{}\n", Hash([7; 32]));
    let note = format!("{text}\n— dagpass.example/1 {}\n", "A".repeat(92));
    let note = Note::parse(note.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let mut ocsf = ocsf();
    let line = whole("issue", "ok").to_string();
    ocsf.event(line.as_bytes(), Line::parse(&line).as_ref());
    let event = ocsf.checkpoint(&note, &checkpoint);
    assert_eq!(Schema::published().faults(&event), [] as [String; 0], "{event:#}");
    assert_eq!(event["raw_data"], note.to_string());
    assert_eq!(event["metadata"]["sequence"], 7);
    assert_eq!(event["time"], 1_795_548_531_123_i64);
    assert_eq!(event["unmapped"]["checkpoint"]["origin"], "dagpass.example/1");
    let cosigned = format!("{note}— witness.example/w1 {}\n", "B".repeat(100));
    let cosigned = ocsf.checkpoint(&Note::parse(cosigned.as_bytes()).unwrap(), &checkpoint);
    assert_ne!(cosigned["metadata"]["uid"], event["metadata"]["uid"], "no SIEM takes it for that");
    assert_eq!(ocsf.checkpoint(&note, &checkpoint), event);
}
