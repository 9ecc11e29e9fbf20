//! Some keys of a config's text, changed; everything else stays byte for byte, comments above all.
//! Knows TOML and which tables have headers; whether the outcome is a good config is `check`'s to say.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;
use toml_edit::{Array, Document, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};

/// Why an edit cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("the config is no TOML: {0}")]
    Toml(String),
    #[error("`{key}`: {why}")]
    Key { key: String, why: String },
}

/// `unset` first, so that a key in both is set.
pub(super) fn edit(
    text: &str,
    set: &BTreeMap<String, Json>,
    unset: &[String],
) -> Result<String, Wrong> {
    // The library writes every line's end anew.
    let windows = text.contains("\r\n");
    let mut text = text.replace("\r\n", "\n");
    for path in unset {
        text = cut(&text, &keys(path)?)?;
    }
    if !set.is_empty() {
        let mut config: DocumentMut = text.parse().map_err(no_toml)?;
        for (path, value) in set {
            let wrong = |why: &str| Wrong::Key { key: path.clone(), why: why.to_owned() };
            put(config.as_table_mut(), &keys(path)?, value).map_err(wrong)?;
        }
        text = config.to_string();
    }
    Ok(if windows { text.replace('\n', "\r\n") } else { text })
}

/// `profile."a b".flow`.
fn keys(path: &str) -> Result<Vec<Key>, Wrong> {
    Key::parse(path)
        .map_err(|_| Wrong::Key { key: path.to_owned(), why: "that is no key".to_owned() })
}

fn no_toml(error: toml_edit::TomlError) -> Wrong {
    Wrong::Toml(error.message().trim().replace('\n', ", "))
}

/// Takes whole lines out, so that the comments around them stay.
fn cut(text: &str, path: &[Key]) -> Result<String, Wrong> {
    let config = Document::parse(text).map_err(no_toml)?;
    let mut table: &dyn TableLike = config.as_table();
    let mut inline = false;
    for key in &path[..path.len() - 1] {
        let Some(item) = table.get(key) else { return Ok(text.to_owned()) };
        inline |= item.is_inline_table();
        let Some(below) = item.as_table_like() else { return Ok(text.to_owned()) };
        table = below;
    }
    let Some((key, item)) = path.last().and_then(|last| table.get_key_value(last)) else {
        return Ok(text.to_owned());
    };
    if inline {
        return cut_inline(text, path);
    }
    let mut parts = Vec::new();
    lines_of(key, item, &mut parts);
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    parts.sort_by_key(|part: &Range<usize>| part.start);
    for part in parts {
        let start = text[..part.start].rfind('\n').map_or(0, |end| end + 1);
        let end = text[part.end..].find('\n').map_or(text.len(), |end| part.end + end + 1);
        if start >= at {
            left.push_str(&text[at..start]);
        }
        at = at.max(end);
    }
    left.push_str(&text[at..]);
    Ok(left)
}

/// Where an item stands: a value in one place, a table in as many as it has headers and values.
fn lines_of(key: &Key, item: &Item, parts: &mut Vec<Range<usize>>) {
    match item {
        Item::Value(value) => {
            let spans = (key.span(), value.span());
            if let (Some(key), Some(value)) = spans {
                parts.push(key.start..value.end);
            }
        }
        Item::Table(table) => lines_of_table(table, parts),
        Item::ArrayOfTables(tables) => {
            tables.iter().for_each(|table| lines_of_table(table, parts));
        }
        Item::None => {}
    }
}

fn lines_of_table(table: &Table, parts: &mut Vec<Range<usize>>) {
    // Its first line is its header; of a table without one there is no place.
    if let Some(span) = table.span().filter(|_| !table.is_dotted() && !table.is_implicit()) {
        parts.push(span.start..span.start);
    }
    for (name, item) in table.iter() {
        if let Some(key) = table.key(name) {
            lines_of(key, item, parts);
        }
    }
}

fn cut_inline(text: &str, path: &[Key]) -> Result<String, Wrong> {
    let mut config: DocumentMut = text.parse().map_err(no_toml)?;
    let mut table: &mut dyn TableLike = config.as_table_mut();
    for key in &path[..path.len() - 1] {
        let Some(below) = table.get_mut(key).and_then(Item::as_table_like_mut) else {
            return Ok(text.to_owned());
        };
        table = below;
    }
    if let Some(last) = path.last() {
        table.remove(last);
    }
    Ok(config.to_string())
}

fn put(root: &mut Table, path: &[Key], value: &Json) -> Result<(), &'static str> {
    let Some((last, above)) = path.split_last() else { return Err("that is no key") };
    let mut table: &mut dyn TableLike = root;
    for (depth, key) in above.iter().enumerate() {
        if !table.contains_key(key) {
            table.insert(key, empty(&path[..=depth]));
        }
        let below = table.get_mut(key).and_then(Item::as_table_like_mut);
        table = below.ok_or("what is above it is no table")?;
    }
    match value {
        Json::Object(pairs) => {
            if table.get(last).is_none_or(|item| item.as_table_like().is_none()) {
                table.insert(last, empty(path));
            }
            let below = table.get_mut(last).and_then(Item::as_table_like_mut);
            let below = below.ok_or("it takes no table")?;
            for (name, value) in as_read(pairs) {
                set(below, name, plain(value)?)?;
            }
            Ok(())
        }
        value => set(table, last, plain(value)?),
    }
}

/// In the order in which people read a table: whose it is comes first.
fn as_read(pairs: &serde_json::Map<String, Json>) -> Vec<(&String, &Json)> {
    const FIRST: [&str; 3] = ["issuer", "client-id", "scopes"];
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort_by_key(|(name, _)| (place(name), *name));
    pairs
}

/// A value in place of the old one keeps the comment behind it.
fn set(table: &mut dyn TableLike, name: &str, mut new: Value) -> Result<(), &'static str> {
    match table.get_mut(name) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        Some(Item::Table(_) | Item::ArrayOfTables(_)) => return Err("it is a table"),
        Some(Item::None) | None => drop(table.insert(name, Item::Value(new))),
    }
    Ok(())
}

/// A table with a header where people write one, `{ … }` below that.
fn empty(path: &[Key]) -> Item {
    let names: Vec<&str> = path.iter().map(Key::get).collect();
    let mut table = Table::new();
    match names.as_slice() {
        ["profile" | "connection" | "airflow" | "env"] | ["env", _] | ["env", _, "connection"] => {
            table.set_implicit(true);
            Item::Table(table)
        }
        [_] | ["profile" | "connection" | "airflow", _] | ["env", _, "connection", _] => {
            Item::Table(table)
        }
        _ => Item::Value(Value::InlineTable(InlineTable::new())),
    }
}

fn plain(value: &Json) -> Result<Value, &'static str> {
    Ok(match value {
        Json::Null => return Err("TOML has no null: unset the key"),
        Json::Bool(flag) => Value::from(*flag),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(broken)) if number.is_f64() => Value::from(broken),
            (None, _) => return Err("the number is too large"),
        },
        Json::Array(all) => {
            Value::Array(all.iter().map(plain).collect::<Result<Array, &'static str>>()?)
        }
        Json::Object(pairs) => {
            let mut table = InlineTable::new();
            for (name, value) in pairs {
                table.insert(name, plain(value)?);
            }
            Value::InlineTable(table)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "# ours\ndefault-profile = \"prod\" # daily\n\n# ---- profiles ----\n\n\
        # the big one\n[profile.prod] # live\n# exact\nissuer   =  \"https://i/as\"   # do not touch\n\
        client-id = 'c-1'\n# by the book\nflow = \"auto\"  # or device\nscopes = [\n  \"openid\", # who\n  \
        \"airflow\",\n]\nendpoints = { token = \"https://i/t\", jwks = \"https://i/k\" }\n\n\
        # the small one\n[profile.dev]\nissuer = \"https://d\"\n\n# end\n";

    fn edited(set: Json, unset: &[&str]) -> Result<String, Wrong> {
        let set = set.as_object().unwrap().clone().into_iter().collect();
        edit(TEXT, &set, &unset.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_what_is_asked_for_changes() {
        let without = |part: &str| {
            assert!(TEXT.contains(part), "{part}");
            TEXT.replace(part, "")
        };
        let table: Vec<(&str, Json, &[&str], String)> = vec![
            ("nothing", json!({}), &[], TEXT.to_owned()),
            (
                "a value keeps its comment",
                json!({"profile.prod.flow": "device"}),
                &[],
                TEXT.replace("flow = \"auto\"", "flow = \"device\""),
            ),
            (
                "a new key comes last in its table",
                json!({"profile.dev.ca-file": "ca.pem"}),
                &[],
                TEXT.replace("\"https://d\"\n", "\"https://d\"\nca-file = \"ca.pem\"\n"),
            ),
            (
                "a new table",
                json!({"profile.new": {"issuer": "https://n",
                                       "endpoints": {"token": "https://n/t"},
                                       "redirect-ports": [0, 1]}}),
                &[],
                TEXT.replace(
                    "# end\n",
                    "[profile.new]\nissuer = \"https://n\"\n\
                     endpoints = { token = \"https://n/t\" }\nredirect-ports = [0, 1]\n\n# end\n",
                ),
            ),
            (
                "an object into a table that is there",
                json!({"profile.prod": {"client-id": "c-2"}}),
                &[],
                TEXT.replace("'c-1'", "\"c-2\""),
            ),
            (
                "a key inside braces",
                json!({"profile.prod.endpoints.token": "https://x"}),
                &[],
                TEXT.replace("https://i/t", "https://x"),
            ),
            (
                "a key goes with its line, the comment above it stays",
                json!({}),
                &["profile.prod.flow"],
                without("flow = \"auto\"  # or device\n"),
            ),
            (
                "a list of several lines goes",
                json!({}),
                &["profile.prod.scopes"],
                without("scopes = [\n  \"openid\", # who\n  \"airflow\",\n]\n"),
            ),
            (
                "a table goes, the comments around it stay",
                json!({}),
                &["profile.dev"],
                without("[profile.dev]\nissuer = \"https://d\"\n"),
            ),
            ("what is not there is gone", json!({}), &["profile.x.y", "proxy"], TEXT.to_owned()),
            (
                "a key inside braces goes",
                json!({}),
                &["profile.prod.endpoints.jwks"],
                without(", jwks = \"https://i/k\" "),
            ),
        ];
        for (case, set, unset, expected) in table {
            similar(&edited(set, unset).unwrap(), &expected, case);
        }
    }

    /// A table's blank lines are the library's to choose; comments and keys are not.
    fn similar(got: &str, expected: &str, case: &str) {
        let lines = |text: &str| {
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        if case == "a new table" {
            assert_eq!(lines(got), lines(expected), "{case}");
        } else {
            assert_eq!(got, expected, "{case}");
        }
    }

    #[test]
    fn the_ends_of_lines_stay_what_they_are() {
        let text = TEXT.replace('\n', "\r\n");
        let set = BTreeMap::from([("profile.prod.flow".to_owned(), json!("device"))]);
        let expected = text.replace("flow = \"auto\"", "flow = \"device\"");
        assert_eq!(edit(&text, &set, &[]).unwrap(), expected);
    }

    #[test]
    fn an_empty_config_gets_its_first_profile() {
        let set = BTreeMap::from([("profile.prod".to_owned(), json!({"issuer": "https://i"}))]);
        assert_eq!(edit("", &set, &[]).unwrap(), "[profile.prod]\nissuer = \"https://i\"\n");
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (set, unset, said) in [
            (json!({"profile.prod.flow": null}), None, "TOML has no null"),
            (json!({"a b": 1}), None, "that is no key"),
            (json!({"default-profile.x": 1}), None, "what is above it is no table"),
            (json!({"profile.prod": 1}), None, "it is a table"),
            (json!({"profile.prod.x": 18_446_744_073_709_551_615_u64}), None, "too large"),
            (json!({}), Some("a b"), "that is no key"),
        ] {
            let unset: Vec<&str> = unset.into_iter().collect();
            let wrong = edited(set, &unset).unwrap_err().to_string();
            assert!(wrong.contains(said), "{wrong}");
        }
        let set = BTreeMap::from([("x".to_owned(), json!(1))]);
        assert!(matches!(edit("a = ", &set, &[]), Err(Wrong::Toml(_))));
    }
}
