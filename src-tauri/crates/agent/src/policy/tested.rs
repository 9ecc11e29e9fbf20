//! What the conditions of a policy compare, and with what: read from Cedar's own JSON of it.

use cedar_policy::Policy;
use dagpass_core::principal::Who;
use serde_json::Value;

use super::language::Type;

/// `word` is one of `as_if`'s.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tested {
    pub(super) word: &'static str,
    /// As it is compared; `*` in it stands for any letters where it is a pattern.
    pub(super) value: String,
    pub(super) pattern: bool,
}

/// Of its head and its conditions, in order.
pub(super) fn by(policy: &Policy) -> Vec<Tested> {
    let Ok(json) = policy.to_json() else { return Vec::new() };
    let mut found = Vec::new();
    head(&json["principal"], &mut found);
    head(&json["resource"], &mut found);
    walk(&json["conditions"], &mut found);
    found.sort();
    found.dedup();
    found
}

fn head(part: &Value, found: &mut Vec<Tested>) {
    if let Some(kind) = part["entity_type"].as_str() {
        found.extend(entity(kind, ""));
    }
    found.extend(of_entity(&part["entity"]));
    found.extend(of_entity(&part["in"]["entity"]));
}

fn of_entity(value: &Value) -> Option<Tested> {
    let value = value.get("__entity").unwrap_or(value);
    entity(value["type"].as_str()?, value["id"].as_str()?)
}

fn entity(kind: &str, id: &str) -> Option<Tested> {
    if let Some(who) = Who::ALL.into_iter().find(|who| Type::Who(*who).as_str() == kind) {
        return Some(Tested { word: "who", value: who.as_str().to_owned(), pattern: false });
    }
    let word = match kind {
        "Profile" => "profile",
        "Connection" => "connection",
        "Deployment" => "deployment",
        "Audience" => "audience",
        "Scope" => "scopes",
        _ => return None,
    };
    (!id.is_empty()).then(|| Tested { word, value: id.to_owned(), pattern: false })
}

fn walk(json: &Value, found: &mut Vec<Tested>) {
    match json {
        Value::Array(all) => all.iter().for_each(|one| walk(one, found)),
        Value::Object(fields) => {
            for (operator, inner) in fields {
                found.extend(compared(operator, inner));
                walk(inner, found);
            }
        }
        _ => {}
    }
}

fn compared(operator: &str, inner: &Value) -> Option<Tested> {
    let sides = || {
        let (left, right) = (&inner["left"], &inner["right"]);
        path(left).map(|path| (path, right)).or_else(|| Some((path(right)?, left)))
    };
    match operator {
        "like" => {
            let value = pattern(&inner["pattern"])?;
            Some(Tested { word: word(&path(&inner["left"])?)?, value, pattern: true })
        }
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" => {
            let (path, other) = sides()?;
            let value = literal(other)?;
            Some(Tested { word: word(&path)?, value, pattern: false })
        }
        "in" => of_entity(&inner["right"]["Value"]),
        "is" => entity(inner["entity_type"].as_str()?, ""),
        // `context.remote` by itself.
        "." if path_of(inner)? == ["remote"] => {
            Some(Tested { word: "remote", value: "true".to_owned(), pattern: false })
        }
        _ => None,
    }
}

/// Behind `context`.
fn path(json: &Value) -> Option<Vec<String>> {
    path_of(json.get(".")?)
}

fn path_of(inner: &Value) -> Option<Vec<String>> {
    let attribute = inner["attr"].as_str()?.to_owned();
    if inner["left"]["Var"].as_str() == Some("context") {
        return Some(vec![attribute]);
    }
    let mut above = path(&inner["left"])?;
    above.push(attribute);
    Some(above)
}

fn word(path: &[String]) -> Option<&'static str> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    Some(match path.as_slice() {
        ["profile"] => "profile",
        ["connection"] => "connection",
        ["deployment"] => "deployment",
        ["env"] => "env",
        ["audience"] => "audience",
        ["scopes"] => "scopes",
        ["reach"] => "reach",
        ["remote"] => "remote",
        ["signed_in", "groups"] => "group",
        ["signed_in", "age"] => "signed-in-age",
        ["time", "hour"] => "hour",
        ["time", "weekday"] => "weekday",
        ["program", "path"] => "program",
        ["parents"] => "parent",
        ["cwd"] => "cwd",
        ["terminal"] => "terminal",
        ["cgroup"] => "cgroup",
        ["lane"] => "lane",
        ["declared", "dag"] => "dag",
        ["declared", "task"] => "task",
        _ => return None,
    })
}

fn literal(json: &Value) -> Option<String> {
    match &json["Value"] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn pattern(json: &Value) -> Option<String> {
    let parts = json.as_array()?.iter().map(|part| match part {
        Value::String(_) => "*",
        literal => literal["Literal"].as_str().unwrap_or_default(),
    });
    Some(parts.collect())
}
