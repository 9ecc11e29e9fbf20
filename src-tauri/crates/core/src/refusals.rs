//! What a caller hears when there is no token: code, cause and the one command, in one place so
//! that CLI, panel and Airflow say the same.

use crate::error::{ErrorCode, Refusal};
use crate::ports::{StoreFailure, TokenFailure};
use crate::profile::Profile;
use crate::session::{EndReason, Trouble, TroubleKind};

pub fn signed_out(profile: &Profile) -> Refusal {
    Refusal::new(ErrorCode::LoginRequired, format!("{} is not signed in", profile.called()))
        .hint(format!("run `{}`", profile.login()))
}

pub fn ended(profile: &Profile, why: &EndReason) -> Refusal {
    Refusal::new(
        ErrorCode::LoginRequired,
        format!("{} needs you to sign in again", profile.called()),
    )
    .because(why.sentence())
    .hint(format!("run `{}`", profile.login()))
}

pub fn store(profile: &Profile, failure: &StoreFailure) -> Refusal {
    let (code, hint) = match failure {
        StoreFailure::Locked(_) => {
            (ErrorCode::KeychainLocked, "unlock the keychain, then try again")
        }
        StoreFailure::PassphraseNeeded(_) => {
            (ErrorCode::KeychainLocked, "run `dagpass agent unlock`")
        }
        StoreFailure::TimedOut(_) => {
            (ErrorCode::KeychainUnavailable, "restart the keychain's service, then try again")
        }
        StoreFailure::Unavailable(_) => (
            ErrorCode::KeychainUnavailable,
            "run `dagpass doctor`; without a keychain, `dagpass store use passphrase-file`",
        ),
        StoreFailure::Corrupt(_) => {
            (ErrorCode::KeychainUnavailable, "sign in again: `dagpass login`")
        }
    };
    Refusal::new(code, format!("the session of {} cannot be read or kept", profile.called()))
        .because(failure.to_string())
        .hint(hint)
}

pub fn trouble(profile: &Profile, trouble: &Trouble) -> Refusal {
    match trouble.kind {
        TroubleKind::Offline => unreachable(profile, &trouble.cause),
        TroubleKind::Misconfigured => {
            Refusal::new(ErrorCode::ServerError, refused_what(profile)).because(&trouble.cause)
        }
    }
}

/// A failure at the token endpoint, as the caller sees it.
pub fn token(profile: &Profile, failure: &TokenFailure) -> Refusal {
    match failure {
        TokenFailure::Unreachable { cause, .. } => unreachable(profile, cause),
        TokenFailure::Rejected { error, description } => ended(
            profile,
            &EndReason::Rejected { error: error.clone(), description: description.clone() },
        ),
        TokenFailure::Misconfigured { error, description } => {
            misconfigured(profile, error, description)
        }
        TokenFailure::AuthorizationPending | TokenFailure::SlowDown => {
            Refusal::new(ErrorCode::TemporarilyUnavailable, "the sign-in is not finished")
        }
        TokenFailure::ExpiredToken => {
            Refusal::new(ErrorCode::ExpiredToken, "the code expired before it was used")
                .hint(format!("run `{}` for a new one", profile.login()))
        }
        TokenFailure::AccessDenied { description } => {
            Refusal::new(ErrorCode::AccessDenied, "the sign-in was refused").because(description)
        }
        TokenFailure::SubjectChanged { now } => {
            ended(profile, &EndReason::SubjectChanged { now: now.clone() })
        }
    }
}

/// Before there is a profile: what a discovery document's address gave.
pub fn discovery(url: &str, failure: &TokenFailure) -> Refusal {
    let (code, hint) = match failure {
        TokenFailure::Unreachable { .. } => {
            (ErrorCode::TemporarilyUnavailable, "check the address, the network or the VPN")
        }
        _ => (ErrorCode::ServerError, "check the address: it must be an OpenID provider's"),
    };
    Refusal::new(code, format!("no discovery document at {url}"))
        .because(failure.to_string())
        .hint(hint)
}

fn misconfigured(profile: &Profile, error: &str, description: &str) -> Refusal {
    let code = match error {
        "invalid_client" => ErrorCode::InvalidClient,
        "unauthorized_client" => ErrorCode::UnauthorizedClient,
        "invalid_scope" => ErrorCode::InvalidScope,
        "invalid_target" => ErrorCode::InvalidTarget,
        "invalid_request" => ErrorCode::InvalidRequest,
        "interaction_required" | "consent_required" => ErrorCode::InteractionRequired,
        _ => ErrorCode::ServerError,
    };
    Refusal::new(code, refused_what(profile))
        .because(format!("{error}: {description}"))
        .hint("run `dagpass doctor`; the session is kept")
}

fn refused_what(profile: &Profile) -> String {
    format!("{} refused the request of {}", profile.issuer.as_str(), profile.called())
}

fn unreachable(profile: &Profile, cause: &str) -> Refusal {
    Refusal::new(
        ErrorCode::TemporarilyUnavailable,
        format!("{} cannot be reached", profile.issuer.as_str()),
    )
    .because(cause)
    .hint("check the network or VPN; the session is kept and tried again by itself")
}
