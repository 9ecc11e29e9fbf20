//! Systems that end a program by a signal or a console's event, and whose sleep the wall clock shows.

use super::Told;

/// Nothing is told here, so nothing is ever heard.
pub(super) fn watch(_hear: impl Fn(Told) + Send + 'static) {
    tracing::debug!("this system does not tell of its sleep beforehand");
}
