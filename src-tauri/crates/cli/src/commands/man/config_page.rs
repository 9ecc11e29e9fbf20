//! dagpass-config(5), from the JSON Schema that the agent's program prints: one section a table of the
//! file, one entry a key. Knows the few shapes that a schema made from Rust types has, and no more.

use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::{Map, Value};

use super::{MANUAL, literally, section};
use crate::exit::Failure;

const EXAMPLE: &str = "\
default-profile = \"prod\"

[profile.prod]
issuer = \"https://auth.pingone.eu/ENVIRONMENT-ID/as\"
client-id = \"CLIENT-ID\"
scopes = [\"openid\", \"profile\", \"airflow\"]

[connection.warehouse_api]
profile = \"prod\"
conn-type = \"http\"
host = \"https://warehouse.corp.example\"
";

pub(super) fn page(schema: &str, date: &str) -> Result<String, Failure> {
    let schema: Value = serde_json::from_str(schema)
        .map_err(|error| Failure::new("protocol", "the schema is no JSON").because(error))?;
    let mut page = Roff::new();
    page.control(
        "TH",
        ["dagpass-config", "5", date, concat!("dagpass ", env!("CARGO_PKG_VERSION")), MANUAL],
    );
    section(&mut page, "NAME");
    page.text([roman("dagpass-config - the config file of dagpass")]);
    section(&mut page, "DESCRIPTION");
    page.text([
        bold("config.toml"),
        roman(" is TOML. "),
        bold("dagpass config path"),
        roman(" prints where it is, "),
        bold("dagpass init"),
        roman(" writes a first one, and "),
        bold("dagpass config check"),
        roman(" names all that is wrong with it by line and key. A key that is not listed here is refused. No secret belongs into it."),
    ]);
    table(&mut page, &schema, &schema, "");
    section(&mut page, "EXAMPLE");
    literally(&mut page, EXAMPLE);
    section(&mut page, "SEE ALSO");
    page.text([bold("dagpass"), roman("(1), "), bold("dagpass-agent"), roman("(1)")]);
    Ok(page.to_roff())
}

/// One table of the file, and those inside it; the nameless one is the file's top.
fn table(page: &mut Roff, schema: &Value, at: &Value, name: &str) {
    let heading = match name.strip_suffix(SEVERAL) {
        Some(list) => format!("[[{list}]]"),
        None if name.is_empty() => "TOP LEVEL".to_owned(),
        None => format!("[{name}]"),
    };
    section(page, &heading);
    if let (Some(about), false) = (at["description"].as_str(), name.is_empty()) {
        page.text([roman(about)]);
    }
    let none = Map::new();
    let keys = at["properties"].as_object().unwrap_or(&none);
    let required = at["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut inner = Vec::new();
    for (key, value) in keys {
        match below(schema, value) {
            Some((under, many)) => {
                let dot = if name.is_empty() { "" } else { "." };
                inner.push((under, format!("{name}{dot}{key}{many}")));
            }
            None => key_entry(page, schema, (key, value), required.contains(&Value::from(&**key))),
        }
    }
    for (under, name) in inner {
        table(page, schema, under, &name);
    }
}

/// Behind the name of a table that there may be several of, one after the other.
const SEVERAL: &str = "[]";

/// The table that a key opens, and what stands behind the key where that holds several.
fn below<'a>(schema: &'a Value, value: &'a Value) -> Option<(&'a Value, &'static str)> {
    let named = &value["additionalProperties"];
    if named.is_object() && named.get("$ref").is_some() {
        return Some((resolved(schema, named), ".NAME"));
    }
    let plain = resolved(schema, value);
    let each = resolved(schema, &plain["items"]);
    if each["properties"].is_object() {
        return Some((each, SEVERAL));
    }
    plain["properties"].is_object().then_some((plain, ""))
}

/// Through a reference, and through "this or nothing".
fn resolved<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    let one = value["anyOf"].as_array().and_then(|several| several.first()).unwrap_or(value);
    let path = one["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    path.and_then(|path| schema.pointer(path)).unwrap_or(one)
}

fn key_entry(page: &mut Roff, schema: &Value, (key, value): (&str, &Value), required: bool) {
    let plain = resolved(schema, value);
    page.control("TP", []);
    let must = if required { ", required" } else { "" };
    page.text([bold(key), roman(" ("), italic(kind(plain)), roman(format!("{must})"))]);
    let about = value["description"].as_str().or_else(|| plain["description"].as_str());
    let mut lines: Vec<String> = about.iter().map(|about| about.replace('\n', " ")).collect();
    lines.extend(choices(plain));
    if lines.is_empty() {
        lines.push(key.replace(['-', '_'], " "));
    }
    for line in lines {
        page.text([roman(line)]);
    }
}

fn kind(plain: &Value) -> &'static str {
    let first = match &plain["type"] {
        Value::Array(several) => several.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    match first {
        Some("integer") => "number",
        Some("boolean") => "true or false",
        Some("array") => "list",
        Some("object") => "table",
        Some(_) | None => "text",
    }
}

/// The words a key may have, with what each means where that is told.
fn choices(plain: &Value) -> Vec<String> {
    if let Some(words) = plain["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return vec![format!("One of: {}.", words.join(", "))];
    }
    let several = plain["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = |one: &Value| {
        let about = one["description"].as_str().unwrap_or_default().replace('\n', " ");
        one["const"].as_str().map(|word| format!("\"{word}\": {about}"))
    };
    several.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r##"{
        "properties": {
            "ca-file": {"type": ["string", "null"], "description": "PEM file."},
            "store": {"anyOf": [{"$ref": "#/$defs/Store"}, {"type": "null"}]},
            "peer": {"type": ["array", "null"], "items": {"$ref": "#/$defs/Profile"}},
            "profile": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Profile"}}
        },
        "$defs": {
            "Store": {"type": "object", "properties": {"kind": {"$ref": "#/$defs/Kind"}}},
            "Kind": {"enum": ["keychain", "file"], "type": "string"},
            "Profile": {
                "type": "object", "description": "One client.", "required": ["issuer"],
                "properties": {"issuer": {"type": "string"}, "port": {"type": "integer"}}
            }
        }
    }"##;

    #[test]
    fn each_table_is_a_section_and_each_key_an_entry() {
        let page = page(SCHEMA, "2026-01-31").unwrap();
        for part in [
            ".SH \"TOP LEVEL\"",
            ".SH [store]",
            ".SH [profile.NAME]",
            ".SH [[peer]]",
            "One of: keychain, file.",
            "required",
            "PEM file.",
        ] {
            assert!(page.contains(part), "no {part} in:\n{page}");
        }
    }
}
