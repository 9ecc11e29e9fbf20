//! Facts: an Airflow deployment's JWT costs one grant for however many ask, is the same bytes until
//! its end nears, outlives a deployment that fails, and is on the ledger with what was handed in for it.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::deployment::{Deployment, Fault, jwt};
use crate::idp::{Family, Setting};
use crate::many_callers::crowd;
use crate::scene::{Scene, fingerprint};
use crate::wait::until;

fn scene(deployment: &Deployment) -> Scene {
    let scene = Scene::configured(Setting::of(Family::PingOne), &deployment.config());
    scene.sign_in();
    scene
}

fn close(scene: Scene, deployment: &Deployment) {
    deployment.give_secrets(&scene.world);
    scene.close();
}

fn refuse(deployment: &Deployment, status: u16, body: &Value) {
    deployment.fault(Some(Fault::Answer(status, "application/json", body.to_string())));
}

#[test]
fn a_hundred_callers_cost_one_grant_and_each_issue_is_on_the_ledger() {
    let deployment = Deployment::start(600);
    let scene = scene(&deployment);
    let ping = scene.token();
    let asks: Vec<_> = (0..100)
        .map(|n| match n % 2 {
            0 => json!({ "airflow": "prod" }),
            _ => json!({ "airflow": deployment.url }),
        })
        .collect();
    for (reply, _) in crowd(&scene, &asks, || {}) {
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.json()["access_token"], jwt(1));
        assert_eq!(reply.json()["token_type"], "Bearer");
        assert!((590..=600).contains(&reply.json()["expires_in"].as_i64().unwrap()));
    }
    assert_eq!(deployment.assertions(), [ping.as_str()]);
    assert_eq!(scene.world.token(&["--airflow", "prod"]).unwrap(), jwt(1));

    let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let lines: Vec<Value> =
        ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |event: &str| {
        lines.iter().filter(|line| line["event"] == event && line["deployment"] == "prod").count()
    };
    assert_eq!((named("exchange"), named("issue")), (1, 101));
    let waited = named("decision");
    assert!((1..=100).contains(&waited), "whoever waits is on the record before: {waited}");
    let issue = lines.iter().rfind(|line| line["event"] == "issue").unwrap();
    assert_eq!(issue["fingerprint"], fingerprint(&jwt(1))[..16]);
    assert_eq!(issue["assertion"], fingerprint(&ping)[..16]);

    let status = scene.world.cli(&["status", "--json"]).expect(0);
    let shown: Value = serde_json::from_str(&status.stdout).unwrap();
    let one = &shown["deployments"][0];
    assert_eq!((&one["name"], &one["url"]), (&json!("prod"), &json!(deployment.url)));
    assert!(one["expires_at"].as_i64().unwrap() > 0, "{one}");
    let said = scene.world.cli(&["whoami"]).expect(0).stdout;
    assert!(
        said.contains(&format!("airflow  prod at {}: its own, until", deployment.url)),
        "{said}"
    );
    close(scene, &deployment);
}

#[test]
fn a_jwt_that_was_refused_or_is_over_is_asked_for_anew_and_a_failing_server_costs_nothing() {
    let deployment = Deployment::start(4);
    let scene = scene(&deployment);
    let ask = |ask: &Value| {
        let reply = scene.ask(ask);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["access_token"].as_str().unwrap().to_owned()
    };
    let wanted = json!({ "airflow": "prod" });
    assert_eq!(ask(&wanted), jwt(1));
    // The next one is over by no clock: only being refused has another one asked for.
    deployment.lifetime(600);
    until("the next JWT", || (ask(&wanted) != jwt(1)).then_some(()));

    let current = ask(&wanted);
    let rejected = json!({ "airflow": "prod", "rejected": fingerprint(&current) });
    deployment.fault(Some(Fault::Answer(502, "text/html", "<html>".into())));
    assert_eq!(ask(&rejected), current, "the valid JWT is still served");
    deployment.fault(None);
    until("a JWT in its place", || (ask(&rejected) != current).then_some(()));
    close(scene, &deployment);
}

#[test]
fn each_refusal_names_its_fault_and_the_way_out() {
    let html = || Fault::Answer(200, "text/html", "<html>portal</html>".into());
    let oauth = |status: u16, error: &str| {
        let body = json!({ "error": error, "error_description": "as told" });
        Fault::Answer(status, "application/json", body.to_string())
    };
    for (fault, exit, text) in [
        (oauth(403, "access_denied"), 4, "gives you no role"),
        (oauth(400, "invalid_grant"), 1, "refuses the token that Ping gave"),
        (oauth(404, ""), 1, "dagpass airflow setup --server"),
        (html(), 6, "cannot be reached"),
        (Fault::Hang, 6, "no answer within 7 s"),
    ] {
        let deployment = Deployment::start(600);
        let scene = scene(&deployment);
        deployment.fault(Some(fault.clone()));
        let refused = scene.world.token(&["--airflow", "prod"]).expect_err("refused").expect(exit);
        assert!(refused.stderr.contains(text), "{fault:?}: {}", refused.stderr);
        scene.token();
        let told = scene.world.cli(&["status"]).expect(0).stdout;
        assert!(told.contains("Airflow prod") && told.contains("  reason"), "{told}");
        close(scene, &deployment);
    }
}

#[test]
fn a_sign_in_that_is_too_old_makes_the_next_one_a_new_proof() {
    let deployment = Deployment::start(600);
    let scene = scene(&deployment);
    let error = "insufficient_user_authentication";
    refuse(&deployment, 401, &json!({ "error": error, "error_description": "too old" }));
    let refused = scene.world.token(&["--airflow", "prod"]).expect_err("too old").expect(3);
    assert!(refused.stderr.contains("run `dagpass login prod --fresh`"), "{}", refused.stderr);

    let mut login = scene.world.cli_start(&["login", "--browser", "--no-open"]);
    login.stderr.wait_for("the address", |text| text.contains("prompt=login").then_some(()));
    scene.world.keep("dagpass login", login.kill());
    close(scene, &deployment);
}

#[test]
fn a_run_gets_the_jwt_in_its_environment() {
    let deployment = Deployment::start(3600);
    let scene = scene(&deployment);
    let kept = scene.world.root().join("tmp/kept");
    let script = format!("printf %s \"$AIRFLOW_CLI_TOKEN\" > '{}'", kept.display());
    scene.world.cli(&["run", "--airflow", "prod", "--", "sh", "-c", &script]).expect(0);
    assert_eq!(fs::read_to_string(&kept).unwrap(), jwt(1));
    scene.world.cli(&["run", "--airflow", "nowhere", "--", "true"]).expect(125);
    close(scene, &deployment);
}

#[test]
fn a_logout_takes_the_jwts_back_and_says_what_came_of_it() {
    let deployment = Deployment::start(600);
    let scene = scene(&deployment);
    scene.world.token(&["--airflow", "prod"]).unwrap();
    scene.ask(&json!({ "airflow": "prod", "rejected": fingerprint(&jwt(1)) }));
    let said = scene.world.cli(&["logout"]).expect(0).stderr;
    assert_eq!(said.matches("Airflow prod: its token is revoked").count(), 2, "{said}");
    assert!(deployment.has_revoked(&jwt(1)) && deployment.has_revoked(&jwt(2)));
    scene.world.token(&["--airflow", "prod"]).expect_err("signed out").expect(3);
    let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let fingerprint = &fingerprint(&jwt(2))[..16];
    let line = ledger.lines().rfind(|line| line.contains("\"revocation\"")).unwrap();
    assert!(line.contains(fingerprint) && line.contains("confirmed"), "{line}");
    close(scene, &deployment);
}

#[test]
fn a_deployment_that_hangs_or_is_gone_never_holds_a_logout_up() {
    for (fault, text) in [
        (Some(Fault::Hang), "did not confirm; its token ends at"),
        (None, "cannot be reached; its token ends at"),
    ] {
        let deployment = Deployment::start(600);
        let scene = scene(&deployment);
        scene.world.token(&["--airflow", "prod"]).unwrap();
        if fault.is_none() {
            deployment.stop();
        }
        deployment.fault(fault);
        let start = Instant::now();
        let said = scene.world.cli(&["logout"]).expect(0).stderr;
        println!("logout with the deployment away: {:?}", start.elapsed());
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
        assert!(said.contains("has revoked") && said.contains(text), "{said}");
        close(scene, &deployment);
    }
}
