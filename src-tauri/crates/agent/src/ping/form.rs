//! The form that every endpoint of RFC 6749 takes: how it is made, which of its fields are the protocol's,
//! and which are secret. Sends nothing.

use dagpass_core::ports::TokenFailure;
use oauth2::HttpRequest;
use url::Url;

use crate::http::misconfigured;

/// Form fields that must never be seen again, not even in a server's own words.
const SECRET_FIELDS: [&str; 6] =
    ["code", "code_verifier", "device_code", "refresh_token", "subject_token", "token"];

/// A form, as every endpoint of RFC 6749 takes it.
pub(super) fn form<K: AsRef<str>, V: AsRef<str>>(
    url: &Url,
    fields: &[(K, V)],
) -> Result<HttpRequest, TokenFailure> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    oauth2::http::Request::post(url.as_str())
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into_bytes())
        .map_err(|error| misconfigured("invalid_request", error.to_string()))
}

/// Parameters that the protocol sets: an extra one of the same name would make two of it.
pub(super) fn is_ours(name: &str) -> bool {
    const OURS: [&str; 17] = [
        "client_id",
        "client_secret",
        "code",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "device_code",
        "grant_type",
        "nonce",
        "redirect_uri",
        "refresh_token",
        "requested_token_type",
        "response_type",
        "scope",
        "state",
        "subject_token",
        "subject_token_type",
    ];
    OURS.contains(&name)
}

/// What is sent as a form in `body`, of the fields that are secret.
pub(super) fn secrets_of(body: &[u8]) -> Vec<String> {
    url::form_urlencoded::parse(body)
        .filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()))
        .map(|(_, value)| value.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_fields_of_a_form_are_known() {
        let body = b"grant_type=refresh_token&refresh_token=r%2B1&client_id=c&code_verifier=v";
        assert_eq!(secrets_of(body), ["r+1", "v"]);
    }
}
