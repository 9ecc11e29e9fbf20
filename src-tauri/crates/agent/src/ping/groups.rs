//! Groups, in every shape Ping products send them. A function of the claim's value.

use serde_json::{Map, Value};

/// How many groups do we keep? A person in more than this is named by their directory's defaults.
const MOST_GROUPS: usize = 1_000;

/// The names at `path` in `claims`; `None` where the claim is absent or null. The path is a claim
/// name, or names with dots between for a nested one.
pub(super) fn groups(claims: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
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
        Some(name) => vec![name],
        None => text.split(',').map(|name| name.trim().to_owned()).collect(),
    }
}

fn name(item: &Value) -> Option<String> {
    let text = item.as_str().or_else(|| item.get("name")?.as_str())?.trim();
    Some(common_name(text).unwrap_or_else(|| text.to_owned()))
}

/// `CN=x,OU=…` -> `x` (RFC 4514); `None` where the text is no DN.
fn common_name(dn: &str) -> Option<String> {
    let (kind, rest) = dn.trim().split_once('=')?;
    let known = ["cn", "ou", "uid"].iter().any(|name| kind.trim().eq_ignore_ascii_case(name));
    known.then(|| first_value(rest))
}

fn first_value(rest: &str) -> String {
    let mut value: Vec<u8> = Vec::new();
    let mut bytes = rest.trim_start().bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'+' => break,
            b'\\' => match bytes.next() {
                Some(high) if high.is_ascii_hexdigit() => {
                    let Some(low) = bytes.next_if(u8::is_ascii_hexdigit) else {
                        value.push(high);
                        continue;
                    };
                    let pair = [high, low];
                    let digits = std::str::from_utf8(&pair).unwrap_or_default();
                    value.push(u8::from_str_radix(digits, 16).unwrap_or_default());
                }
                Some(escaped) => value.push(escaped),
                None => break,
            },
            _ => value.push(byte),
        }
    }
    String::from_utf8_lossy(&value).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_shape_ends_as_a_list_of_names() {
        let table = [
            (json!({}), None),
            (json!({"groups": null}), None),
            (json!({"groups": ""}), Some(vec![])),
            (json!({"groups": []}), Some(vec![])),
            (json!({"groups": 7}), Some(vec![])),
            (json!({"groups": "data"}), Some(vec!["data"])),
            (json!({"groups": "data, ops ,data"}), Some(vec!["data", "ops"])),
            (json!({"groups": ["data", "ops"]}), Some(vec!["data", "ops"])),
            (json!({"groups": ["a,b"]}), Some(vec!["a,b"])),
            (json!({"groups": [{"name": "data"}, {"id": 1}, 3]}), Some(vec!["data"])),
            (
                json!({"groups": ["CN=Data Eng,OU=Groups,DC=corp", "cn=ops,dc=corp"]}),
                Some(vec!["Data Eng", "ops"]),
            ),
            (json!({"groups": "CN=data,OU=Groups,DC=corp"}), Some(vec!["data"])),
            (json!({"groups": ["CN=Doe\\, Jane,OU=x"]}), Some(vec!["Doe, Jane"])),
            (json!({"groups": ["CN=caf\\C3\\A9,OU=x"]}), Some(vec!["café"])),
            (json!({"groups": ["env=prod"]}), Some(vec!["env=prod"])),
        ];
        for (claims, expected) in table {
            let expected: Option<Vec<String>> =
                expected.map(|names: Vec<&str>| names.into_iter().map(str::to_owned).collect());
            assert_eq!(groups(claims.as_object().unwrap(), "groups"), expected, "{claims}");
        }
    }

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
