//! Groups, in every shape Ping products send them: one entry each, a DN whole. A function of the
//! claim's value; what a DN is called is [`dagpass_core::groups`]'s to say.

use dagpass_core::groups::common_name;
use serde_json::{Map, Value};

/// How many groups do we keep? A person in more than this is named by their directory's defaults.
const MOST_GROUPS: usize = 1_000;

/// The names at `path` in `claims`; `None` where the claim is absent or null. The path is a claim
/// name, or names with dots between for a nested one.
pub(crate) fn groups(claims: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
    let claim = claims.get(path).or_else(|| nested(claims, path))?;
    let found: Vec<String> = match claim {
        Value::Null => return None,
        Value::String(text) => from_text(text),
        Value::Array(items) => items.iter().filter_map(name).collect(),
        Value::Object(_) | Value::Bool(_) | Value::Number(_) => Vec::new(),
    };
    let mut names: Vec<String> = Vec::with_capacity(found.len().min(MOST_GROUPS));
    for group in found {
        if !group.is_empty() && names.len() < MOST_GROUPS && !names.contains(&group) {
            names.push(group);
        }
    }
    Some(names)
}

fn nested<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.')?;
    let inner = claims.get(first)?.as_object()?;
    inner.get(rest).or_else(|| nested(inner, rest))
}

/// A string is one DN, or names with commas between.
fn from_text(text: &str) -> Vec<String> {
    match common_name(text) {
        Some(_) => vec![text.trim().to_owned()],
        None => text.split(',').map(|name| name.trim().to_owned()).collect(),
    }
}

fn name(item: &Value) -> Option<String> {
    let text = item.as_str().or_else(|| item.get("name")?.as_str())?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_nested_claim_is_found_by_its_path_and_a_dotted_name_wins() {
        let claims = json!({"realm": {"roles": ["a"]}, "x.y": ["b"], "x": {"y": ["c"]}});
        let claims = claims.as_object().unwrap();
        assert_eq!(groups(claims, "realm.roles"), Some(vec!["a".to_owned()]));
        assert_eq!(groups(claims, "x.y"), Some(vec!["b".to_owned()]));
        assert_eq!(groups(claims, "realm.none"), None);
    }

    #[test]
    fn two_hundred_groups_are_kept_and_a_flood_is_cut() {
        let many = |count: usize| {
            let names: Vec<String> = (0..count).map(|n| format!("g{n}")).collect();
            let claims = json!({ "groups": names });
            groups(claims.as_object().unwrap(), "groups").unwrap().len()
        };
        assert_eq!(many(230), 230);
        assert_eq!(many(5_000), MOST_GROUPS);
    }
}
