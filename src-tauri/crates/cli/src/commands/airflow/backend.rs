//! Our backend's arguments: which environment, and which backend is asked next.

use serde_json::{Map, Value};

pub(super) const CLASS: &str = "airflow_provider_dagpass.secrets.DagpassBackend";

/// Why a file is left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwirable {
    #[error("it is wired already")]
    Already,
    #[error("the present backend's arguments are no JSON object: {0}")]
    Kwargs(String),
    #[error("{0}")]
    Form(String),
}

/// The backend as it was set, both as text; empty is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Present<'a> {
    pub(super) class: &'a str,
    pub(super) kwargs: &'a str,
}

/// Our own arguments, with the present backend moved into `next`.
pub(super) fn kwargs(
    present: Present<'_>,
    env: Option<&str>,
) -> Result<Map<String, Value>, Unwirable> {
    if present.class == CLASS {
        return Err(Unwirable::Already);
    }
    let mut kwargs = Map::new();
    if let Some(env) = env {
        kwargs.insert("env".to_owned(), env.into());
    }
    if !present.class.is_empty() {
        let theirs = match present.kwargs {
            "" => Value::Object(Map::new()),
            text => match serde_json::from_str(text) {
                Ok(object @ Value::Object(_)) => object,
                // The text may hold a password: only the place is told.
                Ok(_) => return Err(Unwirable::Kwargs("it is another kind of value".to_owned())),
                Err(error) => {
                    let place = format!("line {}, column {}", error.line(), error.column());
                    return Err(Unwirable::Kwargs(place));
                }
            },
        };
        let next = serde_json::json!({"class": present.class, "kwargs": theirs});
        kwargs.insert("next".to_owned(), next);
    }
    Ok(kwargs)
}

/// `None` where there is nothing to say.
pub(super) fn text(kwargs: Map<String, Value>) -> Option<String> {
    (!kwargs.is_empty()).then(|| Value::Object(kwargs).to_string())
}
