//! What a caller hears when there is no token: code, cause and the one command, in one place so
//! that CLI, panel and Airflow say the same.

mod client;

use crate::answers::{StoreFailure, TokenFailure, in_words};
use crate::error::{ErrorCode, Refusal, Why};
use crate::logout::Out;
use crate::profile::Profile;
use crate::session::{EndReason, Trouble, TroubleKind};

pub(crate) use client::client;
pub use client::{no_credential, nobody_signs_in};

pub fn signed_out(profile: &Profile) -> Refusal {
    if !profile.kind.signs_in() {
        return client::taken_back(profile);
    }
    Refusal::new(ErrorCode::LoginRequired, format!("{} is not signed in", profile.called()))
        .hint(format!("run `{}`", profile.login()))
}

/// Nobody asked for that sign-out: why it came, and what has nothing of it come again at once.
pub fn gone(profile: &Profile, out: &Out) -> Refusal {
    let fresh = if out.reason.wants_new_proof() { " --fresh" } else { "" };
    Refusal::new(ErrorCode::LoginRequired, format!("{} was signed out", profile.called()))
        .because(out.reason.sentence())
        .hint(format!("run `{}{fresh}`", profile.login()))
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
        .hint(format!(
            "allow refresh tokens for this client at Ping, then run `{} --fresh`",
            profile.login()
        ))
}

pub fn store(profile: &Profile, failure: &StoreFailure) -> Refusal {
    let (code, hint) = match failure {
        StoreFailure::Locked(_) => (
            ErrorCode::KeychainLocked,
            "run `dagpass agent unlock`, which has the keychain ask you",
        ),
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
    if !profile.kind.signs_in() {
        return client::damaged(profile, failure);
    }
    Refusal::new(
        ErrorCode::LoginRequired,
        format!("{} needs you to sign in again", profile.called()),
    )
    .because(failure.to_string())
    .hint(format!("run `{}`", profile.login()))
}

pub fn trouble(profile: &Profile, trouble: &Trouble) -> Refusal {
    if !profile.kind.signs_in() {
        return client::trouble(profile, trouble);
    }
    match trouble.kind {
        TroubleKind::Offline => unreachable(profile, &trouble.cause),
        TroubleKind::Misconfigured => stands(
            Refusal::new(ErrorCode::ServerError, refused(profile)).because(&trouble.cause.text),
        ),
        TroubleKind::Unusable => stands(
            Refusal::new(ErrorCode::ServerError, unusable(profile)).because(&trouble.cause.text),
        ),
    }
}

/// While nobody is signed in yet there is no session that could have ended or be kept.
pub fn signing_in(profile: &Profile, failure: &TokenFailure) -> Refusal {
    let again = format!("run `{}`", profile.login());
    match failure {
        TokenFailure::Rejected { error, description } => {
            Refusal::new(ErrorCode::of_server(error), "Ping refused the sign-in")
                .because(in_words(error, description))
                .hint(again)
        }
        TokenFailure::Unreachable { cause, .. } => {
            let usual = format!("check the network or VPN, then {again}");
            let refusal = unreachable(profile, cause);
            refusal.hint(cause.remedy.clone().unwrap_or(usual))
        }
        TokenFailure::Misconfigured { error, description } => {
            misconfigured(profile, error, description).hint("run `dagpass doctor`")
        }
        TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken
        | TokenFailure::AccessDenied { .. }
        | TokenFailure::SubjectChanged { .. } => token(profile, failure),
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
            stands(misconfigured(profile, error, description))
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
    let signs_in = profile.kind.signs_in();
    let (error, description) = match failure {
        TokenFailure::Rejected { error, description }
        | TokenFailure::Misconfigured { error, description } => (error.as_str(), description),
        TokenFailure::AccessDenied { description } if !signs_in => ("access_denied", description),
        TokenFailure::Unreachable { .. }
        | TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken
        | TokenFailure::AccessDenied { .. }
        | TokenFailure::SubjectChanged { .. }
            if !signs_in =>
        {
            return client(profile, failure);
        }
        TokenFailure::Unreachable { .. }
        | TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken
        | TokenFailure::AccessDenied { .. }
        | TokenFailure::SubjectChanged { .. } => return token(profile, failure),
    };
    if !signs_in && error == "invalid_client" {
        return client(profile, failure);
    }
    let what = format!(
        "{} gave no token in exchange for that of {}",
        profile.issuer.as_str(),
        profile.called()
    );
    Refusal::new(code(error), what)
        .because(in_words(error, description))
        .hint(match signs_in {
            true => "the session stands; have Ping allow this client the exchange, or check the connection's scopes and resource",
            false => "have the issuer allow this client the exchange, or check the connection's scopes and resource",
        })
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
    let what = if is_of_answer(error) { unusable(profile) } else { refused(profile) };
    Refusal::new(code(error), what).because(in_words(error, description))
}

/// Of a session that is there.
fn stands(refusal: Refusal) -> Refusal {
    refusal.hint("run `dagpass doctor`; the session is kept")
}

/// Words that no server refuses a request with: it answered, and we do not use the answer.
pub(crate) fn is_of_answer(error: &str) -> bool {
    matches!(error, "server_error" | "invalid_token" | "not_found")
}

/// A word of the token endpoint about one request: it never says that somebody has to sign in.
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

fn refused(profile: &Profile) -> String {
    format!("{} refused the request of {}", profile.issuer.as_str(), profile.called())
}

fn unusable(profile: &Profile) -> String {
    format!("what {} answered {} cannot be used", profile.issuer.as_str(), profile.called())
}

fn unreachable(profile: &Profile, cause: &Why) -> Refusal {
    Refusal::new(
        ErrorCode::TemporarilyUnavailable,
        format!("{} cannot be reached", profile.issuer.as_str()),
    )
    .because(&cause.text)
    .hint(match &cause.remedy {
        Some(remedy) => format!("{remedy}; the session is kept"),
        None => {
            "check the network or VPN; the session is kept and tried again by itself".to_owned()
        }
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
    fn nobody_is_told_of_a_session_that_is_not_there_or_of_a_refusal_that_was_ours() {
        let profile = Profile::new("prod", "https://idp.example", "agent");
        let wrong = |error: &str| TokenFailure::Misconfigured {
            error: error.to_owned(),
            description: "it is".to_owned(),
        };
        let away =
            || TokenFailure::Unreachable { cause: "no".into(), sent: false, retry_after: None };
        let rejected = TokenFailure::Rejected { error: "x".into(), description: "y".into() };
        let refused = "https://idp.example refused the request of profile `prod`";
        let unusable = "what https://idp.example answered profile `prod` cannot be used";
        let kept = "the session is kept";
        for (refusal, what, hint, keeps) in [
            (token(&profile, &wrong("invalid_client")), refused, "run `dagpass doctor`", true),
            (token(&profile, &wrong("invalid_token")), unusable, "run `dagpass doctor`", true),
            (token(&profile, &wrong("server_error")), unusable, "run `dagpass doctor`", true),
            (token(&profile, &away()), "https://idp.example cannot be reached", "check", true),
            (
                signing_in(&profile, &wrong("invalid_client")),
                refused,
                "run `dagpass doctor`",
                false,
            ),
            (
                signing_in(&profile, &wrong("invalid_token")),
                unusable,
                "run `dagpass doctor`",
                false,
            ),
            (
                signing_in(&profile, &away()),
                "https://idp.example cannot be reached",
                "check the network or VPN, then run `dagpass login prod`",
                false,
            ),
            (
                signing_in(&profile, &rejected),
                "Ping refused the sign-in",
                "run `dagpass login prod`",
                false,
            ),
        ] {
            assert_eq!(refusal.what, what);
            let said = refusal.hint.unwrap();
            assert!(said.starts_with(hint) && said.contains(kept) == keeps, "{what}: {said}");
        }
    }

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
