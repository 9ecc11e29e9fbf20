//! Giving a token back (RFC 7009), once. What is unclear after it was sent stays unclear:
//! PingFederate counts stale revocations towards locking the client out, for everybody.

use dagpass_core::ports::{Revocation, TokenFailure};
use url::Url;

use super::answer::Asked;
use super::client_auth::Client;
use super::fields::{Fields, Form};
use crate::http::{Answer, Http, without};

pub(super) async fn revoke(
    http: &Http,
    url: &Url,
    client: &Client<'_>,
    (token, kind): (&str, &str),
) -> Result<Revocation, TokenFailure> {
    let fields = Fields::default().set("token", token);
    let form = fields.set("token_type_hint", kind).post(url, client)?;
    let Form { request, secrets } = form;
    match http.post(&client.profile.network, request).await {
        Ok(answer) => meaning(&answer).map_err(|failure| without(failure, &secrets)),
        Err(TokenFailure::Unreachable { sent: false, .. }) => Ok(Revocation::Pending),
        Err(TokenFailure::Unreachable { .. }) => Ok(Revocation::Unconfirmed),
        Err(failure) => Err(without(failure, &secrets)),
    }
}

/// PingFederate's own path: there a revocation may end other tokens of the same grant, and one of a token
/// that is no longer good counts towards locking the client out.
pub(super) fn may_end_others(url: &Url) -> bool {
    url.path().ends_with("/revoke_token.oauth2")
}

fn meaning(answer: &Answer) -> Result<Revocation, TokenFailure> {
    // RFC 7009 §2.2: the body of a success says nothing, and is mostly empty. A portal has a page to show.
    if matches!(answer.status, 200 | 204) && answer.body.trim_ascii().is_empty() {
        return Ok(Revocation::Confirmed);
    }
    match answer.document(Asked::RefreshToken) {
        Ok(_) | Err(TokenFailure::Rejected { .. }) => Ok(Revocation::Confirmed),
        Err(TokenFailure::Misconfigured { error, .. }) if error == "unsupported_token_type" => {
            Ok(Revocation::Unsupported)
        }
        Err(TokenFailure::Misconfigured { error, .. }) if error == "invalid_token" => {
            Ok(Revocation::Confirmed)
        }
        Err(failure @ TokenFailure::Misconfigured { .. }) if answer.status != 404 => Err(failure),
        // There is nothing at this path.
        Err(_) if answer.status == 404 => Ok(Revocation::Unsupported),
        Err(_) => Ok(Revocation::Unconfirmed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::time::Timestamp;
    use zeroize::Zeroizing;

    #[test]
    fn pingfederate_is_known_by_its_path() {
        for (url, may) in [
            ("https://sso.example:9031/as/revoke_token.oauth2", true),
            ("https://auth.pingone.eu/env/as/revoke", false),
            ("https://id.example/am/oauth2/realms/root/realms/alpha/token/revoke", false),
        ] {
            assert_eq!(may_end_others(&Url::parse(url).unwrap()), may, "{url}");
        }
    }

    #[test]
    fn only_a_clear_answer_is_a_confirmation() {
        let table = [
            (200, "", "", "Confirmed"),
            (200, "application/json", "{}", "Confirmed"),
            (204, "application/json", "{}", "Confirmed"),
            (204, "", "", "Confirmed"),
            (200, "text/html;charset=utf-8", " \n", "Confirmed"),
            (404, "application/json", r#"{"code":404,"reason":"Not Found"}"#, "Unsupported"),
            (404, "text/html", "<html>Not Found</html>", "Unsupported"),
            (400, "application/json", r#"{"error":"invalid_token"}"#, "Confirmed"),
            (400, "application/json", r#"{"error":"unsupported_token_type"}"#, "Unsupported"),
            (401, "application/json", r#"{"error":"invalid_client"}"#, "refused"),
            (200, "text/html", "<html>portal</html>", "Unconfirmed"),
            (302, "text/html", "", "Unconfirmed"),
            (403, "text/html", "blocked", "Unconfirmed"),
            (503, "", "", "Unconfirmed"),
        ];
        for (status, content_type, body, expected) in table {
            let answer = Answer {
                from: "ping".into(),
                status,
                content_type: content_type.into(),
                body: Zeroizing::new(body.as_bytes().to_vec()),
                retry_after: None,
                correlation: None,
                challenge: None,
                received_at: Timestamp::from_secs(0),
                clock_skew: None,
            };
            let meant = meaning(&answer)
                .map_or_else(|_refused| "refused".to_owned(), |known| format!("{known:?}"));
            assert_eq!(meant, expected, "{status} {content_type} {body}");
        }
    }
}
