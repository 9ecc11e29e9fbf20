//! What a caller hears when there is no token: code, cause and the one command, in one place so
//! that CLI, panel and Airflow say the same.

use crate::answers::{StoreFailure, TokenFailure, in_words};
use crate::error::{ErrorCode, Refusal, Why};
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

/// It is signed in, and nothing but the sign-in's own token can be had.
pub fn no_refresh_token(profile: &Profile) -> Refusal {
    let what = format!("{} has the token of its sign-in and no other", profile.called());
    Refusal::new(ErrorCode::InteractionRequired, what)
        .because("this client gets no refresh token")
        .hint("allow refresh tokens for this client at Ping, then sign in again")
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
        StoreFailure::OutOfReach(_) => (
            ErrorCode::KeychainUnavailable,
            "run `dagpass agent restart` in a terminal of your desktop; sessions are kept",
        ),
        StoreFailure::Unavailable(_) => (
            ErrorCode::KeychainUnavailable,
            "run `dagpass doctor`; without a keychain, `dagpass store use passphrase-file`",
        ),
        StoreFailure::Corrupt(_) => return damaged(profile, failure),
    };
    Refusal::new(code, format!("the session of {} cannot be read or kept", profile.called()))
        .because(failure.to_string())
        .hint(hint)
}

/// The keychain serves, and what lies in it is no session: a sign-in writes over it.
fn damaged(profile: &Profile, failure: &StoreFailure) -> Refusal {
    Refusal::new(
        ErrorCode::LoginRequired,
        format!("{} needs you to sign in again", profile.called()),
    )
    .because(failure.to_string())
    .hint(format!("run `{}`", profile.login()))
}

pub fn trouble(profile: &Profile, trouble: &Trouble) -> Refusal {
    match trouble.kind {
        TroubleKind::Offline => unreachable(profile, &trouble.cause),
        TroubleKind::Misconfigured => {
            Refusal::new(ErrorCode::ServerError, refused_what(profile)).because(&trouble.cause.text)
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
        TokenFailure::AccessDenied { .. } => {
            Refusal::new(ErrorCode::AccessDenied, "the sign-in was refused")
                .because(failure.to_string())
        }
        TokenFailure::SubjectChanged { now } => {
            ended(profile, &EndReason::SubjectChanged { now: now.clone() })
        }
    }
}

/// The session's own token was handed in for another and none came: that says nothing of the session.
pub fn exchange(profile: &Profile, failure: &TokenFailure) -> Refusal {
    let (error, description) = match failure {
        TokenFailure::Rejected { error, description }
        | TokenFailure::Misconfigured { error, description } => (error, description),
        TokenFailure::Unreachable { .. }
        | TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken
        | TokenFailure::AccessDenied { .. }
        | TokenFailure::SubjectChanged { .. } => return token(profile, failure),
    };
    let what = format!(
        "{} gave no token in exchange for that of {}",
        profile.issuer.as_str(),
        profile.called()
    );
    Refusal::new(code(error), what)
        .because(in_words(error, description))
        .hint("the session stands; have Ping allow this client the exchange, or check the connection's scopes and resource")
}

/// Nothing leaves that is not on the record.
pub(crate) fn not_recorded(cause: &str) -> Refusal {
    Refusal::new(ErrorCode::NotRecorded, "the access cannot be recorded, so it is denied")
        .because(cause)
        .hint("run `dagpass doctor`")
}

/// Before there is a profile: what a discovery document's address gave.
pub fn discovery(url: &str, failure: &TokenFailure) -> Refusal {
    let (code, hint) = match failure {
        TokenFailure::Unreachable { cause, .. } => (
            ErrorCode::TemporarilyUnavailable,
            cause.remedy.as_deref().unwrap_or("check the address, the network or the VPN"),
        ),
        _ => (ErrorCode::ServerError, "check the address: it must be an OpenID provider's"),
    };
    Refusal::new(code, format!("no discovery document at {url}"))
        .because(failure.to_string())
        .hint(hint)
}

fn misconfigured(profile: &Profile, error: &str, description: &str) -> Refusal {
    Refusal::new(code(error), refused_what(profile))
        .because(in_words(error, description))
        .hint("run `dagpass doctor`; the session is kept")
}

fn code(error: &str) -> ErrorCode {
    match error {
        "invalid_client" => ErrorCode::InvalidClient,
        "unauthorized_client" => ErrorCode::UnauthorizedClient,
        "invalid_scope" => ErrorCode::InvalidScope,
        "invalid_target" => ErrorCode::InvalidTarget,
        "invalid_request" => ErrorCode::InvalidRequest,
        "interaction_required" | "consent_required" => ErrorCode::InteractionRequired,
        _ => ErrorCode::ServerError,
    }
}

fn refused_what(profile: &Profile) -> String {
    format!("{} refused the request of {}", profile.issuer.as_str(), profile.called())
}

fn unreachable(profile: &Profile, cause: &Why) -> Refusal {
    Refusal::new(
        ErrorCode::TemporarilyUnavailable,
        format!("{} cannot be reached", profile.issuer.as_str()),
    )
    .because(&cause.text)
    .hint(match &cause.remedy {
        Some(remedy) => remedy.as_str(),
        None => "check the network or VPN; the session is kept and tried again by itself",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::refusals::jwt_bearer;
    use crate::deployment::{AssertionKind, Deployment, JwtBearerFailure};
    use crate::session::Trouble;
    use crate::time::Timestamp;

    #[test]
    fn a_remedy_that_is_known_takes_the_place_of_the_usual_hint() {
        let profile = Profile::new("prod", "https://idp.example", "agent");
        let deployment = Deployment {
            name: "prod".to_owned(),
            url: "https://airflow.example".to_owned(),
            assertion: AssertionKind::AccessToken,
        };
        let plain = Why::from("idp.example: no route");
        let known = Why::from("idp.example: it expired").mended_by("have it renewed");
        for (cause, hint) in [(plain, "check the "), (known, "have it renewed")] {
            let failure =
                TokenFailure::Unreachable { cause: cause.clone(), sent: false, retry_after: None };
            let ungiven = JwtBearerFailure::Unreachable { cause: cause.clone(), retry_after: None };
            let at = Timestamp::from_secs(0);
            let resting = Trouble {
                kind: TroubleKind::Offline,
                cause: cause.clone(),
                since: at,
                rest: crate::rest::Rest::new(at, std::time::Duration::ZERO),
                attempts: 1,
            };
            for refusal in [
                token(&profile, &failure),
                discovery("https://idp.example", &failure),
                trouble(&profile, &resting),
                jwt_bearer(&profile, &deployment, &ungiven),
            ] {
                assert_eq!(refusal.code, ErrorCode::TemporarilyUnavailable);
                assert_eq!(refusal.cause.as_deref(), Some(cause.text.as_str()));
                assert!(refusal.hint.is_some_and(|said| said.starts_with(hint)), "{hint}");
            }
        }
    }
}
