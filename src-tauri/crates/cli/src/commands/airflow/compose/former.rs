//! Which secrets backends a compose project's containers ask today, in Airflow's own order: the service's
//! environment, `.env` where that is handed on, then the airflow.cfg that is mounted. Their arguments stay
//! where they are. And what the services have installed at their start. Reads only.

use std::path::Path;

use super::super::backend::{self, CLASS, WORKERS_CLASS};
use super::super::{cfg, dotenv, files};
use crate::exit::Failure;

/// Where an airflow.cfg lies that a service may have mounted, and what the compose file says of it then.
const MOUNTED: [(&str, &str); 2] =
    [("config/airflow.cfg", "/config"), ("airflow.cfg", "airflow.cfg:/")];

struct Slot {
    variable: &'static str,
    next: &'static str,
    ours: &'static str,
    cfg: cfg::Slot,
}

const SLOTS: [Slot; 2] = [
    Slot {
        variable: "AIRFLOW__SECRETS__BACKEND",
        next: "AIRFLOW__SECRETS__DAGPASS_NEXT",
        ours: CLASS,
        cfg: cfg::SECRETS,
    },
    Slot {
        variable: "AIRFLOW__WORKERS__SECRETS_BACKEND",
        next: "AIRFLOW__WORKERS__DAGPASS_NEXT",
        ours: WORKERS_CLASS,
        cfg: cfg::WORKERS,
    },
];

/// The variables that put us before them; the workers' only where that slot is taken.
pub(super) fn variables(project: &Path, compose: &str) -> Result<Vec<(String, String)>, Failure> {
    let env_file = files::read_text(&project.join(".env"))?.unwrap_or_default();
    let mut found = Vec::new();
    for slot in &SLOTS {
        let class = former(slot, project, compose, &env_file)?;
        if class.is_some() || slot.ours == CLASS {
            found.push((slot.variable.to_owned(), slot.ours.to_owned()));
        }
        found.extend(class.map(|class| (slot.next.to_owned(), class)));
    }
    Ok(found)
}

fn former(
    slot: &Slot,
    project: &Path,
    compose: &str,
    env_file: &str,
) -> Result<Option<String>, Failure> {
    let theirs = |class: &String| !class.is_empty() && !backend::is_ours(class);
    if let Some(class) = in_services(slot.variable, compose, env_file)? {
        return Ok(Some(class).filter(theirs));
    }
    let handed_on = compose.contains("env_file:");
    if let Some(class) = dotenv::value(env_file, slot.variable).filter(|_| handed_on) {
        return Ok(Some(class).filter(theirs));
    }
    for (name, _) in MOUNTED.iter().filter(|(_, told)| compose.contains(told)) {
        let text = files::read_text(&project.join(name))?.unwrap_or_default();
        if let Some(class) = cfg::class(slot.cfg, &text) {
            return Ok(Some(class).filter(theirs));
        }
    }
    Ok(None)
}

const REQUIREMENTS: &str = "_PIP_ADDITIONAL_REQUIREMENTS";

/// What Airflow's image installs when it starts, as the services have it now: a literal stays one, and what
/// `.env` or a shell give to the stock file stays theirs to give.
pub(super) fn requirements(compose: &str) -> Result<String, Failure> {
    let said = said(compose, REQUIREMENTS);
    match said.as_slice() {
        [] => Ok(format!("${{{REQUIREMENTS}:-}}")),
        [one] if !one.starts_with(['>', '|', '&', '*']) => Ok(one.clone()),
        [_, ..] => {
            let failure = Failure::new("conflict", format!("{REQUIREMENTS} cannot be told"));
            let failure = failure.because("the services differ in it, or it goes over lines");
            Err(failure.hint("write it once and in one line: ours is added to it"))
        }
    }
}

fn said(compose: &str, variable: &str) -> Vec<String> {
    let mut said: Vec<String> = compose.lines().filter_map(|line| set(line, variable)).collect();
    said.sort();
    said.dedup();
    said
}

/// What the services' environments say, if they say one thing.
fn in_services(variable: &str, compose: &str, env_file: &str) -> Result<Option<String>, Failure> {
    match said(compose, variable).as_slice() {
        [] => Ok(None),
        [one] => interpolated(one, env_file).map(Some).ok_or_else(|| several(variable)),
        [_, _, ..] => Err(several(variable)),
    }
}

fn several(variable: &str) -> Failure {
    let failure = Failure::new("conflict", format!("the services name their own {variable}"));
    failure.because("which backend is whose cannot be told from the text alone").hint(format!(
        "set {variable} to {CLASS} there, and the one it names now as AIRFLOW__SECRETS__DAGPASS_NEXT"
    ))
}

/// `NAME: value` or `- NAME=value`.
fn set(line: &str, variable: &str) -> Option<String> {
    let line = line.trim();
    let (line, separator) = match line.strip_prefix("- ") {
        Some(item) => (item.trim_start().trim_start_matches(['"', '\'']), '='),
        None => (line, ':'),
    };
    let value = line.strip_prefix(variable)?.trim_start().strip_prefix(separator)?;
    let value = value.split(" #").next().unwrap_or_default().trim();
    Some(value.trim_matches(['"', '\'']).to_owned())
}

/// `${NAME}` and `${NAME:-default}` by `.env`; `None` for what only compose can tell.
fn interpolated(value: &str, env_file: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return (!value.contains('$')).then(|| value.to_owned());
    };
    let (name, default) = match inner.split_once(":-").or_else(|| inner.split_once('-')) {
        Some((name, default)) => (name, default),
        None => (inner, ""),
    };
    if default.contains('$') || std::env::var_os(name).is_some() {
        return None;
    }
    let set = dotenv::value(env_file, name).filter(|value| !value.is_empty());
    Some(set.unwrap_or_else(|| default.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ENV_FILE: &str = "x:\n  env_file:\n    - ${ENV_FILE_PATH:-.env}\n";
    const CONFIG: &str = "x:\n  volumes:\n    - ./config:/opt/airflow/config\n";

    /// compose file, `.env`, config/airflow.cfg; what is asked next in [secrets] and [workers].
    type Case<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

    #[test]
    fn the_backend_before_is_found_in_every_place_in_airflow_s_own_order() {
        let cfg = "[secrets]\nbackend = cfg.C\nbackend_kwargs_cmd = /bin/x\n";
        let workers = "[workers]\nsecrets_backend = w.C\n";
        let both = format!("{ENV_FILE}{CONFIG}");
        let table: [Case<'_>; 13] = [
            ("", "", "", None, None),
            ("  AIRFLOW__SECRETS__BACKEND: 'a.B'  # why\n", "", "", Some("a.B"), None),
            ("    - AIRFLOW__SECRETS__BACKEND=a.B\n", "", "", Some("a.B"), None),
            ("  AIRFLOW__SECRETS__BACKEND: ${BACK:-d.E}\n", "", "", Some("d.E"), None),
            ("  AIRFLOW__SECRETS__BACKEND: \"${BACK}\"\n", "BACK=e.F\n", "", Some("e.F"), None),
            ("  AIRFLOW__SECRETS__BACKEND: ''\n", "", cfg, None, None),
            (ENV_FILE, "AIRFLOW__SECRETS__BACKEND=e.F\n", "", Some("e.F"), None),
            ("", "AIRFLOW__SECRETS__BACKEND=e.F\n", "", None, None),
            (CONFIG, "", cfg, Some("cfg.C"), None),
            ("", "", cfg, None, None),
            (&both, "AIRFLOW__SECRETS__BACKEND=e.F\n", cfg, Some("e.F"), None),
            (CONFIG, "", workers, None, Some("w.C")),
            ("  AIRFLOW__WORKERS__SECRETS_BACKEND: a.B\n", "", "", None, Some("a.B")),
        ];
        for (compose, env, config, secrets, workers) in table {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("config")).unwrap();
            fs::write(folder.path().join(".env"), env).unwrap();
            fs::write(folder.path().join("config/airflow.cfg"), config).unwrap();
            let found = variables(folder.path(), compose).unwrap();
            let of = |name: &str| {
                let found = found.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!(of("AIRFLOW__SECRETS__BACKEND"), Some(CLASS));
            assert_eq!(of("AIRFLOW__SECRETS__DAGPASS_NEXT"), secrets, "{compose:?} {env:?}");
            assert_eq!(of("AIRFLOW__WORKERS__DAGPASS_NEXT"), workers, "{compose:?} {env:?}");
            let slot = of("AIRFLOW__WORKERS__SECRETS_BACKEND");
            assert_eq!(slot, workers.map(|_| WORKERS_CLASS), "{compose:?}");
        }
    }

    #[test]
    fn what_is_installed_already_stays_as_it_is_written() {
        let table = [
            ("", Some("${_PIP_ADDITIONAL_REQUIREMENTS:-}")),
            ("  _PIP_ADDITIONAL_REQUIREMENTS: six==1 x[y]>=2 # why\n", Some("six==1 x[y]>=2")),
            ("  - \"_PIP_ADDITIONAL_REQUIREMENTS=six==1\"\n", Some("six==1")),
            ("  _PIP_ADDITIONAL_REQUIREMENTS: ${X:-six}\n", Some("${X:-six}")),
            ("  _PIP_ADDITIONAL_REQUIREMENTS: >-\n    six\n", None),
            ("  _PIP_ADDITIONAL_REQUIREMENTS: a\n  _PIP_ADDITIONAL_REQUIREMENTS: b\n", None),
        ];
        for (compose, expected) in table {
            assert_eq!(requirements(compose).ok().as_deref(), expected, "{compose}");
        }
    }

    #[test]
    fn what_only_compose_can_tell_is_a_conflict() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "  AIRFLOW__SECRETS__BACKEND: a.B\n  AIRFLOW__SECRETS__BACKEND: c.D\n",
            "  AIRFLOW__SECRETS__BACKEND: a.${B}\n",
            "  AIRFLOW__SECRETS__BACKEND: ${PATH}\n",
        ] {
            assert!(variables(folder.path(), text).is_err(), "{text}");
        }
    }
}
