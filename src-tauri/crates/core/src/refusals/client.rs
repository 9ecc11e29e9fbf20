//! What a caller hears of a profile that nobody signs in to: never that anybody should.

use super::{is_of_answer, unreachable, unusable};
use crate::answers::{TokenFailure, in_words};
use crate::endpoints;
use crate::error::{ErrorCode, Refusal};
use crate::profile::{Credential, Profile};
use crate::session::{Trouble, TroubleKind};

/// This machine has nothing that proves the client.
pub fn no_credential(profile: &Profile) -> Refusal {
    let what = match profile.client_auth.credential() {
        Some(Credential::Key) => "key",
        Some(Credential::Secret) | None => "secret",
    };
    let cause = match endpoints::beside_the_issuer(profile) {
        Some(hosts) => format!(
            "this machine has no {what} of the client `{}` that may go to {hosts}",
            profile.client_id
        ),
        None => format!("this machine has no {what} of the client `{}`", profile.client_id),
    };
    Refusal::new(ErrorCode::InvalidClient, format!("{} cannot prove itself", profile.called()))
        .because(cause)
        .hint(format!("run `{}`", profile.mend()))
}

/// Whoever would sign in to it.
pub fn nobody_signs_in(profile: &Profile, has_proof: bool) -> Refusal {
    let what =
        format!("nobody signs in to {}: it is a {}", profile.called(), profile.kind.as_str());
    Refusal::new(ErrorCode::InvalidRequest, what)
        .because("its tokens are given to the client itself")
        .hint(match has_proof {
            true => format!("run `dagpass token {}`", profile.name),
            false => format!("run `{}`", profile.mend()),
        })
}

/// The token endpoint gave the client nothing.
pub(crate) fn client(profile: &Profile, failure: &TokenFailure) -> Refusal {
    let (error, description) = match failure {
        TokenFailure::Unreachable { cause, .. } => return unreachable(profile, cause),
        TokenFailure::Misconfigured { error, description }
        | TokenFailure::Rejected { error, description } => (error.as_str(), description.as_str()),
        TokenFailure::AccessDenied { description } => ("access_denied", description.as_str()),
        TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken
        | TokenFailure::SubjectChanged { .. } => ("server_error", "no answer to this grant"),
    };
    let cause = in_words(error, description);
    let code = ErrorCode::of_server(error);
    if is_of_answer(error) {
        return Refusal::new(code, unusable(profile)).because(cause).hint("run `dagpass doctor`");
    }
    refused(profile, code).because(cause)
}

pub(super) fn trouble(profile: &Profile, trouble: &Trouble) -> Refusal {
    let cause = &trouble.cause;
    match trouble.kind {
        TroubleKind::Offline => unreachable(profile, cause),
        TroubleKind::Unusable => Refusal::new(ErrorCode::ServerError, unusable(profile))
            .because(&cause.text)
            .hint("run `dagpass doctor`"),
        TroubleKind::Misconfigured => {
            let word = cause.text.split(':').next().unwrap_or_default();
            refused(profile, ErrorCode::of_server(word)).because(&cause.text)
        }
    }
}

/// What of it is the secret's, or the key's, is mended here; the rest at the issuer.
fn refused(profile: &Profile, code: ErrorCode) -> Refusal {
    let what = format!("{} refused the client of {}", profile.issuer.as_str(), profile.called());
    let hint = match (code, profile.client_auth.credential()) {
        (ErrorCode::InvalidClient, Some(Credential::Key)) => {
            format!(
                "have what `{}` prints registered for this client at the issuer; \
                 PingAM also wants `assertion-audience = \"token-endpoint\"`",
                profile.mend()
            )
        }
        (ErrorCode::InvalidClient, _) => {
            format!("run `{}` with the secret that the issuer has now", profile.mend())
        }
        (ErrorCode::InvalidScope | ErrorCode::InvalidTarget, _) => {
            format!("have the issuer grant it, or mend `[profile.{}]`", profile.name)
        }
        (_, _) => "have the issuer allow this client the grant `client_credentials`".to_owned(),
    };
    Refusal::new(code, what).hint(hint)
}

/// It was logged out, or the config has another client, while somebody waited.
pub(super) fn taken_back(profile: &Profile) -> Refusal {
    let what = format!("what {} had was taken back meanwhile", profile.called());
    Refusal::new(ErrorCode::TemporarilyUnavailable, what)
        .hint(format!("run `dagpass token {}` for another", profile.name))
}

/// What lies in the store is no secret and no key.
pub(super) fn damaged(profile: &Profile, failure: &crate::answers::StoreFailure) -> Refusal {
    let what = format!("what proves the client of {} cannot be read", profile.called());
    Refusal::new(ErrorCode::InvalidClient, what)
        .because(failure.to_string())
        .hint(format!("run `{}`", profile.mend()))
}
