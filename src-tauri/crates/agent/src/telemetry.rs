//! Logs: JSON lines on stderr, level by `$DAGPASS_LOG`. Fields, not prose; routes, never bodies.

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
        .with_writer(std::io::stderr)
        .try_init();
    if unreadable && started.is_ok() {
        tracing::warn!(variable = "DAGPASS_LOG", "not a log filter; using the default");
    }
}
