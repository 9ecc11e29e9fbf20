//! `airflow standalone`: the same airflow.cfg, read by its api-server, scheduler, triggerer and tasks alike.

use super::{Place, Plan, venv};
use crate::exit::Failure;

pub(super) fn plan(place: &Place<'_>) -> Result<Plan, Failure> {
    let mut plan = venv::plan(place)?;
    plan.notes
        .push("an `airflow standalone` that runs already reads it at its next start".to_owned());
    Ok(plan)
}
