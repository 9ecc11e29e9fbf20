//! Fact: `/v1/config/edit` changes the keys it is given and no other byte of the file; what would be no
//! good config is refused, and then nothing at all has changed. Nothing goes over what another program wrote.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::World;

const BEFORE: &str = "# handed out by the data platform, do not mail\ndefault-profile = \"prod\" # daily\n\n\
    # the big one\n[profile.prod]\nissuer   = \"http://127.0.0.1:9/as\"   # exact\nclient-id = 'agent'\n\
    # ask Ada before you change this\nflow = \"auto\" # or device\n\n# that is all\n";

#[test]
fn comments_stay_byte_for_byte_and_a_bad_edit_changes_nothing() {
    let world = World::bare();
    world.configure(BEFORE);
    world.start_agent();
    let file = world.root().join("config.toml");
    let edit = |edit: Value| world.api("POST", "/v1/config/edit", &edit);

    let shown = edit(json!({ "set": { "profile.prod.flow": "device" }, "dry_run": true })).json();
    let expected = BEFORE.replace("flow = \"auto\"", "flow = \"device\"");
    assert_eq!(shown["text"], expected);
    assert_eq!(shown["problems"], json!([]));
    assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE, "a dry run wrote");

    let taken = edit(json!({ "set": { "profile.prod.flow": "device" } }));
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);

    for bad in [
        json!({ "set": { "profile.prod.flow": "telepathy" } }),
        json!({ "unset": ["profile.prod.issuer"] }),
        json!({ "set": { "notifications.enabled": "yes" } }),
    ] {
        let refused = edit(bad.clone());
        assert_eq!(refused.status, 400, "{bad}: {}", refused.body);
        assert_eq!(refused.json()["error"], "config_invalid", "{bad}");
        assert_eq!(fs::read_to_string(&file).unwrap(), expected, "{bad}");
        let mut dry = bad.clone();
        dry["dry_run"] = json!(true);
        let told = edit(dry).json();
        assert!(!told["problems"].as_array().unwrap().is_empty(), "{told}");
    }
    let wrong = edit(json!({ "set": { "a b": 1 } }));
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (400, Some("invalid_request")));

    let back = edit(json!({
        "set": { "profile.dev": { "issuer": "http://127.0.0.1:9/dev", "client-id": "x" } },
        "unset": ["profile.prod.flow"],
    }));
    assert_eq!(back.status, 200, "{}", back.body);
    let now = fs::read_to_string(&file).unwrap();
    for kept in BEFORE.lines().filter(|line| !line.starts_with("flow") && !line.is_empty()) {
        assert!(now.contains(kept), "`{kept}` is gone from:\n{now}");
    }
    let status = world.api("GET", "/v1/status", &Value::Null).json();
    assert_eq!(status["profiles"].as_array().unwrap().len(), 2, "in force at once: {status}");
    another_program_s_change_is_not_lost(&world, &file, &now);
    world.secret("nothing was handed out", "no-secret-in-this-world");
    world.close();
}

/// Between what was read and what is put or edited.
fn another_program_s_change_is_not_lost(world: &World, file: &Path, text: &str) {
    let read = world.api("GET", "/v1/config", &Value::Null).json();
    assert_eq!(read["table"]["profile"]["dev"]["client-id"], "x");
    let theirs = format!("{text}# theirs\n");
    fs::write(file, &theirs).unwrap();
    let mine = json!({ "text": format!("{text}# mine\n"), "digest": read["digest"] });
    let keys = json!({ "set": { "profile.dev.flow": "device" }, "digest": read["digest"] });
    for (method, path, body) in [("PUT", "/v1/config", &mine), ("POST", "/v1/config/edit", &keys)] {
        let refused = world.api(method, path, body);
        assert_eq!(refused.status, 409, "{}", refused.body);
        assert_eq!(refused.json()["error"], "config_changed");
        assert_eq!(fs::read_to_string(file).unwrap(), theirs, "{method} {path} wrote");
    }
    let now = world.api("GET", "/v1/config", &Value::Null).json();
    assert_eq!(now["text"], theirs, "read at once");
    let both = json!({ "text": format!("{theirs}# mine\n"), "digest": now["digest"] });
    let taken = world.api("PUT", "/v1/config", &both);
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert!(fs::read_to_string(file).unwrap().ends_with("# theirs\n# mine\n"));
}
