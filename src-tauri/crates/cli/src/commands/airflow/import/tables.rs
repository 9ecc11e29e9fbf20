//! The tables of taken connections in the text of config.toml: comments, order and everything else stay.

use serde_json::{Map, Value as Json};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use super::pasted::{Pasted, Row, Verdict};
use crate::exit::Failure;

pub(super) fn add(text: &str, rows: &[Row<'_>], profile: Option<&str>) -> Result<String, Failure> {
    let mut config: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let failure = Failure::new("config_invalid", "the config is no TOML");
        failure.because(error.message()).hint("run `dagpass config check`")
    })?;
    let profile = profile_of(&config, profile)?;
    let connections = config.entry("connection").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let connections = connections.as_table_mut().ok_or_else(|| {
        Failure::new("config_invalid", "`connection` in the config is no table of tables")
    })?;
    for row in rows {
        if let Verdict::Taken { from, token_in } = row.verdict {
            connections.insert(row.conn_id, Item::Table(table(from, token_in, &profile)));
        }
    }
    Ok(config.to_string())
}

/// What is new alone, for a person to read.
pub(super) fn alone(rows: &[Row<'_>], before: &str, after: &str) -> String {
    let Ok(mut config) = after.parse::<DocumentMut>() else { return String::new() };
    if before == after {
        return String::new();
    }
    config.retain(|key, _| key == "connection");
    if let Some(connections) = config.get_mut("connection").and_then(Item::as_table_mut) {
        let taken = |id: &str| {
            rows.iter().any(|row| row.conn_id == id && matches!(row.verdict, Verdict::Taken { .. }))
        };
        connections.retain(|id, _| taken(id));
    }
    config.to_string().trim().to_owned()
}

/// The named one, else the default, else the only one there is.
fn profile_of(config: &DocumentMut, named: Option<&str>) -> Result<String, Failure> {
    let profiles = config.get("profile").and_then(Item::as_table_like);
    let profiles: Vec<&str> =
        profiles.into_iter().flat_map(|table| table.iter()).map(|(name, _)| name).collect();
    let default = config.get("default-profile").and_then(Item::as_str);
    match (named.or(default), profiles.as_slice()) {
        (Some(name), known) if known.contains(&name) => Ok(name.to_owned()),
        (Some(name), _) => {
            let failure = Failure::new("not_found", format!("there is no profile `{name}`"));
            Err(failure.hint("run `dagpass init`, or give --profile NAME"))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => {
            let failure =
                Failure::new("not_found", "the config has no profile to take tokens from");
            Err(failure.hint("run `dagpass init`"))
        }
        (None, several) => {
            let failure = Failure::usage("which profile's tokens?").because(several.join(", "));
            Err(failure.hint("give --profile NAME"))
        }
    }
}

fn table(from: &Pasted, token_in: &str, profile: &str) -> Table {
    let mut table = Table::new();
    table["profile"] = value(profile);
    table["conn-type"] = value(&from.conn_type);
    for name in ["host", "schema", "port", "login"] {
        if let Some(found) = from.fields.get(name).and_then(plain) {
            table[name] = Item::Value(found);
        }
    }
    let extra = inline(&from.extra);
    if !extra.is_empty() {
        table["extra"] = Item::Value(Value::InlineTable(extra));
    }
    // The place of a token in an HTTP connection is this one where nothing is said.
    if token_in != "header" {
        table["token-in"] = value(token_in);
    }
    table
}

fn inline(object: &Map<String, Json>) -> InlineTable {
    object.iter().filter_map(|(key, found)| Some((key.as_str(), plain(found)?))).collect()
}

fn plain(found: &Json) -> Option<Value> {
    match found {
        Json::Null => None,
        Json::Bool(found) => Some(Value::from(*found)),
        Json::Number(found) => match found.as_i64() {
            Some(whole) => Some(Value::from(whole)),
            None => found.as_f64().map(Value::from),
        },
        Json::String(found) => Some(Value::from(found)),
        Json::Array(found) => Some(Value::Array(found.iter().filter_map(plain).collect::<Array>())),
        Json::Object(found) => Some(Value::InlineTable(inline(found))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::pasted::{rows, tests::pasted};
    use super::*;

    const PROFILE: &str =
        "# mine\ndefault-profile = \"prod\"\n\n[profile.prod] # daily\nissuer = \"https://i\"\n";

    #[test]
    fn a_taken_connection_gets_a_table_and_nothing_else_changes() {
        let more = json!({
            "conn_type": "trino", "token_in": "extra.jwt__token",
            "fields": {"host": "t", "port": 8443, "schema": "hive", "login": "etl"},
            "extra": {"auth": "jwt", "deep": {"a": [1, true]}}
        });
        let found = [pasted("warehouse_api", json!({})), pasted("a b", more)];
        let rows = rows(&found, &[]);
        let after = add(PROFILE, &rows, None).unwrap();
        let new = "[connection.warehouse_api]\nprofile = \"prod\"\nconn-type = \"http\"\nhost = \"https://h.example\"\n\n\
                   [connection.\"a b\"]\nprofile = \"prod\"\nconn-type = \"trino\"\nhost = \"t\"\nschema = \"hive\"\n\
                   port = 8443\nlogin = \"etl\"\nextra = { auth = \"jwt\", deep = { a = [1, true] } }\n\
                   token-in = \"extra.jwt__token\"\n";
        assert_eq!(after, format!("{PROFILE}\n{new}"));
        assert_eq!(alone(&rows, PROFILE, &after), new.trim());
        let again = add(&after, &[], None).unwrap();
        assert_eq!(again, after);
    }

    #[test]
    fn whose_tokens_they_are_is_said_or_follows_or_is_asked() {
        let one = "[profile.only]\nissuer = \"i\"\n";
        let two = "[profile.a]\nissuer = \"i\"\n[profile.b]\nissuer = \"i\"\n";
        for (config, named, expected) in [
            (PROFILE, None, Ok("prod")),
            (PROFILE, Some("dev"), Err("not_found")),
            (one, None, Ok("only")),
            (two, Some("b"), Ok("b")),
            (two, None, Err("invalid_request")),
            ("", None, Err("not_found")),
        ] {
            let found = profile_of(&config.parse().unwrap(), named);
            let found = found.as_deref().map_err(|failure| failure.reply.error.as_str());
            assert_eq!(found, expected, "{config}");
        }
    }
}
