//! Visual Studio Code: one more entry in `.vscode/launch.json` that debugs `airflow dags test` with the
//! agent's connections. Comments and everything else in the file stay.

use super::super::backend::{CLASS, Unwirable};
use super::super::{files, jsonc};
use super::{Edit, Place, Plan};
use crate::exit::Failure;

const NAME: &str = "Airflow: dags test (dagpass)";
const EMPTY: &str = "{\n    \"version\": \"0.2.0\",\n    \"configurations\": []\n}\n";

pub(super) fn plan(place: &Place<'_>) -> Result<Plan, Failure> {
    place.drops_no_backend()?;
    let target = files::real(&place.project)?;
    let entry = entry(place);
    let edit = Edit::text(target.join(".vscode/launch.json"), move |before| {
        if before.contains(NAME) {
            return Err(Unwirable::Already);
        }
        let before = if before.trim().is_empty() { EMPTY } else { before };
        jsonc::prepend(before, "configurations", &entry).map_err(Unwirable::Form)
    });
    let notes = vec!["open a DAG file and start \"Airflow: dags test (dagpass)\"".to_owned()];
    Ok(Plan { target, edits: vec![edit], notes })
}

/// The DAG is the one named as the open file is: what a launch configuration knows without being asked.
fn entry(place: &Place<'_>) -> String {
    let mut variables = serde_json::json!({"AIRFLOW__SECRETS__BACKEND": CLASS});
    if let Some(env) = &place.env {
        variables["DAGPASS_ENV"] = env.as_str().into();
    }
    let mut entry = serde_json::json!({
        "name": NAME,
        "type": "debugpy",
        "request": "launch",
        "module": "airflow",
        "args": ["dags", "test", "${fileBasenameNoExtension}"],
        "console": "integratedTerminal",
        "justMyCode": false,
        "env": variables,
    });
    if let Some(interpreter) = &place.interpreter {
        entry["python"] = interpreter.program.display().to_string().into();
    }
    format!("{entry:#}").replace('\n', "\n        ")
}
