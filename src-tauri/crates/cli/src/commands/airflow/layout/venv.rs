//! Airflow in a virtual environment: the backend's slot in airflow.cfg of the resolved home.

use super::super::backend::CLASS;
use super::super::cfg;
use super::{Edit, Place, Plan};
use crate::exit::Failure;

pub(super) fn plan(place: &Place<'_>) -> Result<Plan, Failure> {
    let target = place.cfg()?;
    let env = place.env.clone();
    let edit = Edit::text(target.clone(), move |before| cfg::wire(before, env.as_deref()));
    let mut notes = Vec::new();
    for name in ["AIRFLOW__SECRETS__BACKEND", "AIRFLOW__WORKERS__SECRETS_BACKEND"] {
        if std::env::var_os(name).is_some_and(|value| !value.is_empty()) {
            notes.push(format!(
                "{name} is set here and goes before airflow.cfg: have it name {CLASS}, and what it \
                 names now by AIRFLOW__SECRETS__DAGPASS_NEXT"
            ));
        }
    }
    Ok(Plan { target, edits: vec![edit], notes })
}
