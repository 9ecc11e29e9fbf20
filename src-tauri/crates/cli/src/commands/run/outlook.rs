//! Before a DAG runs: does the session last as long as the DAG took before? Says so, and offers a
//! person at the terminal to sign in now. Keeps no run from starting.

use std::ffi::OsString;
use std::path::Path;

use dagpass_client::wire::{OutlookAsk, Warning};

use crate::commands::login;
use crate::output;
use crate::world::World;

/// Options of `airflow dags test` that take a value.
const WITH_VALUE: [&str; 9] = [
    "-c",
    "--conf",
    "-S",
    "--subdir",
    "-B",
    "--bundle-name",
    "--save-dagrun",
    "--mark-success-pattern",
    "--executor",
];

pub(super) fn before(world: &World, dag_id: Option<String>, profiles: &[String]) {
    let Some(dag_id) = dag_id else { return };
    let ask = OutlookAsk { dag_id, profiles: profiles.to_vec() };
    let warnings = look(world, &ask);
    if !warnings.iter().any(can_be_mended) || !somebody_is_there(world) {
        return warnings.iter().for_each(|warning| say(warning, true));
    }
    for warning in &warnings {
        say(warning, !can_be_mended(warning));
        if can_be_mended(warning) && output::agrees("sign in now?") {
            sign_in(world, warning);
        }
    }
}

fn look(world: &World, ask: &OutlookAsk) -> Vec<Warning> {
    match world.ask(|agent| agent.run_outlook(ask)) {
        Ok(reply) => reply.warnings,
        Err(failure) => {
            let why = failure.reply.error_description;
            output::say(&format!("note: whether the session lasts is not known: {why}"));
            Vec::new()
        }
    }
}

fn say(warning: &Warning, with_hint: bool) {
    output::say(&format!("warning: {}", warning.text));
    if let Some(hint) = warning.hint.as_ref().filter(|_| with_hint) {
        output::say(&format!("  hint: {hint}"));
    }
}

/// A sign-in does not make the unknown known.
fn can_be_mended(warning: &Warning) -> bool {
    warning.outlook != "unknown"
}

fn somebody_is_there(world: &World) -> bool {
    !world.json && output::stdin_is_terminal() && output::stderr_is_terminal()
}

fn sign_in(world: &World, warning: &Warning) {
    if let Err(failure) = login::anew(world, &warning.session) {
        let cause = failure.reply.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        output::say(&format!("not signed in anew: {}{cause}", failure.reply.error_description));
        output::say("the run starts in the session as it is");
    }
}

/// The DAG of `airflow dags test DAG`, however Airflow is called.
pub(super) fn dag_of(command: &[OsString]) -> Option<String> {
    let words: Vec<&str> = command.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    let airflow = words
        .iter()
        .position(|word| Path::new(word).file_name().is_some_and(|name| name == "airflow"))?;
    let ["dags", "test", rest @ ..] = words.get(airflow + 1..)? else { return None };
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        if WITH_VALUE.contains(word) {
            rest.next();
        } else if !word.starts_with('-') {
            return Some((*word).to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dag_is_found_in_airflow_s_own_words_and_in_nothing_else() {
        let table = [
            ("airflow dags test etl", Some("etl")),
            ("/venv/bin/airflow dags test etl 2026-01-01", Some("etl")),
            ("python -m airflow dags test -v --conf {} etl", Some("etl")),
            ("uv run airflow dags test --conf={} etl", Some("etl")),
            ("airflow dags test -S dags/ etl", Some("etl")),
            ("airflow dags test --verbose", None),
            ("airflow dags list", None),
            ("airflow tasks test etl load", None),
            ("pytest dags test etl", None),
        ];
        for (line, dag) in table {
            let command: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(dag_of(&command).as_deref(), dag, "{line}");
        }
    }
}
