//! What a deployment's answer to the jwt-bearer grant means. Lenient in how a refusal is dressed (RFC 6749
//! §5.2 at top level, in FastAPI's `detail`, or as its text), strict in what is a success: JSON with
//! a token in it. Whatever a portal or proxy said is silence.

use std::time::Duration;

use dagpass_core::deployment::JwtBearerFailure;
use dagpass_core::error::Why;
use dagpass_core::ports::TokenFailure;
use dagpass_core::token::Assertion;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::http::{Answer, plain, text};
use crate::token::lifetime::seconds;

/// What FAB says where its `/auth/token` knows passwords alone.
const PASSWORDS_ONLY: &str = "username and password must be provided";

/// A JWT, and how long it lives where the server says so.
pub(super) struct Granted {
    pub access_token: Zeroizing<String>,
    pub expires_in: Option<u64>,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Granted").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

pub(super) fn granted(answer: &Answer) -> Result<Granted, JwtBearerFailure> {
    let Some(object) = answer.object() else { return Err(without_json(answer)) };
    if (200..300).contains(&answer.status) {
        // A token that could end its line or its header is none.
        let sound = |token: &&str| token.bytes().all(|byte| byte.is_ascii_graphic());
        return match text(&object, "access_token").filter(sound) {
            Some(token) => Ok(Granted {
                access_token: Zeroizing::new(token.to_owned()),
                expires_in: object.get("expires_in").and_then(seconds),
            }),
            None => Err(silence(answer, "without a token in it")),
        };
    }
    let (error, description) = refusal(&object);
    Err(refused(answer, error, description))
}

/// `error` at top level, inside `detail`, or `detail` as text: `code: description`.
fn refusal(object: &Map<String, Value>) -> (String, String) {
    let standard = |object: &Map<String, Value>| {
        let error = text(object, "error")?;
        let description = text(object, "error_description").unwrap_or_default();
        Some((plain(error), plain(description)))
    };
    let dressed = match object.get("detail") {
        Some(Value::Object(detail)) => standard(detail),
        Some(Value::String(detail)) => Some(spoken(detail)),
        Some(Value::Array(_)) => Some((String::new(), "the body is not what it takes".to_owned())),
        _ => None,
    };
    standard(object).or(dressed).unwrap_or_default()
}

fn spoken(detail: &str) -> (String, String) {
    let word = |code: &str| {
        !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match detail.split_once(':') {
        Some((code, rest)) if word(code) => (code.to_owned(), plain(rest)),
        _ if word(detail) => (detail.to_owned(), String::new()),
        _ => (String::new(), plain(detail)),
    }
}

fn refused(answer: &Answer, error: String, description: String) -> JwtBearerFailure {
    let challenge = answer.challenge.as_deref().unwrap_or_default();
    let error = if error.is_empty() && answer.status == 401 {
        parameter(challenge, "error").unwrap_or(error)
    } else {
        error
    };
    match (error.as_str(), answer.status) {
        ("insufficient_user_authentication", _) => JwtBearerFailure::SignInTooOld {
            max_age: parameter(challenge, "max_age")
                .and_then(|age| age.parse().ok())
                .map(Duration::from_secs),
            description,
        },
        ("access_denied", _) => JwtBearerFailure::AccessDenied { description },
        ("invalid_grant", _) => JwtBearerFailure::Rejected { error, description },
        ("unsupported_grant_type", _) | ("", 404 | 405 | 422) => no_such_grant(answer),
        ("", 400) if description.to_lowercase().contains(PASSWORDS_ONLY) => no_such_grant(answer),
        ("temporarily_unavailable" | "server_error", _) | (_, 408 | 429 | 500..=599) => {
            silence(answer, &format!("{error} {description}"))
        }
        ("", status) => {
            JwtBearerFailure::Misconfigured { error: format!("HTTP {status}"), description }
        }
        _ => JwtBearerFailure::Misconfigured { error, description },
    }
}

/// A parameter of `WWW-Authenticate: Bearer …` (RFC 6750 §3, RFC 9470 §3).
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let (_scheme, parameters) = challenge.split_once(' ')?;
    parameters.split(',').find_map(|one| {
        let (key, value) = one.split_once('=')?;
        let ours = key.trim().eq_ignore_ascii_case(name);
        ours.then(|| plain(value.trim().trim_matches('"')))
    })
}

fn no_such_grant(answer: &Answer) -> JwtBearerFailure {
    let cause = format!("{} answered HTTP {} at its /auth/token", answer.from, answer.status);
    JwtBearerFailure::NoSuchGrant { cause }
}

/// A page for people at 404 is a server without the route; anywhere else it is somebody between.
fn without_json(answer: &Answer) -> JwtBearerFailure {
    match answer.status {
        404 | 405 => no_such_grant(answer),
        300..400 => {
            silence(answer, "a redirect, which is not followed (portal, or http for https?)")
        }
        _ => silence(answer, "no JSON, or half of it (captive portal or proxy?)"),
    }
}

fn silence(answer: &Answer, what: &str) -> JwtBearerFailure {
    JwtBearerFailure::Unreachable {
        cause: format!("{} sent HTTP {}, {}", answer.from, answer.status, what.trim()).into(),
        retry_after: answer.retry_after,
    }
}

/// The request could not even be made.
pub(super) fn unsent(description: String) -> JwtBearerFailure {
    JwtBearerFailure::Misconfigured { error: "config_invalid".to_owned(), description }
}

pub(super) fn unanswered(failure: TokenFailure) -> JwtBearerFailure {
    match failure {
        TokenFailure::Unreachable { cause, retry_after, .. } => {
            JwtBearerFailure::Unreachable { cause, retry_after }
        }
        TokenFailure::Misconfigured { error, description } => {
            JwtBearerFailure::Misconfigured { error, description }
        }
        other => unsent(other.to_string()),
    }
}

/// Some servers quote what they were sent.
pub(super) fn without(failure: JwtBearerFailure, assertion: &Assertion) -> JwtBearerFailure {
    let clean = |text: String| text.replace(assertion.expose(), "[removed]");
    match failure {
        JwtBearerFailure::Unreachable { cause, retry_after } => {
            let cause = Why { text: clean(cause.text), ..cause };
            JwtBearerFailure::Unreachable { cause, retry_after }
        }
        JwtBearerFailure::SignInTooOld { max_age, description } => {
            JwtBearerFailure::SignInTooOld { max_age, description: clean(description) }
        }
        JwtBearerFailure::AccessDenied { description } => {
            JwtBearerFailure::AccessDenied { description: clean(description) }
        }
        JwtBearerFailure::Rejected { error, description } => {
            JwtBearerFailure::Rejected { error: clean(error), description: clean(description) }
        }
        JwtBearerFailure::Misconfigured { error, description } => {
            JwtBearerFailure::Misconfigured { error: clean(error), description: clean(description) }
        }
        plain @ (JwtBearerFailure::NoSuchGrant { .. } | JwtBearerFailure::NoIdToken) => plain,
    }
}
