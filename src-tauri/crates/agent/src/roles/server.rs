//! What a deployment's answer at `/auth/dagpass/roles` means. Only a whole mapping that agrees with its own
//! digest is one; everything else is "cannot tell", which is never "in sync".

use serde::Deserialize;
use serde_json::{Map, Value};

use super::file::RolesFile;

/// The mapping in force, as the server tells it to somebody with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRoles {
    pub mapping: RolesFile,
    /// The roles that the server gives whoever asked.
    pub you: Vec<String>,
}

/// Why the server's mapping is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// No such route: another auth manager, or none of ours.
    #[error("it has no route /auth/dagpass/roles (HTTP {status})")]
    NoRoute { status: u16 },
    #[error("it takes our token for none of its own (HTTP 401)")]
    TokenRefused,
    #[error("it gives you no role, and tells its mapping only to people with one (HTTP 403)")]
    Denied,
    /// Somebody between, or a server that is not well.
    #[error("{0}")]
    Away(String),
    #[error("its answer is no mapping: {0}")]
    Nonsense(String),
}

#[derive(Deserialize)]
struct You {
    #[serde(default)]
    roles: Vec<String>,
}

/// `body`: the answer's JSON object, where it is one.
pub fn told(status: u16, body: Option<Map<String, Value>>) -> Result<ServerRoles, Untold> {
    match (status, body) {
        (200, Some(body)) => mapping(body).map_err(Untold::Nonsense),
        // Airflow's own page, which it shows at any path that nobody else has.
        (200 | 404 | 405, _) => Err(Untold::NoRoute { status }),
        (401, _) => Err(Untold::TokenRefused),
        (403, _) => Err(Untold::Denied),
        (300..=399, _) => {
            Err(Untold::Away(format!("it redirects (HTTP {status}): a portal, or http for https")))
        }
        (status, _) => Err(Untold::Away(format!("it answered HTTP {status}"))),
    }
}

fn mapping(mut body: Map<String, Value>) -> Result<ServerRoles, String> {
    let digest = body.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned();
    let you = body.remove("you").map(serde_json::from_value::<You>);
    body.retain(|key, _| matches!(key.as_str(), "version" | "claim" | "clients" | "roles"));
    let mapping =
        RolesFile::parse(&Value::Object(body).to_string()).map_err(|fault| fault.message)?;
    if mapping.digest() != digest {
        return Err("its digest is not that of its roles".to_owned());
    }
    let you = you.transpose().map_err(|_| "`you` has no list of roles".to_owned())?;
    Ok(ServerRoles { mapping, you: you.map(|you| you.roles).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answered(status: u16, body: &Value) -> Result<ServerRoles, Untold> {
        told(status, body.as_object().cloned())
    }

    /// As the provider's own server answers.
    fn whole() -> Value {
        let text = r#"{"version": 1, "claim": "groups", "roles": {"a": ["User", "Op"]}}"#;
        let mut body: Value = serde_json::from_str(text).unwrap();
        body["digest"] = json!(RolesFile::parse(text).unwrap().digest());
        body["you"] = json!({"username": "ada", "roles": ["Op"]});
        body["removed_group_bites_within"] = json!({"api": 46_860});
        body
    }

    #[test]
    fn a_whole_answer_is_the_mapping_and_the_asker_s_roles() {
        let told = answered(200, &whole()).unwrap();
        assert_eq!((told.mapping.claim.as_str(), told.you), ("groups", vec!["Op".to_owned()]));
        assert_eq!(told.mapping.roles["a"], ["User", "Op"]);
    }

    #[test]
    fn what_is_no_mapping_is_never_taken_for_one() {
        let changed = |key: &str, value: Value| {
            let mut body = whole();
            body[key] = value;
            body
        };
        let nonsense = [
            json!({}),
            changed("digest", json!("0".repeat(64))),
            changed("digest", json!(null)),
            changed("roles", json!({"a": ["Op"]})),
            changed("roles", json!([])),
            changed("version", json!(2)),
            changed("you", json!("ada")),
        ];
        for body in nonsense {
            assert!(matches!(answered(200, &body), Err(Untold::Nonsense(_))), "{body}");
        }
    }

    #[test]
    fn a_server_that_cannot_tell_is_told_apart_from_one_that_will_not() {
        let (page, json) = (json!(null), json!({"detail": "Not Found"}));
        let table = [
            (404, &json, Untold::NoRoute { status: 404 }),
            (404, &page, Untold::NoRoute { status: 404 }),
            (200, &page, Untold::NoRoute { status: 200 }),
            (405, &json, Untold::NoRoute { status: 405 }),
            (401, &json, Untold::TokenRefused),
            (403, &json, Untold::Denied),
        ];
        for (status, body, expected) in table {
            assert_eq!(answered(status, body), Err(expected), "{status} {body}");
        }
        for status in [302, 429, 500, 502] {
            assert!(matches!(answered(status, &page), Err(Untold::Away(_))), "{status}");
        }
    }
}
