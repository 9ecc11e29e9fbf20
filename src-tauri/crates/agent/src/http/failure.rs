//! Building [`TokenFailure`]s, and keeping what was sent out of their text.

use std::time::Duration;

use dagpass_core::error::Why;
use dagpass_core::ports::TokenFailure;

/// How much of a server's own words do we repeat? Enough for a sentence and a correlation id.
const LONGEST_TEXT: usize = 400;

pub(crate) fn misconfigured(error: &str, description: impl Into<String>) -> TokenFailure {
    TokenFailure::Misconfigured { error: error.to_owned(), description: description.into() }
}

/// An answer came, or may have come, that says nothing about the grant.
pub(crate) fn no_answer(cause: impl Into<Why>, retry_after: Option<Duration>) -> TokenFailure {
    TokenFailure::Unreachable { cause: cause.into(), sent: true, retry_after }
}

/// A step before the request itself failed: whatever was sent, it was not the grant.
pub(crate) fn before_sending(failure: TokenFailure) -> TokenFailure {
    match failure {
        TokenFailure::Unreachable { cause, retry_after, .. } => {
            TokenFailure::Unreachable { cause, sent: false, retry_after }
        }
        other => other,
    }
}

/// One line of printable text, cut to a readable length.
pub(crate) fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    if line.chars().count() <= LONGEST_TEXT {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(LONGEST_TEXT).collect();
    cut.push('…');
    cut
}

/// Takes `secrets` out of every text of `failure`: some servers quote what they were sent.
pub(crate) fn without(failure: TokenFailure, secrets: &[String]) -> TokenFailure {
    let clean = |text: String| {
        let known = secrets.iter().filter(|secret| !secret.is_empty());
        known.fold(text, |text, secret| text.replace(secret.as_str(), "[removed]"))
    };
    match failure {
        TokenFailure::Unreachable { cause, sent, retry_after } => {
            let cause = Why { text: clean(cause.text), ..cause };
            TokenFailure::Unreachable { cause, sent, retry_after }
        }
        TokenFailure::Rejected { error, description } => {
            TokenFailure::Rejected { error: clean(error), description: clean(description) }
        }
        TokenFailure::Misconfigured { error, description } => {
            TokenFailure::Misconfigured { error: clean(error), description: clean(description) }
        }
        TokenFailure::AccessDenied { description } => {
            TokenFailure::AccessDenied { description: clean(description) }
        }
        TokenFailure::SubjectChanged { now } => TokenFailure::SubjectChanged { now: clean(now) },
        plain @ (TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken) => plain,
    }
}
