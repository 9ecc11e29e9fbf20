//! The keys that stand in a backend's slot: our class, and beside it the one that was there, which is asked
//! next. Its arguments stay where they are, be it a file, a command, a secret or the environment: Airflow
//! gives them to us as it gave them to it, in its own order.

pub(super) const CLASS: &str = "airflow_provider_dagpass.secrets.DagpassBackend";
/// The same for the slot that tasks ask alone: it reads that section.
pub(super) const WORKERS_CLASS: &str = "airflow_provider_dagpass.secrets.DagpassWorkersBackend";
/// The key of the class that is asked next, and of the environment that is meant.
pub(super) const NEXT: &str = "dagpass_next";
pub(super) const ENV: &str = "dagpass_env";

/// Why a file is left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwirable {
    #[error("it is wired already")]
    Already,
    #[error("{0}")]
    Form(String),
    /// A file that is somebody's; what they would paste into it.
    #[error("it would lose its comments if it were taken apart")]
    Paste(String),
}

pub(super) fn is_ours(class: &str) -> bool {
    matches!(class, CLASS | WORKERS_CLASS)
}

/// What stands beside our class, where `present` was the class before; empty is none.
pub(super) fn beside(
    present: &str,
    env: Option<&str>,
) -> Result<Vec<(&'static str, String)>, Unwirable> {
    if is_ours(present) {
        return Err(Unwirable::Already);
    }
    let next = (!present.is_empty()).then(|| (NEXT, present.to_owned()));
    let env = env.map(|env| (ENV, env.to_owned()));
    Ok(next.into_iter().chain(env).collect())
}

/// The variable of one of these keys in `[secrets]`.
pub(super) fn variable(key: &str) -> String {
    format!("AIRFLOW__SECRETS__{}", key.to_ascii_uppercase())
}
