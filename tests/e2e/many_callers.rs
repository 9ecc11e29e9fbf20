//! Fact: a hundred callers at expiry cost one refresh and all are served; on three audiences they
//! cost three, never two at once, and no refresh token reaches the provider twice.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting, assert_none_twice};
use crate::scene::{LAKE_API, Scene, WAREHOUSE_API};

const CALLERS: usize = 100;

/// How much later than the provider's own answer may the last of a hundred callers have his?
const ON_TOP: Duration = Duration::from_millis(50);

const AIRFLOW_API: &str = r#"
[connection.airflow_api]
profile = "prod"
conn-type = "http"
host = "https://airflow.corp.example"
scopes = ["airflow"]
token-in = "password"
"#;

/// All ask at once; each gives its answer, and how long after `start` it came.
pub(crate) fn crowd(
    scene: &Scene,
    asks: &[Value],
    release: impl FnOnce(),
) -> Vec<(http::Reply, Instant)> {
    let socket = scene.world.socket();
    let ready = Barrier::new(asks.len() + 1);
    std::thread::scope(|scope| {
        let callers: Vec<_> = asks
            .iter()
            .map(|ask| {
                let (socket, ready) = (&socket, &ready);
                scope.spawn(move || {
                    let body = ask.to_string();
                    ready.wait();
                    let reply = http::on_socket(socket, "POST", "/v1/token", &body).unwrap();
                    (reply, Instant::now())
                })
            })
            .collect();
        ready.wait();
        release();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    })
}

#[test]
fn a_hundred_callers_at_expiry_cost_one_refresh() {
    let scene = Scene::signed_in(Setting { access: 4, ..Setting::of(Family::PingOne) });
    let first = scene.token();
    scene.idp.fault(&json!({
        "endpoint": "token", "grant": "refresh_token", "kind": "hold-before",
    }));
    // A held refresh that was begun ahead of need must not begin a second one at expiry.
    scene.wait_until_expired(&first);
    scene.idp.access_lifetime(300);

    let asks = vec![json!({}); CALLERS];
    let mut released = Instant::now();
    let answers = crowd(&scene, &asks, || {
        scene.idp.wait(1, "endpoint=token&grant=refresh_token&state=held");
        // Long enough for the slowest of the hundred to have been read.
        std::thread::park_timeout(Duration::from_millis(300));
        released = Instant::now();
        scene.idp.release();
    });
    let last = answers.iter().map(|(_, at)| *at).max().unwrap();
    let token = answers[0].0.json()["access_token"].clone();
    assert!(answers.iter().all(|(reply, _)| reply.status == 200));
    assert!(answers.iter().all(|(reply, _)| reply.json()["access_token"] == token));
    let refreshes = scene.idp.refreshes();
    assert_eq!(refreshes.len(), 1, "{refreshes:#?}");

    let call = &refreshes[0];
    let held = call["released"].as_u64().unwrap() - call["at"].as_u64().unwrap();
    let latency = Duration::from_millis(call["took"].as_u64().unwrap() - held);
    let wall = last - released;
    println!("{CALLERS} callers: provider {latency:?}, all served {wall:?} after its release");
    assert_eq!(scene.idp.call_api(token.as_str().unwrap()), 200);

    // The control: the same crowd on a warm token. A machine that needs longer for that than we
    // allow on top is too busy to judge by a fixed figure.
    let mut start = Instant::now();
    let warm = crowd(&scene, &asks, || start = Instant::now());
    let control = warm.iter().map(|(_, at)| *at).max().unwrap() - start;
    println!("{CALLERS} callers on a warm token: {control:?}");
    // A figure, not a verdict: how busy the machine is decides it as much as we do.
    println!("provider {latency:?}, wall {wall:?}; the goal is at most {ON_TOP:?} on top");
    scene.close();
}

#[test]
fn a_hundred_callers_on_three_audiences_cost_three_refreshes() {
    let setting = Setting::of(Family::PingFederate);
    let scene = Scene::configured(setting, &[AIRFLOW_API, WAREHOUSE_API, LAKE_API].concat());
    scene.sign_in();
    let names = ["airflow_api", "warehouse_api", "lake_api"];
    let asks: Vec<_> =
        (0..CALLERS).map(|n| json!({ "connection": names[n % names.len()] })).collect();
    let start = Instant::now();
    let answers = crowd(&scene, &asks, || {});
    println!("{CALLERS} callers on three audiences: {:?}", start.elapsed());
    for (reply, _) in &answers {
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    let scopes: std::collections::BTreeSet<_> =
        answers.iter().map(|(reply, _)| reply.json()["scope"].to_string()).collect();
    assert_eq!(scopes.len(), 3, "{scopes:?}");

    let refreshes = scene.idp.refreshes();
    assert_eq!(refreshes.len(), 3, "{refreshes:#?}");
    assert!(refreshes.iter().all(|call| call["status"] == 200), "{refreshes:#?}");
    assert_none_twice(&refreshes);
    for pair in refreshes.windows(2) {
        let end = pair[0]["at"].as_u64().unwrap() + pair[0]["took"].as_u64().unwrap();
        assert!(pair[1]["at"].as_u64().unwrap() >= end, "two at once: {refreshes:#?}");
        assert_eq!(pair[1]["presented"], pair[0]["issued"], "not the newest token");
    }
    scene.close();
}
