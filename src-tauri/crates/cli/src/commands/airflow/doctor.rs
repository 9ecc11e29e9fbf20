//! `dagpass airflow doctor`: what leaks in this Airflow, or could, looked for by its own interpreter with
//! the lint of the wheel inside this program. Reads only; never shows a secret.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dagpass_client::wire::Finding;

use super::interpreter::{self, Interpreter};
use super::wheel;
use crate::commands::doctor::table;
use crate::exit::{CHECK_FAILED, Failure};
use crate::output;
use crate::world::World;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The Python that Airflow runs in, or its environment's folder
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The project, for its `.env` and `.venv`
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The DAG folder, where it is not the one of Airflow's settings
    #[arg(long, value_name = "DIR")]
    dags: Option<PathBuf>,
}

pub(super) fn run(world: &World, command: &Doctor) -> Result<ExitCode, Failure> {
    let python = Interpreter::find(command.python.as_deref(), &command.dir)?;
    let probe = python.probe()?;
    if !world.json {
        interpreter::tell(&python, &probe);
    }
    let mut findings = vec![package(&probe)];
    findings.extend(look(&python, command)?);
    if world.json {
        output::json(&findings)?;
    } else {
        output::out(&table(&findings))?;
    }
    let found = |one: &Finding| matches!(one.verdict.as_str(), "problem" | "warning");
    let bad = findings.iter().any(found);
    Ok(if bad { ExitCode::from(CHECK_FAILED) } else { ExitCode::SUCCESS })
}

fn package(probe: &interpreter::Probe) -> Finding {
    let (verdict, detail) = match (&probe.provider, &probe.backend_error) {
        (None, _) => ("problem", "the package of dagpass is not installed there".to_owned()),
        (Some(_), Some(error)) => ("problem", format!("the backend cannot be imported: {error}")),
        (Some(version), None) if probe.has_our_package() => ("ok", format!("version {version}")),
        (Some(version), None) => (
            "warning",
            format!("version {version} there is not the {} of this program", wheel::VERSION),
        ),
    };
    let hint = "run `dagpass airflow setup --for venv`, which installs the one of this program";
    Finding {
        check: "provider".to_owned(),
        profile: None,
        verdict: verdict.to_owned(),
        detail,
        hint: (verdict != "ok").then(|| hint.to_owned()),
    }
}

fn look(python: &Interpreter, command: &Doctor) -> Result<Vec<Finding>, Failure> {
    let mut words = vec![OsStr::new("--project"), command.dir.as_os_str()];
    if let Some(dags) = &command.dags {
        words.extend([OsStr::new("--dags"), dags.as_os_str()]);
    }
    python.lint("airflow_provider_dagpass.lint", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_a_warning_and_none_a_problem() {
        let probe =
            |provider: Option<&str>, content: &str, error: Option<&str>| interpreter::Probe {
                provider: provider.map(str::to_owned),
                content: Some(content.to_owned()),
                backend_error: error.map(str::to_owned),
                ..interpreter::Probe::default()
            };
        for (probe, verdict) in [
            (probe(None, "", None), "problem"),
            (probe(Some("0.1.0"), "another", None), "warning"),
            (probe(Some("0.1.0"), wheel::CONTENT, None), "ok"),
            (probe(Some("0.1.0"), wheel::CONTENT, Some("ImportError: x")), "problem"),
        ] {
            let found = package(&probe);
            assert_eq!(found.verdict, verdict, "{probe:?}");
            assert_eq!(found.hint.is_some(), verdict != "ok");
        }
    }
}
