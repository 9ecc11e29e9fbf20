//! What a rule is aimed at, as far as that can be told without Cedar: the resource in its head, and the plain
//! tests that its conditions begin with. A rule that is aimed elsewhere is not put to Cedar: it would neither
//! match nor fail.

use cedar_policy::{EntityUid, Policy, ResourceConstraint};
use serde_json::Value;

use super::facts::Facts;
use crate::like::is_like;

/// Of one rule.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    resource: Resource,
    /// In the order that Cedar tries them in; behind the first that we do not know there is none.
    tests: Vec<Test>,
}

#[derive(Clone, Debug)]
enum Resource {
    Any,
    /// By the type and the name.
    Is(String, String),
    In(String, String),
    OfType(String),
}

/// `context has key`, `context.key == "…"` and `context.key like "…"`, of a key that is text.
#[derive(Clone, Debug)]
struct Test {
    key: String,
    wanted: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    There,
    Equal(String),
    /// Between its wildcards.
    Like(Vec<String>),
}

impl Aim {
    /// `json` is the same policy as Cedar writes it.
    pub(super) fn of(policy: &Policy, json: &Value) -> Self {
        let named =
            |uid: &EntityUid| (uid.type_name().to_string(), uid.id().unescaped().to_owned());
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any => Resource::Any,
            ResourceConstraint::Eq(uid) => {
                let (kind, name) = named(&uid);
                Resource::Is(kind, name)
            }
            ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => {
                let (kind, name) = named(&uid);
                Resource::In(kind, name)
            }
            ResourceConstraint::Is(kind) => Resource::OfType(kind.to_string()),
        };
        let mut tests = Vec::new();
        for condition in json["conditions"].as_array().into_iter().flatten() {
            let is_when = condition["kind"].as_str() == Some("when");
            if !is_when || !taken(&condition["body"], &mut tests) {
                break;
            }
        }
        Self { resource, tests }
    }

    /// May it match such a request, or fail on it?
    pub(super) fn may_hit(&self, facts: &Facts<'_>) -> bool {
        let (kind, name) = facts.resource();
        let resource = match &self.resource {
            Resource::Any => true,
            Resource::OfType(wanted) => wanted == kind.as_str(),
            Resource::Is(wanted, id) => wanted == kind.as_str() && id == name,
            Resource::In(wanted, id) => {
                let is_it = |(kind, name): (super::language::Type, &str)| {
                    wanted == kind.as_str() && id == name
                };
                is_it((kind, name)) || facts.above().any(is_it)
            }
        };
        resource && self.may_pass(facts)
    }

    fn may_pass(&self, facts: &Facts<'_>) -> bool {
        for test in &self.tests {
            let passed = match (&test.wanted, facts.text(&test.key)) {
                (Wanted::There, found) => found.is_some(),
                // To ask for what is not there is Cedar's to fail at.
                (Wanted::Equal(_) | Wanted::Like(_), None) => return true,
                (Wanted::Equal(wanted), Some(found)) => found == wanted,
                (Wanted::Like(parts), Some(found)) => is_like(found, parts),
            };
            if !passed {
                return false;
            }
        }
        true
    }
}

/// `false` where something of it is none of our tests: what is behind that is not looked at.
fn taken(json: &Value, tests: &mut Vec<Test>) -> bool {
    if let Some(both) = json.get("&&") {
        return taken(&both["left"], tests) && taken(&both["right"], tests);
    }
    let found = test(json);
    let is_one = found.is_some();
    tests.extend(found);
    is_one
}

fn test(json: &Value) -> Option<Test> {
    let (operator, inner) = json.as_object().filter(|fields| fields.len() == 1)?.iter().next()?;
    let key = |inner: &Value| {
        let is_context = inner["left"]["Var"].as_str() == Some("context");
        let name = inner["attr"].as_str().filter(|_| is_context)?;
        Facts::TEXTS.contains(&name).then(|| name.to_owned())
    };
    let of = |side: &Value| key(&side["."]);
    match operator.as_str() {
        "has" => Some(Test { key: key(inner)?, wanted: Wanted::There }),
        "==" => {
            let wanted = inner["right"]["Value"].as_str()?.to_owned();
            Some(Test { key: of(&inner["left"])?, wanted: Wanted::Equal(wanted) })
        }
        "like" => {
            let parts = pattern(&inner["pattern"])?;
            Some(Test { key: of(&inner["left"])?, wanted: Wanted::Like(parts) })
        }
        _ => None,
    }
}

/// Letters, and `Wildcard` for any.
fn pattern(json: &Value) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    for part in json.as_array()? {
        match (part.as_str(), part["Literal"].as_str()) {
            (Some("Wildcard"), None) => parts.push(String::new()),
            (None, Some(letters)) => parts.last_mut()?.push_str(letters),
            _ => return None,
        }
    }
    Some(parts)
}
