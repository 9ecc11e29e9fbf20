//! Logs: JSON lines on stderr, level by `$DAGPASS_LOG`. Fields, not prose; routes, never bodies. And the
//! sentence for a person where the program itself cannot go on.

use std::io::{self, Write as _};

use tracing_subscriber::EnvFilter;

/// What is logged where nobody asked for more.
const DEFAULT: &str = "info";

/// Takes over the process's log. A filter that cannot be read falls back to the default and says so.
pub(crate) fn start() {
    let asked = std::env::var("DAGPASS_LOG").unwrap_or_default();
    let filter = EnvFilter::builder().parse(&asked).ok().filter(|_| !asked.is_empty());
    let unreadable = filter.is_none() && !asked.is_empty();
    let started = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(DEFAULT)))
        .with_writer(io::stderr)
        .try_init();
    if unreadable && started.is_ok() {
        tracing::warn!(variable = "DAGPASS_LOG", "not a log filter; using the default");
    }
}

/// To stderr. Where that is closed nobody is left to tell.
pub(crate) fn complain(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}
