//! The error response of the authorization endpoint (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6, RFC 8707 §2):
//! the server's own word, what it means here, and what helps. A table.

use crate::error::{ErrorCode, Refusal};
use crate::profile::Profile;
use crate::sign_in::CallbackError;

pub(super) fn refusal(profile: &Profile, told: &CallbackError) -> Refusal {
    let code = ErrorCode::of_server(&told.error);
    let (what, hint) = meaning(profile, &told.error);
    let cause = match told.description.as_str() {
        "" => told.error.clone(),
        description => format!("{}: {description}", told.error),
    };
    Refusal::new(code, what).because(cause).hint(hint)
}

fn meaning(profile: &Profile, error: &str) -> (String, String) {
    let (client, login) = (&profile.client_id, profile.login());
    match error {
        "access_denied" => (
            "you, or a rule at Ping, refused the sign-in".to_owned(),
            format!(
                "run `{login}`; if it was not you, ask whoever runs the client `{client}` at Ping whether you may use it"
            ),
        ),
        "login_required" => quiet(profile, "Ping has no session of yours"),
        "interaction_required" => quiet(profile, "Ping has something to ask you"),
        "consent_required" => quiet(profile, "Ping needs your consent"),
        "account_selection_required" => quiet(profile, "Ping needs you to choose an account"),
        "invalid_scope" => (
            "Ping does not give this client the scopes that it asks for".to_owned(),
            format!(
                "compare `scopes` ({}) with what the client `{client}` may ask for at Ping",
                profile.scopes
            ),
        ),
        "unauthorized_client" | "unsupported_response_type" => (
            format!("the client `{client}` may not sign people in by browser"),
            format!(
                "have the authorization code grant allowed for it at Ping, or run `{login} --device`"
            ),
        ),
        "temporarily_unavailable" => (
            "Ping is busy or being maintained".to_owned(),
            format!("run `{login}` in a few minutes"),
        ),
        "server_error" => (
            "something failed at Ping".to_owned(),
            format!(
                "run `{login}` again; if it stays so, tell whoever runs Ping what the cause says"
            ),
        ),
        "invalid_request_uri" => (
            "the pushed request had ended before the browser brought it".to_owned(),
            format!("run `{login}` and open the address at once"),
        ),
        "invalid_request"
        | "invalid_request_object"
        | "request_not_supported"
        | "request_uri_not_supported" => (
            "Ping does not take the request as it is".to_owned(),
            format!(
                "compare `token-params`, `acr-values` and `prompt` of {} with what the client may send",
                profile.called()
            ),
        ),
        "invalid_target" => (
            "Ping gives this client no token for the resource that it names".to_owned(),
            format!(
                "compare `resource` of {} with what the client may ask for at Ping",
                profile.called()
            ),
        ),
        "unmet_authentication_requirements" => (
            "Ping could not prove who you are as was asked".to_owned(),
            format!("run `{login}` and use the way that `acr-values` asks for, or change it"),
        ),
        word => (format!("Ping refused the sign-in ({word})"), format!("run `{login}`")),
    }
}

/// What only a page could settle (OIDC Core §3.1.2.6).
fn quiet(profile: &Profile, what: &str) -> (String, String) {
    if profile.prompt.as_deref() != Some("none") {
        return (what.to_owned(), format!("run `{}`", profile.login()));
    }
    let hint = format!("take `prompt = \"none\"` out of profile `{}`", profile.name);
    (format!("{what}, and was told to show no page"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_keeps_its_own_word_and_says_what_helps() {
        use ErrorCode as E;
        let table = [
            ("access_denied", E::AccessDenied, "refused the sign-in", "whether you may use it"),
            ("login_required", E::LoginRequired, "no session of yours", "`dagpass login prod`"),
            ("interaction_required", E::InteractionRequired, "something to ask", "dagpass login"),
            ("consent_required", E::ConsentRequired, "needs your consent", "dagpass login"),
            ("account_selection_required", E::AccountSelectionRequired, "choose", "dagpass login"),
            ("invalid_scope", E::InvalidScope, "does not give", "`scopes` (openid)"),
            ("unauthorized_client", E::UnauthorizedClient, "client `desk`", "prod --device`"),
            ("unsupported_response_type", E::UnsupportedResponseType, "by browser", "--device"),
            ("temporarily_unavailable", E::TemporarilyUnavailable, "busy", "in a few minutes"),
            ("server_error", E::ServerError, "failed at Ping", "whoever runs Ping"),
            ("invalid_request", E::InvalidRequest, "as it is", "`token-params`"),
            ("invalid_request_uri", E::InvalidRequest, "had ended before", "at once"),
            ("request_not_supported", E::InvalidRequest, "as it is", "`acr-values`"),
            ("invalid_target", E::InvalidTarget, "the resource", "`resource`"),
            (
                "unmet_authentication_requirements",
                E::InsufficientUserAuthentication,
                "as was asked",
                "`acr-values`",
            ),
            ("made_up", E::ServerError, "(made_up)", "dagpass login"),
        ];
        let profile = Profile::new("prod", "https://idp.example", "desk");
        for (word, code, what, hint) in table {
            for description in ["", "by its own words"] {
                let told = CallbackError { error: word.into(), description: description.into() };
                let refusal = refusal(&profile, &told);
                assert_eq!(refusal.code, code, "{word}");
                assert!(refusal.what.contains(what), "{word}: {refusal}");
                assert!(refusal.hint.unwrap().contains(hint), "{word}");
                let cause = refusal.cause.unwrap();
                assert!(cause.starts_with(word) && cause.ends_with(description), "{cause}");
            }
        }
    }

    #[test]
    fn a_profile_that_wants_no_page_is_told_so() {
        let mut profile = Profile::new("prod", "https://idp.example", "desk");
        profile.prompt = Some("none".to_owned());
        for word in ["login_required", "interaction_required", "consent_required"] {
            let told = CallbackError { error: word.into(), description: String::new() };
            let refusal = refusal(&profile, &told);
            assert!(refusal.what.ends_with("told to show no page"), "{refusal}");
            assert!(refusal.hint.unwrap().contains("take `prompt = \"none\"` out"));
        }
    }
}
