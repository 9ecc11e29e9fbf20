//! Fact: the ledger is private, holds a line for sign-in, issue, refresh and sign-out, each chained
//! to the line before by its SHA-256, and names a token by its fingerprint alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::idp::{Family, Setting};
use crate::scene::{Scene, fingerprint as sha256};

#[test]
fn every_line_holds_the_hash_of_the_line_before() {
    let scene = Scene::signed_in(Setting::of(Family::PingFederate));
    let first = scene.token();
    let second = scene.refreshed();
    scene.world.cli(&["logout"]).expect(0);

    let file = scene.world.state().join("ledger.jsonl");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    for event in ["sign-in", "decision", "issue", "refresh", "sign-out"] {
        let quoted = format!("\"{event}\"");
        assert!(lines.iter().any(|line| line.contains(&quoted)), "no {event} in:\n{text}");
    }
    for token in [&first, &second] {
        let fingerprint = &sha256(token)[..16];
        let issued = |line: &&str| line.contains("\"issue\"") && line.contains(fingerprint);
        assert!(lines.iter().any(issued), "{fingerprint} was not recorded:\n{text}");
    }
    for pair in lines.windows(2) {
        let (bare, ended) = (sha256(pair[0]), sha256(&format!("{}\n", pair[0])));
        assert!(pair[1].contains(&bare) || pair[1].contains(&ended), "{}", pair[1]);
    }
    let shown = scene.world.cli(&["audit", "tail", "-n", "50"]).expect(0);
    assert!(shown.stdout.contains(&sha256(&second)[..16]), "{}", shown.stdout);

    // A crash loses no line, and the chain goes on behind it.
    scene.world.kill_agent();
    scene.world.start_agent();
    scene.sign_in();
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&text));
    let last_before = lines.last().unwrap();
    let next = after.lines().nth(lines.len()).unwrap();
    let (bare, ended) = (sha256(last_before), sha256(&format!("{last_before}\n")));
    assert!(next.contains(&bare) || next.contains(&ended), "the chain broke: {next}");
    scene.close();
}

#[test]
fn a_token_comes_with_the_number_and_the_hash_of_its_line_and_one_from_the_cache_is_one_line() {
    let more = "\n[audit]\ndurability = \"synced\"\n";
    let scene = Scene::configured(Setting::of(Family::PingOne), more);
    scene.sign_in();
    scene.token();
    let ledger = || fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let before = ledger().lines().count();
    let reply = scene.ask(&serde_json::json!({}));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let record = reply.json()["record"].clone();
    let text = ledger();
    assert_eq!(text.lines().count(), before + 1, "{text}");
    let line = text.lines().last().unwrap();
    let told: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&told["v"], &told["seq"]), (&2.into(), &record["seq"]));
    assert_eq!(record["leaf"], sha256(&format!("\0{line}")));
    let said = (&told["event"], &told["action"], &told["served"]);
    assert_eq!(said, (&"issue".into(), &"token".into(), &"cache".into()), "{line}");

    let signed_in =
        text.lines().find(|line| line.contains("\"sign-in\",\"outcome\":\"ok\",\"session"));
    let signed_in: serde_json::Value = serde_json::from_str(signed_in.unwrap()).unwrap();
    let proof = &signed_in["proof"];
    for there in ["iss", "sub", "aud", "alg", "kid"] {
        assert!(!proof["id_token"][there].is_null(), "{there}: {signed_in:#}");
    }
    assert!(proof["endpoint"].as_str().unwrap().contains("token"), "{proof}");
    assert!(proof["took_ms"].is_u64(), "{proof}");
    let shown = scene.world.cli(&["audit", "tail"]).expect(0).stdout;
    let sub = signed_in["subject"]["sub"].as_str().unwrap();
    let named = signed_in["subject"]["email"].as_str().or(signed_in["subject"]["name"].as_str());
    assert!(shown.contains(sub), "{shown}");
    assert!(named.is_none_or(|name| shown.contains(name)), "{shown}");
    scene.close();
}
