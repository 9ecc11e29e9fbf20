//! What a caller is told: a code of a standard, what and why, and the one command to run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The standards' words first. Callers match codes, never text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedResponseType,
    AccessDenied,
    ServerError,
    TemporarilyUnavailable,
    /// RFC 8707 §2.
    InvalidTarget,
    /// OIDC Core §3.1.2.6.
    LoginRequired,
    InteractionRequired,
    ConsentRequired,
    AccountSelectionRequired,
    /// RFC 8628 §3.5.
    ExpiredToken,
    /// RFC 6750 §3.1.
    InvalidToken,
    /// RFC 9470 §3.
    InsufficientUserAuthentication,
    /// Ours: no standard has a word for these.
    NotFound,
    SubjectChanged,
    KeychainUnavailable,
    KeychainLocked,
    NotRecorded,
    ConfigInvalid,
    /// More targets that no config names than one caller may have at once.
    TooManyTargets,
    /// A lane has had its share of tokens or audiences.
    QuotaExceeded,
    /// The config asks for another store of refresh tokens than the one that holds them.
    StoreChanged,
    /// The config is another now than the one that a change was made from.
    ConfigChanged,
    /// A person paused it: nothing is handed out until one resumes.
    AgentPaused,
    /// A person was asked and has not answered yet: the same request meets the answer later.
    ApprovalPending,
    /// A person said no, or nobody is asked any more.
    ApprovalRefused,
}

impl ErrorCode {
    /// A server's own word, where there is one of ours for it; what none knows is the server's failure.
    pub(crate) fn of_server(word: &str) -> Self {
        match word {
            "access_denied" => Self::AccessDenied,
            "account_selection_required" => Self::AccountSelectionRequired,
            "consent_required" => Self::ConsentRequired,
            "interaction_required" => Self::InteractionRequired,
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "invalid_request" | "invalid_request_object" | "invalid_request_uri" => {
                Self::InvalidRequest
            }
            "invalid_scope" => Self::InvalidScope,
            "invalid_target" => Self::InvalidTarget,
            "login_required" => Self::LoginRequired,
            "request_not_supported" | "request_uri_not_supported" => Self::InvalidRequest,
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unmet_authentication_requirements" => Self::InsufficientUserAuthentication,
            "unsupported_response_type" => Self::UnsupportedResponseType,
            _ => Self::ServerError,
        }
    }

    /// It was ours to give, and we do not; otherwise something failed.
    pub(crate) const fn denies(self) -> bool {
        matches!(self, Self::AccessDenied | Self::TooManyTargets | Self::QuotaExceeded)
    }

    /// The wire's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::InteractionRequired => "interaction_required",
            Self::ConsentRequired => "consent_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::ExpiredToken => "expired_token",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::NotFound => "not_found",
            Self::SubjectChanged => "subject_changed",
            Self::KeychainUnavailable => "keychain_unavailable",
            Self::KeychainLocked => "keychain_locked",
            Self::NotRecorded => "not_recorded",
            Self::ConfigInvalid => "config_invalid",
            Self::TooManyTargets => "too_many_targets",
            Self::QuotaExceeded => "quota_exceeded",
            Self::StoreChanged => "store_changed",
            Self::ConfigChanged => "config_changed",
            Self::AgentPaused => "agent_paused",
            Self::ApprovalPending => "approval_pending",
            Self::ApprovalRefused => "approval_refused",
        }
    }
}

/// Why something failed, and what a person can do about it where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    pub text: String,
    /// Becomes the refusal's hint, in place of the usual one.
    pub remedy: Option<String>,
}

impl Why {
    #[must_use]
    pub fn mended_by(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl From<String> for Why {
    fn from(text: String) -> Self {
        Self { text, remedy: None }
    }
}

impl From<&str> for Why {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A refusal at the edge: code, what, cause, hint. Lower case, no full stop, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    pub code: ErrorCode,
    pub what: String,
    pub cause: Option<String>,
    pub hint: Option<String>,
    /// The approval that it waits for, or that was refused, by its public name.
    pub approval: Option<Arc<str>>,
    /// After how long the same may be asked for again.
    pub free_in: Option<Duration>,
}

impl Refusal {
    pub fn new(code: ErrorCode, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), cause: None, hint: None, approval: None, free_in: None }
    }

    /// A server may have said nothing but its error's word: then there is no cause to show.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into()).filter(|cause| !cause.is_empty());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}
