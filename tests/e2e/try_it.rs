//! Fact: `/v1/try` obtains a token as any caller would, puts it on the record under its own purpose,
//! and tells all about it but the token. `/v1/airflow/connections` tells all but secrets.

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;

const MORE: &str = "\n[connection.lake]\nconn-type = \"http\"\nhost = \"https://me:canary-4711@lake.example\"\n\
    scopes = [\"lake:read\"]\nextra = { note = \"canary-4712\" }\n\n\
    [env.dev.connection.lake]\nlogin = \"ada\"\ntoken-in = \"password\"\n";

#[test]
fn a_token_is_tried_and_never_shown() {
    let scene = Scene::configured(Setting::of(Family::PingFederate), MORE);
    let attempt = |ask: Value| {
        let reply = scene.world.api("POST", "/v1/try", &ask);
        assert_eq!(reply.status, 200, "{}", reply.body);
        scene.world.keep_text("what was tried", &reply.body);
        reply.json()
    };
    let none = attempt(json!({}));
    assert_eq!((&none["ok"], &none["error"]["error"]), (&json!(false), &json!("login_required")));
    assert_eq!(none["error"]["hint"], "run `dagpass login prod`");

    scene.sign_in();
    let whole = attempt(json!({ "profile": "prod" }));
    assert_eq!((&whole["ok"], &whole["served"]), (&json!(true), &json!("cache")), "{whole}");
    assert!(whole["scopes"].as_array().unwrap().contains(&json!("airflow")), "{whole}");
    let narrow = attempt(json!({ "connection": "lake", "env": "dev" }));
    assert_eq!(narrow["served"], "refresh", "{narrow}");
    assert_eq!(narrow["scopes"], json!(["lake:read"]));
    assert!(narrow["expires_at"].as_i64().unwrap() > 1_700_000_000, "{narrow}");
    assert!(narrow["audience"].is_array() || narrow["audience"] == "not visible", "{narrow}");
    let unknown = attempt(json!({ "connection": "nowhere" }));
    assert_eq!(unknown["error"]["error"], "not_found");

    let records = scene.world.api("GET", "/v1/activity?limit=9", &Value::Null).json();
    let of_try = records["records"].as_array().unwrap().iter().find(|record| {
        record["event"] == "issue" && record["fingerprint"] == narrow["fingerprint"]
    });
    let of_try = of_try.unwrap_or_else(|| panic!("not on the record: {records:#}"));
    assert_eq!(of_try["caller"]["context"]["purpose"], "try");
    assert_eq!(of_try["connection"], "lake");
    scene.close();
}

#[test]
fn connections_are_told_without_their_secrets() {
    let scene = Scene::configured(Setting::of(Family::PingFederate), MORE);
    scene.world.secret("a password in a host", "canary-4711");
    let reply = scene.world.api("GET", "/v1/airflow/connections", &Value::Null);
    assert!(!reply.body.contains("canary"), "{}", reply.body);
    let told = reply.json();
    let told = told["connections"].as_array().unwrap();
    assert_eq!(told.len(), 1, "the plain table is a template: {told:?}");
    assert_eq!(
        told[0],
        json!({ "conn_id": "lake", "env": "dev", "profile": "prod", "conn_type": "http",
                "host": "https://lake.example", "login": "ada", "scopes": ["lake:read"],
                "obtain": "narrow", "token_in": "password" })
    );
    std::fs::write(scene.world.root().join("config.toml"), scene.idp.config("")).unwrap();
    scene.sign_in();
    scene.close();
}
