//! Whether this machine's Airflow asks the agent, by its environment and airflow.cfg alone.

use std::path::PathBuf;

use dagpass_client::wire::Finding;

use super::{backend, cfg};

/// `$AIRFLOW_CONFIG`, else airflow.cfg in `$AIRFLOW_HOME`, else in `~/airflow`.
pub(super) fn airflow_cfg() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("AIRFLOW_HOME").or_else(|| Some(std::env::home_dir()?.join("airflow")));
    set("AIRFLOW_CONFIG").or_else(|| Some(home()?.join("airflow.cfg")))
}

pub(crate) fn finding() -> Finding {
    let variable = std::env::var("AIRFLOW__SECRETS__BACKEND").ok();
    let file = airflow_cfg();
    let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    let name = file.map(|file| file.display().to_string()).unwrap_or_default();
    judge(variable.as_deref(), text.as_deref(), &name)
}

fn judge(variable: Option<&str>, text: Option<&str>, name: &str) -> Finding {
    let (verdict, detail, hint) = match (variable, text) {
        (Some(backend::CLASS), _) => ("ok", "wired by AIRFLOW__SECRETS__BACKEND".to_owned(), None),
        (Some(_), _) => {
            let detail = "AIRFLOW__SECRETS__BACKEND names another backend".to_owned();
            ("warning", detail, Some("see `dagpass airflow setup --print env`"))
        }
        (None, Some(text)) if cfg::is_wired(text) => ("ok", format!("wired by {name}"), None),
        (None, Some(_)) => {
            let hint = Some("run `dagpass airflow setup --write cfg`");
            ("warning", format!("{name} does not ask the agent"), hint)
        }
        (None, None) => ("skipped", "no airflow.cfg here".to_owned(), None),
    };
    Finding {
        check: "airflow".to_owned(),
        profile: None,
        verdict: verdict.to_owned(),
        detail,
        hint: hint.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_file() {
        let wired = format!("[secrets]\nbackend = {}\n", backend::CLASS);
        let table = [
            (Some(backend::CLASS), None, "ok"),
            (Some("other.Backend"), Some(wired.as_str()), "warning"),
            (None, Some(wired.as_str()), "ok"),
            (None, Some("[secrets]\nbackend =\n"), "warning"),
            (None, None, "skipped"),
        ];
        for (variable, text, verdict) in table {
            assert_eq!(judge(variable, text, "airflow.cfg").verdict, verdict, "{variable:?}");
        }
    }
}
