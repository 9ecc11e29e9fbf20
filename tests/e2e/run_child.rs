//! Fact: `dagpass run` passes the child's end through, gives it a capability that works while it
//! lives, and that capability is dead once it ended.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

const TOKEN: &str = env!("CARGO_BIN_EXE_dagpass");

#[test]
fn the_childs_end_is_ours() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)] {
        scene.world.cli(&["run", "--", "sh", "-c", script]).expect(code);
    }
    scene.world.cli(&["run", "--", "no-such-program-anywhere"]).expect(127);
    scene.world.cli(&["run", "--", "/etc/passwd"]).expect(126);
    scene.world.close();
}

#[test]
fn the_capability_dies_with_the_child() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    // `tmp` is the one folder that the secret scan leaves out.
    let kept = scene.world.root().join("tmp/kept");
    let script = format!(
        "'{TOKEN}' token > /dev/null && echo \"$DAGPASS_CAPABILITY\" > '{}'",
        kept.display()
    );
    scene.world.cli(&["run", "--", "sh", "-c", &script]).expect(0);
    let capability = fs::read_to_string(&kept).unwrap().trim().to_owned();
    assert!(capability.len() >= 43, "256 bits in base64url");
    scene.world.secret("capability of a run", &capability);

    let endpoint =
        fs::read_to_string(scene.world.socket().with_file_name("endpoint.json")).unwrap();
    let endpoint: Value = serde_json::from_str(&endpoint).unwrap();
    let url = format!("http://127.0.0.1:{}/v1/token", endpoint["port"]);
    let ask = |capability: &str| {
        let bearer = format!("Bearer {capability}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Sec-Dagpass", "1"),
            ("Content-Type", "application/json"),
        ];
        http::with_headers(&url, "POST", &headers, &json!({}).to_string()).unwrap().status
    };
    let start = Instant::now();
    until("the end of the capability", || (ask(&capability) == 401).then_some(()));
    println!("the capability ended {:?} after its child", start.elapsed());
    assert_eq!(ask(endpoint["capability"].as_str().unwrap()), 200, "the agent's own still works");
    scene.close();
}

#[test]
fn the_runs_environment_is_meant_where_the_child_names_none() {
    let scene = Scene::configured(
        Setting::of(Family::PingOne),
        "\n[env.dev.connection.lake]\nconn-type = \"http\"\n\n\
         [env.qa.connection.lake]\nconn-type = \"http\"\n",
    );
    scene.sign_in();
    let script = format!("unset DAGPASS_ENV; '{TOKEN}' token --connection lake > /dev/null");
    scene.world.cli(&["run", "--", "sh", "-c", &script]).expect(1);
    scene.world.cli(&["run", "--env", "qa", "--", "sh", "-c", &script]).expect(0);
    scene.close();
}
