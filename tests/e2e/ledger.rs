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
