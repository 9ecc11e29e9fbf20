//! `GET {url}/api/v2/auth/logout`, which revokes the JWT it is called with. It answers with the same
//! redirect whether or not it did, so the JWT is shown once more: only a refusal is a confirmation.

use dagpass_core::deployment::Deployment;
use dagpass_core::ports::{Revocation, TokenFailure};
use dagpass_core::profile::Profile;
use dagpass_core::token::AccessToken;

use super::jwt_bearer::endpoint;
use crate::http::{Answer, Http, text};

const LOGOUT: &str = "/api/v2/auth/logout";
/// A route that asks who calls: the cheapest of the public ones.
const PROBE: &str = "/api/v2/dags?limit=1";

pub(super) async fn log_out(
    http: &Http,
    profile: &Profile,
    deployment: &Deployment,
    token: &AccessToken,
) -> Revocation {
    let show = async |route: &str| {
        let Ok(url) = endpoint(deployment, route) else { return Err(Revocation::Unsupported) };
        let answer = http.fetch(&profile.network, &url, Some(token.expose())).await;
        answer.map_err(|failure| match failure {
            TokenFailure::Unreachable { sent: false, .. } => Revocation::Pending,
            _ => Revocation::Unconfirmed,
        })
    };
    match show(LOGOUT).await {
        Err(revocation) => revocation,
        Ok(answer) if matches!(answer.status, 404 | 405) => Revocation::Unsupported,
        Ok(answer) if answer.status >= 400 => Revocation::Unconfirmed,
        Ok(_) => match show(PROBE).await {
            // The logout itself left: from here on nothing is as if it had not been sent.
            Err(_) => Revocation::Unconfirmed,
            Ok(answer) => meaning(&answer),
        },
    }
}

/// What the answer to a JWT says of the JWT. `Forbidden` is said to one that is good and whose
/// bearer may not list DAGs.
fn meaning(answer: &Answer) -> Revocation {
    let detail = answer.object().and_then(|object| text(&object, "detail").map(str::to_owned));
    match (answer.status, detail.as_deref()) {
        (200, Some(_) | None) if answer.object().is_some() => Revocation::Unsupported,
        (403, Some("Forbidden")) => Revocation::Unsupported,
        (401 | 403, Some(_)) => Revocation::Confirmed,
        _ => Revocation::Unconfirmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::airflow::tests::answer;

    #[test]
    fn only_a_refused_jwt_is_a_confirmed_logout() {
        let json = "application/json";
        for (status, content_type, body, expected) in [
            (403, json, r#"{"detail":"Invalid JWT token"}"#, Revocation::Confirmed),
            (401, json, r#"{"detail":"Token Expired"}"#, Revocation::Confirmed),
            (403, json, r#"{"detail":"Forbidden"}"#, Revocation::Unsupported),
            (200, json, r#"{"dags":[]}"#, Revocation::Unsupported),
            (200, "text/html", "<html>portal</html>", Revocation::Unconfirmed),
            (403, "text/html", "blocked", Revocation::Unconfirmed),
            (302, json, "", Revocation::Unconfirmed),
            (500, json, "{}", Revocation::Unconfirmed),
        ] {
            let got = meaning(&answer(status, content_type, body));
            assert_eq!(got, expected, "{status} {content_type} {body}");
        }
    }
}
