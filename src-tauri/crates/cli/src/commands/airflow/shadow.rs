//! What is set by hand and goes before dagpass's connections: Airflow's own order, in which a pasted token goes on
//! "working" beside a wired backend, and nobody is told. Tells names and places, never a value.

use std::path::Path;

use dagpass_client::place;
use dagpass_client::wire::ConnectionIds;
use toml_edit::{DocumentMut, TableLike};

use super::files;

const PREFIX: &str = "AIRFLOW_CONN_";

/// One sentence for each variable of this shell, and of the project's `.env`, that keeps dagpass from being asked.
pub(super) fn notes(project: &Path) -> Vec<String> {
    let ours = ours();
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let set = set.filter_map(|(name, _)| name.into_string().ok());
    let mut notes: Vec<String> = set.filter_map(|name| in_shell(&name, &ours)).collect();
    notes.sort();
    let file = project.join(".env");
    let text = files::read_text(&file).ok().flatten().unwrap_or_default();
    notes.extend(in_file(&text, &file.display().to_string(), &ours));
    notes
}

/// What this config names, be it that no agent has read it yet, and what the agent answers for, be it that the
/// machine's config names it.
fn ours() -> Vec<String> {
    let config = place::config_path().ok().and_then(|file| std::fs::read_to_string(file).ok());
    let state = place::state_dir().ok().map(|state| state.join("connections.json"));
    let answered = state.and_then(|file| std::fs::read(file).ok());
    all(&config.unwrap_or_default(), &answered.unwrap_or_default())
}

fn all(config: &str, answered: &[u8]) -> Vec<String> {
    let mut ids = connections(config);
    let answered = serde_json::from_slice::<ConnectionIds>(answered).unwrap_or_default();
    ids.extend(answered.connections);
    ids.sort();
    ids.dedup();
    ids
}

fn in_shell(name: &str, ours: &[String]) -> Option<String> {
    let conn_id = shadowed(name, ours)?;
    Some(format!(
        "{name} is set in this shell and goes before dagpass: `{conn_id}` stays what is pasted there. Take it out \
         of where it comes from, and `unset {name}`"
    ))
}

fn in_file(text: &str, file: &str, ours: &[String]) -> Vec<String> {
    let lines = text.lines().enumerate();
    let shadows = lines.filter_map(|(number, line)| {
        let line = line.trim();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, _) = line.split_once('=')?;
        let conn_id = shadowed(name.trim(), ours)?;
        Some(format!(
            "{file}:{}: {name} goes before dagpass wherever this file is read: `{conn_id}` stays what is pasted \
             there. Take the line out",
            number + 1
        ))
    });
    shadows.collect()
}

fn shadowed<'a>(name: &str, ours: &'a [String]) -> Option<&'a str> {
    let id = name.strip_prefix(PREFIX)?;
    ours.iter().map(String::as_str).find(|conn_id| conn_id.to_uppercase() == id)
}

/// Every conn_id that the config names, in whichever environment. A config that cannot be read names none.
pub(super) fn connections(config: &str) -> Vec<String> {
    let Ok(config) = config.parse::<DocumentMut>() else { return Vec::new() };
    let below = |table: &dyn TableLike| -> Vec<String> {
        let named = table.get("connection").and_then(|item| item.as_table_like());
        named.map(|table| table.iter().map(|(id, _)| id.to_owned()).collect()).unwrap_or_default()
    };
    let mut ids = below(config.as_table());
    let environments = config.get("env").and_then(|item| item.as_table_like());
    for (_, environment) in environments.into_iter().flat_map(|table| table.iter()) {
        ids.extend(environment.as_table_like().map(below).unwrap_or_default());
    }
    ids.sort();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str =
        "[connection.warehouse_api]\nhost = \"h\"\n[env.dev.connection.Lake]\nhost = \"l\"\n";

    #[test]
    fn what_the_agent_answers_for_counts_beside_what_this_config_names() {
        let answered = br#"{"version": 1, "connections": ["of_the_machine", "Lake"]}"#;
        assert_eq!(all(CONFIG, answered), ["Lake", "of_the_machine", "warehouse_api"]);
        assert_eq!(all(CONFIG, b""), ["Lake", "warehouse_api"]);
    }

    #[test]
    fn a_variable_is_told_only_where_dagpass_has_a_connection_of_that_id() {
        let ours = connections(CONFIG);
        assert_eq!(ours, ["Lake", "warehouse_api"]);
        assert_eq!(connections("no toml ="), [] as [String; 0]);
        for (name, conn_id) in [
            ("AIRFLOW_CONN_WAREHOUSE_API", Some("warehouse_api")),
            ("AIRFLOW_CONN_LAKE", Some("Lake")),
            ("AIRFLOW_CONN_OTHER", None),
            ("WAREHOUSE_API", None),
        ] {
            assert_eq!(shadowed(name, &ours), conn_id, "{name}");
        }
        let told = in_shell("AIRFLOW_CONN_LAKE", &ours).unwrap();
        assert!(told.contains("`unset AIRFLOW_CONN_LAKE`"), "{told}");
    }

    #[test]
    fn a_line_of_an_env_file_is_told_with_its_number_and_without_its_value() {
        let text =
            "# mine\nexport AIRFLOW_CONN_LAKE=http://:canary@h\nX=1\n#AIRFLOW_CONN_LAKE=old\n";
        let told = in_file(text, ".env", &connections(CONFIG));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(".env:2: AIRFLOW_CONN_LAKE goes before dagpass"), "{told:?}");
        assert!(!told[0].contains("canary"), "{told:?}");
    }
}
