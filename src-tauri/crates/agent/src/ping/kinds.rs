//! Kinds of tokens: which was asked for, which came, and whether it can be served. A pure table.

use dagpass_core::ports::Grant;
use dagpass_core::request::Target;

use crate::http::plain;

pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What an exchange asks for (RFC 8693 §2.1).
pub(super) fn asked_for(target: &Target) -> &str {
    target.params.get("requested_token_type").map_or(ACCESS_TOKEN, String::as_str)
}

/// Why it cannot be served. Bearer alone can, until tokens that are bound to a key are built; what is no
/// access token has no type of use (RFC 8693 §2.2.1), where such a one was asked for.
pub(super) fn unusable(
    grant: &Grant<'_>,
    token_type: &str,
    issued: Option<&str>,
) -> Option<String> {
    let is_access = |kind: &str| matches!(kind, ACCESS_TOKEN | JWT);
    let asked = match grant {
        Grant::TokenExchange { target, .. } => asked_for(target),
        Grant::AuthorizationCode { .. }
        | Grant::DeviceCode { .. }
        | Grant::ClientCredentials { .. }
        | Grant::RefreshToken { .. } => ACCESS_TOKEN,
    };
    let exchange = matches!(grant, Grant::TokenExchange { .. });
    if let Some(issued) = issued.filter(|_| exchange)
        && issued != asked
        && !(is_access(issued) && is_access(asked))
    {
        return Some(format!("Ping issued a `{}`, and a `{asked}` was asked for", plain(issued)));
    }
    let no_access_token = exchange && !is_access(asked) && token_type.eq_ignore_ascii_case("N_A");
    if no_access_token || token_type.eq_ignore_ascii_case("Bearer") {
        return None;
    }
    let kind = plain(token_type);
    Some(format!("Ping issued a token of type `{kind}`, and only Bearer tokens can be served"))
}

#[cfg(test)]
mod tests {
    use dagpass_core::token::{AccessToken, DeviceCode};

    use super::*;

    const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

    #[test]
    fn only_what_was_asked_for_and_can_be_presented_is_served() {
        let subject_token = AccessToken::new("at");
        let table = [
            (None, "Bearer", None, true),
            (None, "bearer", Some(ACCESS_TOKEN), true),
            (None, "BEARER", Some(JWT), true),
            (None, "N_A", Some(ACCESS_TOKEN), false),
            (None, "N_A", None, false),
            (None, "DPoP", None, false),
            (None, "mac", None, false),
            (None, "Bearer", Some(ID_TOKEN), false),
            (None, "Bearer", Some("urn:pingidentity:made-up"), false),
            (Some(ID_TOKEN), "N_A", Some(ID_TOKEN), true),
            (Some(ID_TOKEN), "n_a", None, true),
            (Some(ID_TOKEN), "Bearer", Some(ACCESS_TOKEN), false),
        ];
        for (asked, token_type, issued, fine) in table {
            let mut target = Target::default();
            target.params.extend(
                asked.map(|kind: &str| ("requested_token_type".to_owned(), kind.to_owned())),
            );
            let grant = Grant::TokenExchange { subject_token: &subject_token, target: &target };
            let why = unusable(&grant, token_type, issued);
            assert_eq!(why.is_none(), fine, "{asked:?} {token_type} {issued:?} {why:?}");
            let names =
                |why: String| why.contains(token_type) || issued.is_some_and(|i| why.contains(i));
            assert!(why.is_none_or(names), "refused by name");
        }
    }

    #[test]
    fn a_sign_in_brings_a_bearer_token_or_none() {
        let code = DeviceCode::new("code");
        let grant = Grant::DeviceCode { code: &code, verifier: None };
        for (token_type, issued, fine) in [
            ("Bearer", None, true),
            ("bEARER", Some(ID_TOKEN), true),
            ("N_A", None, false),
            ("DPoP", None, false),
        ] {
            assert_eq!(unusable(&grant, token_type, issued).is_none(), fine, "{token_type}");
        }
    }
}
