//! Fact: what a run was handed out is seen while it lives and can be taken back: its next request is refused,
//! and nobody else's. A sign-out of everything says what is confirmed, what is owed and what stays good.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::containers::{capability, up};
use crate::http;
use crate::idp::{Family, Idp, Setting};
use crate::scene::Scene;
use crate::wait::until;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

fn leases(scene: &Scene) -> Vec<Value> {
    let said = scene.world.cli(&["leases", "--json"]).expect(0);
    let list: Value = serde_json::from_str(&said.stdout).unwrap();
    list["leases"].as_array().unwrap().clone()
}

/// What it was handed out by is another door then, or none.
#[test]
fn a_door_that_is_opened_by_other_rules_or_closed_ends_what_it_was_handed_out() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let of_door = || -> Vec<(Value, Value)> {
        let all = leases(&scene).into_iter().filter(|one| one["kind"] == "door");
        all.map(|one| (one["state"].clone(), one["ended"]["why"].clone())).collect()
    };
    let asks = |folder: &Path| {
        let bearer = format!("Bearer {}", capability(&scene.world, folder));
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Sec-Dagpass", "1"),
            ("Content-Type", "application/json"),
        ];
        let socket = folder.join("agent.sock");
        let reply = http::on_socket_with(&socket, ("POST", "/v1/token"), &headers, "{}").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        scene.world.secret("access token", reply.json()["access_token"].as_str().unwrap());
    };
    let ended = || ("ended".into(), "its run or door ended".into());
    let (folder, door) = up(&scene.world, &[]);
    asks(&folder);
    assert_eq!(of_door(), [("holds".into(), Value::Null)]);
    let (folder, _) = up(&scene.world, &["--profile", "prod"]);
    assert_eq!(of_door(), [ended()], "by other rules");
    asks(&folder);
    assert_eq!(of_door(), [("holds".into(), Value::Null)]);
    scene.world.cli(&["container", "down", door["id"].as_str().unwrap()]).expect(0);
    assert_eq!(of_door(), [ended()], "closed");
    scene.close();
}

#[test]
fn a_run_s_lease_is_taken_back_and_its_next_request_is_refused() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let go = scene.world.root().join("tmp/go");
    let script = format!(
        "'{DAGPASS}' token > /dev/null && echo served; until [ -e '{0}' ]; do sleep 0.05; done; \
         '{DAGPASS}' leases --json > '{0}-leases'; '{DAGPASS}' token; echo \"ended with $?\"",
        go.display()
    );
    let mut run = scene.world.cli_start(&["run", "--", "sh", "-c", &script]);
    run.stdout.wait_for("the run's token", |text| text.contains("served").then_some(()));
    scene.token();

    let of_run = |state: &str| {
        let all = leases(&scene);
        all.into_iter().find(|one| one["kind"] == "run" && one["state"] == state)
    };
    let lease = of_run("holds").expect("the run's lease");
    assert_eq!((&lease["times"], &lease["profile"]), (&1.into(), &"prod".into()), "{lease}");
    let id = lease["id"].as_str().unwrap();
    let tree = scene.world.cli(&["leases"]).expect(0).stdout;
    assert!(tree.contains(id) && tree.contains("dagpass run run-"), "{tree}");

    scene.world.cli(&["leases", "revoke", "ls-0000000000"]).expect(1);
    scene.world.cli(&["leases", "revoke", "--dag", "unheard"]).expect(1);
    let said = scene.world.cli(&["leases", "revoke", id]).expect(0).stderr;
    assert!(said.contains("valid until") && said.contains("for whoever holds"), "{said}");
    assert!(of_run("holds").is_none() && of_run("revoked").is_some());
    fs::write(&go, "").unwrap();
    let ended = run.ended();
    assert!(ended.stdout.contains("ended with 4"), "{}\n{}", ended.stdout, ended.stderr);
    for words in ["was revoked for this process tree", "revoked by the person", "--fresh"] {
        assert!(ended.stderr.contains(words), "{words}\n{}", ended.stderr);
    }
    let own: Value =
        serde_json::from_str(&fs::read_to_string(go.with_file_name("go-leases")).unwrap()).unwrap();
    let own = own["leases"].as_array().unwrap();
    assert!(own.len() == 1 && own[0]["id"] == id, "a run sees its own alone: {own:?}");
    scene.token();
    let over = until("the run's end", || {
        let all = leases(&scene);
        all.into_iter().find(|one| one["id"] == id && one["state"] == "ended")
    });
    assert_eq!(over["ended"]["why"], "its run or door ended", "{over}");
    assert!(scene.idp.calls("endpoint=revocation").is_empty(), "no issuer is asked");
    let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    assert!(ledger.contains("\"lease-revoked\"") && ledger.contains("revoked by the person"));
    scene.world.keep("the run", ended);
    scene.close();
}

#[test]
fn a_sign_out_of_everything_says_what_is_confirmed_owed_and_still_good() {
    let mut other = Idp::start(Setting::of(Family::PingOne));
    let more = format!(
        "\n[profile.other]\nissuer = \"{}\"\nclient-id = \"{}\"\nredirect-ports = [0]\n",
        other.issuer, other.client_id
    );
    let scene = Scene::configured(Setting::of(Family::PingOne), &more);
    scene.sign_in();
    scene.sign_in_at("dagpass login other", &other);
    for profile in ["prod", "other"] {
        scene.world.token(&[profile]).unwrap();
    }
    other.give_secrets(&scene.world);
    other.stop();

    let said = scene.world.cli(&["logout", "--all", "--json"]).expect(0);
    let reply: Value = serde_json::from_str(&said.stdout).unwrap();
    let revocation = |profile: &str| {
        let all = reply["profiles"].as_array().unwrap();
        let one = all.iter().find(|one| one["profile"] == profile).unwrap();
        one["revocation"].as_str().unwrap().to_owned()
    };
    assert_eq!(revocation("prod"), "confirmed", "{reply:#}");
    assert_eq!(revocation("other"), "pending", "{reply:#}");
    let out = reply["outstanding"].as_array().unwrap();
    let mut of: Vec<&str> = out.iter().map(|one| one["profile"].as_str().unwrap()).collect();
    of.sort_unstable();
    assert_eq!((&reply["leases_ended"], of), (&2.into(), vec!["other", "prod"]), "{reply:#}");
    for profile in ["prod", "other"] {
        scene.world.token(&[profile]).expect_err("signed out").expect(3);
    }
    let status = scene.world.cli(&["status"]).expect(0);
    assert!(status.stdout.contains("other: revocation pending"), "{}", status.stdout);
    assert!(leases(&scene).iter().all(|one| one["ended"]["why"] == "signed out"));

    let again = scene.world.cli(&["logout", "--all"]).expect(0).stderr;
    assert!(again.contains("was not signed in"), "{again}");
    assert!(
        again.contains("one that checks offline does not"),
        "what is out is told again: {again}"
    );
    let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let told = ledger.lines().find(|line| line.contains("\"sign-out-everywhere\"")).unwrap();
    assert!(told.contains("2 sessions: 1 confirmed, 1 pending; 2 leases ended"), "{told}");
    scene.close();
}

#[test]
fn a_profile_that_was_taken_out_is_signed_out_with_all_and_stays_so_where_it_comes_back() {
    let other = Idp::start(Setting::of(Family::PingOne));
    let more = format!(
        "\n[profile.other]\nissuer = \"{}\"\nclient-id = \"{}\"\nredirect-ports = [0]\n",
        other.issuer, other.client_id
    );
    let scene = Scene::configured(Setting::of(Family::PingOne), &more);
    let named = |many: usize| {
        until("the config in force", || {
            let status = scene.world.cli(&["status", "--json"]).expect(0).stdout;
            let status: Value = serde_json::from_str(&status).unwrap();
            (status["profiles"].as_array()?.len() == many).then_some(())
        });
    };
    scene.sign_in_at("dagpass login other", &other);
    scene.world.token(&["other"]).unwrap();
    scene.world.configure(&scene.idp.config(""));
    named(1);
    let said = scene.world.cli(&["logout", "--all", "--json"]).expect(0);
    let reply: Value = serde_json::from_str(&said.stdout).unwrap();
    let all = reply["profiles"].as_array().unwrap();
    let ended = all.iter().find(|one| one["profile"] == "other").expect("a row for it");
    assert_eq!(ended["revocation"], "confirmed", "{reply:#}");
    let refreshes = other.refreshes().len();
    scene.world.configure(&scene.idp.config(&more));
    named(2);
    scene.world.token(&["other"]).expect_err("nobody is signed in").expect(3);
    assert_eq!(other.refreshes().len(), refreshes, "and Ping is asked for nothing");
    other.give_secrets(&scene.world);
    // The scene's own provider was asked for nothing.
    scene.world.close();
}
