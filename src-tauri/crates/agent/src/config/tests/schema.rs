//! The schema takes what the agent takes and refuses what it refuses.

use serde_json::Value;

use super::super::json_schema;
use super::{EXAMPLE, good};

#[test]
fn the_schema_takes_the_example() {
    let _config = good(EXAMPLE);
    assert_eq!(faults(EXAMPLE), Vec::<String>::new());
}

#[test]
fn the_schema_refuses_what_the_agent_refuses() {
    let cases = [
        ("colour = 1", "colour"),
        ("[profile.p]\nissuer = \"x\"", "profile.p.client-id"),
        (
            "[profile.p]\nissuer = \"x\"\nclient-id = \"c\"\nclient_id = \"c\"",
            "profile.p.client_id",
        ),
        ("[profile.p]\nclient-id = \"c\"\nissuer = 5", "profile.p.issuer"),
        ("[profile.p]\nclient-id = \"c\"\nissuer = \"x\"\nflow = \"brwser\"", "profile.p.flow"),
        (
            "[profile.p]\nclient-id = \"c\"\nissuer = \"x\"\nredirect-ports = [70000]",
            "profile.p.redirect-ports",
        ),
        (
            "[profile.p]\nclient-id = \"c\"\nissuer = \"x\"\nendpoints = { tokn = \"x\" }",
            "profile.p.endpoints.tokn",
        ),
        ("[env.dev.connection.w]\nobtain = \"x\"", "env.dev.connection.w.obtain"),
        ("[store]\nkind = \"plain\"", "store.kind"),
        ("[audit]\ndurability = \"fsync\"", "audit.durability"),
        ("[[audit.witness]]\nurl = \"x\"", "audit.witness.key"),
        ("[[audit.witness]]\nurl = \"x\"\nkey = 1", "audit.witness.key"),
        ("[audit]\nwitness-quorum = \"all\"", "audit.witness-quorum"),
        ("[audit]\nretain = 1", "audit.retain"),
        ("[audit]\nkeep = \"1d\"", "audit.keep"),
        ("[audit.ship]\ninsecure = true", "audit.ship.otlp"),
        ("[audit.ship]\notlp = \"x\"\nkey = 1", "audit.ship.key"),
        ("[airflow.a]\nurl = \"x\"\nroles-file = 1", "airflow.a.roles-file"),
    ];
    for (text, place) in cases {
        assert_eq!(faults(text), [place], "{text}");
    }
}

/// Places where the text breaks the schema, by the few keywords that the schema uses.
fn faults(text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&json_schema()).expect("JSON");
    let config: toml::Table = text.parse().expect("TOML");
    let value = serde_json::to_value(config).expect("JSON");
    let mut found = Vec::new();
    walk(&schema, &schema, &value, &mut Fault { path: String::new(), found: &mut found });
    found
}

struct Fault<'a> {
    path: String,
    found: &'a mut Vec<String>,
}

fn walk(root: &Value, schema: &Value, value: &Value, fault: &mut Fault<'_>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointed = root.pointer(reference.trim_start_matches('#')).expect("a definition");
        return walk(root, pointed, value, fault);
    }
    if let Some(any) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let concrete: Vec<&Value> = any.iter().filter(|s| s["type"] != "null").collect();
        if let [only] = concrete.as_slice() {
            return walk(root, only, value, fault);
        }
        if !concrete.iter().any(|one| one["const"] == *value) {
            fault.found.push(fault.path.clone());
        }
        return;
    }
    let listed = schema["enum"].as_array();
    let fits = match &schema["type"] {
        Value::String(kind) => is_a(kind, value),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(|kind| is_a(kind, value)),
        _ => true,
    };
    let in_range = value.as_i64().is_none_or(|number| {
        schema["maximum"].as_i64().is_none_or(|max| number <= max)
            && schema["minimum"].as_i64().is_none_or(|min| number >= min)
    });
    if !fits || !in_range || listed.is_some_and(|listed| !listed.contains(value)) {
        fault.found.push(fault.path.clone());
        return;
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(required).is_none() {
            fault.found.push(format!("{}.{required}", fault.path));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        walk(root, &schema["items"], item, fault);
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let dot = if fault.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{key}", fault.path);
        let mut below = Fault { path, found: fault.found };
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(known), _) => walk(root, known, inner, &mut below),
            (None, Value::Bool(false)) => below.found.push(below.path),
            (None, other) => walk(root, other, inner, &mut below),
        }
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
