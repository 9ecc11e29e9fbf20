//! What a caller hears when a deployment gave no JWT.

use std::time::Duration;

use crate::deployment::{AssertionKind, Deployment, JwtBearerFailure};
use crate::error::{ErrorCode, Refusal};
use crate::profile::Profile;

pub fn jwt_bearer(
    profile: &Profile,
    deployment: &Deployment,
    failure: &JwtBearerFailure,
) -> Refusal {
    let (name, because) = (&deployment.name, failure.to_string());
    if !profile.kind.signs_in()
        && let Some(refusal) = of_client(deployment, failure)
    {
        return refusal.because(because);
    }
    match failure {
        JwtBearerFailure::Unreachable { cause, .. } => {
            let what = format!("Airflow `{name}` cannot be reached at {}", deployment.url);
            let usual = "check the network or VPN; it is tried again by itself";
            Refusal::new(ErrorCode::TemporarilyUnavailable, what)
                .because(because)
                .hint(cause.remedy.as_deref().unwrap_or(usual))
        }
        JwtBearerFailure::NoIdToken => {
            let what = format!("there is no ID token for Airflow `{name}`");
            Refusal::new(ErrorCode::LoginRequired, what).because(because).hint(format!(
                "run `{}`, or set `assertion = \"access_token\"` in `[airflow.{name}]`",
                profile.login()
            ))
        }
        JwtBearerFailure::NoSuchGrant { .. } => {
            let what = format!("Airflow `{name}` takes no Ping token in exchange for its own");
            Refusal::new(ErrorCode::InvalidTarget, what).because(because).hint(format!(
                "set `token = \"direct\"` in `[airflow.{name}]`, or add the exchange to the server: `dagpass airflow setup --server`"
            ))
        }
        JwtBearerFailure::SignInTooOld { max_age, .. } => {
            let what = format!("Airflow `{name}` asks for a newer sign-in");
            let limit = max_age.map(limit).unwrap_or_default();
            Refusal::new(ErrorCode::InsufficientUserAuthentication, what)
                .because(format!("{because}{limit}"))
                .hint(newer_sign_in(profile, deployment.assertion))
        }
        JwtBearerFailure::AccessDenied { .. } => {
            Refusal::new(ErrorCode::AccessDenied, format!("Airflow `{name}` gives you no role"))
                .because(format!("{because} (none of your groups is mapped to a role there)"))
                .hint(format!(
                    "`dagpass airflow roles {name}` shows which group gives which role; `dagpass whoami {}` shows yours",
                    profile.name
                ))
        }
        JwtBearerFailure::Rejected { .. } => {
            let what = format!("Airflow `{name}` refuses the token that Ping gave");
            Refusal::new(ErrorCode::InvalidToken, what).because(because).hint(format!(
                "compare issuer, audience and client of profile `{}` with the server's settings; the session is kept",
                profile.name
            ))
        }
        JwtBearerFailure::Misconfigured { error, .. } => {
            let code = match error.as_str() {
                "invalid_request" | "unsupported_grant_type" => ErrorCode::InvalidRequest,
                "unauthorized_client" => ErrorCode::UnauthorizedClient,
                "invalid_client" => ErrorCode::InvalidClient,
                _ => ErrorCode::ServerError,
            };
            Refusal::new(code, format!("Airflow `{name}` refuses the exchange"))
                .because(because)
                .hint("the server's log says more; the session is kept")
        }
    }
}

/// Where nobody signs in, nothing is mended by signing in anew, and nobody has groups.
fn of_client(deployment: &Deployment, failure: &JwtBearerFailure) -> Option<Refusal> {
    let name = &deployment.name;
    match failure {
        JwtBearerFailure::NoIdToken => {
            let what = format!("there is no ID token for Airflow `{name}`");
            let hint = format!("set `assertion = \"access_token\"` in `[airflow.{name}]`");
            Some(Refusal::new(ErrorCode::InvalidRequest, what).hint(hint))
        }
        JwtBearerFailure::SignInTooOld { .. } => {
            let what = format!("Airflow `{name}` takes persons alone");
            let hint = "have the server ask this client for no time of authentication";
            Some(Refusal::new(ErrorCode::AccessDenied, what).hint(hint))
        }
        JwtBearerFailure::AccessDenied { .. } => {
            let what = format!("Airflow `{name}` gives this client no role");
            let hint = format!("`dagpass airflow roles {name}` shows what gives which role");
            Some(Refusal::new(ErrorCode::AccessDenied, what).hint(hint))
        }
        JwtBearerFailure::Unreachable { .. }
        | JwtBearerFailure::NoSuchGrant { .. }
        | JwtBearerFailure::Rejected { .. }
        | JwtBearerFailure::Misconfigured { .. } => None,
    }
}

/// The browser's request asks for `auth_time` in an ID token (`max_age`, OIDC Core §3.1.2.1); in a device
/// authorization request a server may pass over it.
fn newer_sign_in(profile: &Profile, assertion: AssertionKind) -> String {
    let login = profile.login();
    match assertion {
        AssertionKind::AccessToken => format!("run `{login} --fresh`"),
        AssertionKind::IdToken => format!("run `{login} --browser --fresh`"),
    }
}

fn limit(max_age: Duration) -> String {
    let minutes = max_age.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, _) => format!(" (at most {} s old)", max_age.as_secs()),
        (hours, 0) => format!(" (at most {hours} h old)"),
        (hours, rest) => format!(" (at most {hours} h {rest} min old)"),
    }
}
