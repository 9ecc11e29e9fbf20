//! What an authorization server's answer means. Decides by the JSON `error` first, whatever the HTTP status, and
//! takes everything that is not a statement of the authorization server (portal, proxy, half a
//! body) for silence: silence never ends a session.

use dagpass_core::answers::in_words;
use dagpass_core::error::Why;
use dagpass_core::ports::TokenFailure;
use serde_json::{Map, Value};

use crate::http::{Answer, misconfigured, no_answer, plain};

/// What the request was about: the same words mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    RefreshToken,
    DeviceCode,
    Other,
}

impl Answer {
    /// The JSON object of a success; every other answer as the failure it is.
    pub(super) fn document(&self, asked: Asked) -> Result<Map<String, Value>, TokenFailure> {
        let Some(object) = self.object() else { return Err(self.silence()) };
        let word = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        if !word("error").is_empty() {
            return Err(self.oauth(asked, word("error"), word("error_description")));
        }
        if self.is_success() {
            return Ok(object);
        }
        if !word("code").is_empty() && !word("message").is_empty() {
            return Err(self.platform(word("code"), &with_details(word("message"), &object)));
        }
        if self.status == 404 && object.get("code").is_some_and(Value::is_number) {
            return Err(self.no_such_realm(word("reason"), word("message")));
        }
        Err(self.silence())
    }

    /// RFC 6749 §5.2, RFC 8628 §3.5, and the words PingAM uses instead.
    fn oauth(&self, asked: Asked, error: &str, description: &str) -> TokenFailure {
        let description = self.describe(description);
        let error = plain(error);
        match (error.as_str(), asked) {
            ("authorization_pending", _) => TokenFailure::AuthorizationPending,
            ("slow_down", _) => TokenFailure::SlowDown,
            ("expired_token", Asked::DeviceCode) => TokenFailure::ExpiredToken,
            ("access_denied" | "authorization_declined", _) => {
                TokenFailure::AccessDenied { description }
            }
            ("invalid_grant", _) | ("expired_token", Asked::RefreshToken) => {
                TokenFailure::Rejected { error, description }
            }
            ("invalid_request", Asked::RefreshToken) if names_a_dead_token(&description) => {
                TokenFailure::Rejected { error, description }
            }
            ("use_dpop_nonce" | "invalid_dpop_proof", _) => misconfigured(
                &error,
                format!(
                    "this client must prove possession of a key (DPoP), which dagpass does not do: have it registered without; {description}"
                ),
            ),
            ("server_error" | "temporarily_unavailable", _) => {
                self.busy(self.told(&error, &description))
            }
            _ if self.is_busy() => self.busy(self.told(&error, &description)),
            _ => TokenFailure::Misconfigured { error, description },
        }
    }

    /// PingOne's platform shape `{id, code, message, details}`: the grant is not its subject.
    fn platform(&self, code: &str, message: &str) -> TokenFailure {
        let (code, message) = (plain(code), self.describe(message));
        match code.as_str() {
            "REQUEST_LIMITED" => return self.limited(self.told(&code, &message)),
            _ if self.is_busy() => return self.busy(self.told(&code, &message)),
            _ => {}
        }
        TokenFailure::Misconfigured { error: code, description: message }
    }

    /// PingAM's own shape `{code, reason, message}`, where nothing is at the path that was asked.
    fn no_such_realm(&self, reason: &str, message: &str) -> TokenFailure {
        let told = [reason, message].map(plain).join(": ");
        let told = self.describe(told.trim_matches([':', ' ']));
        let from = &self.from;
        let what = format!("no such realm, or no OAuth in it, at {from}: compare `issuer`; {told}");
        misconfigured("not_found", what)
    }

    fn is_busy(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599)
    }

    fn busy(&self, cause: String) -> TokenFailure {
        if self.status == 429 {
            return self.limited(cause);
        }
        no_answer(cause, self.retry_after)
    }

    /// Turned away at the door (RFC 6585 §4): nothing was done, and nothing was spent.
    fn limited(&self, cause: String) -> TokenFailure {
        let cause = Why::from(cause).mended_by("wait a little: it asks to be asked less often");
        TokenFailure::Unreachable { cause, sent: false, retry_after: self.retry_after }
    }

    fn silence(&self) -> TokenFailure {
        let what = match self.status {
            300..400 => "a redirect where a JSON answer belongs (captive portal or proxy login?)",
            200..300 => "no JSON, or half of it (captive portal or proxy?)",
            _ => "no answer of an authorization server",
        };
        self.busy(format!("{} sent HTTP {}, {what}", self.from, self.status))
    }

    fn told(&self, error: &str, description: &str) -> String {
        let said = in_words(error, description);
        format!("{} answered HTTP {}, {said}", self.from, self.status)
    }

    fn describe(&self, description: &str) -> String {
        let description = plain(description);
        match &self.correlation {
            Some(id) if !description.contains(id.as_str()) => {
                format!("{description} (Correlation-Id: {id})").trim_start().to_owned()
            }
            _ => description,
        }
    }
}

/// PingOne names what it is about in `details` (a list of `{code, target, message}`).
fn with_details(message: &str, object: &Map<String, Value>) -> String {
    let details = object.get("details").and_then(Value::as_array);
    let told = details.into_iter().flatten().filter_map(|detail| {
        let word = |name: &str| detail.get(name).and_then(Value::as_str).unwrap_or_default();
        let (target, said) = (word("target"), word("message"));
        let said = if said.is_empty() { word("code") } else { said };
        let colon = if target.is_empty() || said.is_empty() { "" } else { ": " };
        Some(format!("{target}{colon}{said}")).filter(|detail| !detail.is_empty())
    });
    let told: Vec<String> = told.filter(|detail| detail != message).collect();
    if told.is_empty() { message.to_owned() } else { format!("{message} ({})", told.join("; ")) }
}

/// PingAM: HTTP 400 `invalid_request`, "RefreshToken does not exist".
fn names_a_dead_token(description: &str) -> bool {
    let words = description.to_ascii_lowercase().replace(['_', ' '], "");
    words.contains("refreshtoken") && words.contains("doesnotexist")
}

#[cfg(test)]
mod tests;
