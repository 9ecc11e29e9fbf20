//! One config into another: what is new comes in, what is the same stays, and what differs is refused
//! or, by force, replaced. Comments and order of what was there stay.

use serde_json::Value as Json;
use toml_edit::{DocumentMut, Item, Table, Value};

use crate::exit::Failure;

/// Tables of tables, a name each.
const NAMED: [&str; 4] = ["profile", "connection", "env", "airflow"];

#[derive(Debug)]
pub(super) struct Merged {
    pub(super) text: String,
    /// `profile.prod`, `proxy`: what is new or other than before.
    pub(super) changes: Vec<String>,
}

pub(super) fn merge(present: &str, handed: &str, force: bool) -> Result<Merged, Failure> {
    let new = parse(handed)?;
    let mut into = parse(present)?;
    let mut merge = Merge { force, changes: Vec::new() };
    merge.table(into.as_table_mut(), new.as_table(), "")?;
    // A first config is taken as it was written, comments and all.
    let first = present.trim().is_empty();
    let text = if first { handed.to_owned() } else { into.to_string() };
    Ok(Merged { text, changes: merge.changes })
}

fn parse(text: &str) -> Result<DocumentMut, Failure> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let failure = Failure::new("config_invalid", "the config is no TOML");
        failure.because(error.message()).hint("run `dagpass config check`")
    })
}

struct Merge {
    force: bool,
    changes: Vec<String>,
}

impl Merge {
    fn table(&mut self, into: &mut Table, new: &Table, path: &str) -> Result<(), Failure> {
        for (key, item) in new {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            match (item.as_table(), holds_names(&path)) {
                (Some(tables), true) => {
                    let below = into.entry(key).or_insert_with(names);
                    let below = below.as_table_mut().ok_or_else(|| {
                        Failure::new(
                            "config_invalid",
                            format!("`{path}` in the config is no table"),
                        )
                    })?;
                    self.table(below, tables, &path)?;
                }
                _ => self.one(into, key, item, path)?,
            }
        }
        Ok(())
    }

    fn one(
        &mut self,
        into: &mut Table,
        key: &str,
        item: &Item,
        path: String,
    ) -> Result<(), Failure> {
        match into.get(key) {
            Some(present) if same(present, item) => return Ok(()),
            Some(_) if !self.force => {
                let failure =
                    Failure::new("conflict", format!("`{path}` is in the config already"));
                return Err(failure
                    .because("what is handed out says something else")
                    .hint("give --force to replace it"));
            }
            Some(_) | None => {}
        }
        into.insert(key, item.clone());
        self.changes.push(path);
        Ok(())
    }
}

/// `profile`, `env`, `env.dev`, `env.dev.connection`: below them every name stands for itself.
fn holds_names(path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').collect();
    match parts.as_slice() {
        [table] => NAMED.contains(table),
        ["env", _] | ["env", _, "connection"] => true,
        _ => false,
    }
}

fn names() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// Whatever the spaces, the comments and the order.
fn same(one: &Item, other: &Item) -> bool {
    plain(one) == plain(other)
}

/// The value alone, as JSON.
fn plain(item: &Item) -> Json {
    if let Some(table) = item.as_table_like() {
        return table.iter().map(|(key, item)| (key.to_owned(), plain(item))).collect();
    }
    match item.as_value() {
        Some(Value::String(text)) => text.value().as_str().into(),
        Some(Value::Array(all)) => {
            all.iter().map(|value| plain(&Item::Value(value.clone()))).collect()
        }
        Some(other) => other.clone().decorated("", "").to_string().into(),
        None => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDED: &str = "# by the data platform\ndefault-profile = \"prod\"\n\n\
                          [profile.prod]\nissuer = \"https://i/as\"\nscopes = [\"a\", \"b\"]\n\n\
                          [env.dev.connection.lake]\nconn-type = \"http\"\n";

    #[test]
    fn a_first_config_is_taken_as_it_was_written() {
        let merged = merge("", HANDED, false).unwrap();
        assert_eq!(merged.text, HANDED);
        assert_eq!(merged.changes, ["default-profile", "profile.prod", "env.dev.connection.lake"]);
    }

    #[test]
    fn what_is_there_stays_with_its_comments() {
        let present = "# mine\n[profile.test] # small\nissuer = \"https://t\"\n\n\
                       [env.dev.connection.other]\nconn-type = \"http\"\n";
        let merged = merge(present, HANDED, false).unwrap();
        assert!(merged.text.contains("# mine\n"), "{}", merged.text);
        assert!(merged.text.contains("[profile.test] # small\nissuer = \"https://t\"\n"));
        assert!(merged.text.contains("[env.dev.connection.other]"), "{}", merged.text);
        assert!(merged.text.contains("[env.dev.connection.lake]"), "{}", merged.text);
        let again = merge(&merged.text, HANDED, false).unwrap();
        assert_eq!((again.changes.as_slice(), again.text), (&[][..], merged.text));
    }

    #[test]
    fn what_differs_is_replaced_by_force_alone() {
        let present = "default-profile = \"prod\"\n[profile.prod]\nscopes = [ \"a\",\"b\" ] # x\n\
                       issuer = \"https://i/as\"\n";
        assert_eq!(merge(present, HANDED, false).unwrap().changes, ["env.dev.connection.lake"]);
        let other = present.replace("https://i/as", "https://other/as");
        let refused = merge(&other, HANDED, false).unwrap_err().reply;
        assert_eq!(refused.error_description, "`profile.prod` is in the config already");
        let merged = merge(&other, HANDED, true).unwrap();
        assert!(merged.text.contains("https://i/as") && !merged.text.contains("other"));
        assert_eq!(merged.changes, ["profile.prod", "env.dev.connection.lake"]);
    }
}
