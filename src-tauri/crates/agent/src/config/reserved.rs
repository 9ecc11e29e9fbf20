//! The names of OAuth's parameters that are not the config's to set: one list, for who reads the config and
//! for who makes the requests.

/// Why a parameter is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// It has no place in a file.
    Secret,
    /// The protocol sets it: a second one breaks the request.
    Protocol,
    /// The config has a key of its own for it.
    Key(&'static str),
    /// Taken from the config, and sent in its place by the protocol.
    Taken,
}

/// `None` where the config may say what it likes.
pub(crate) fn reservation(name: &str) -> Option<Reserved> {
    Some(match name {
        "client_secret" | "client_assertion" | "client_assertion_type" => Reserved::Secret,
        "client_id"
        | "grant_type"
        | "response_type"
        | "response_mode"
        | "redirect_uri"
        | "code"
        | "code_verifier"
        | "code_challenge"
        | "code_challenge_method"
        | "state"
        | "nonce"
        | "refresh_token"
        | "device_code"
        | "subject_token"
        | "subject_token_type"
        | "request"
        | "request_uri"
        | "token"
        | "token_type_hint" => Reserved::Protocol,
        "scope" => Reserved::Key("scopes"),
        "prompt" => Reserved::Key("prompt"),
        "login_hint" => Reserved::Key("login-hint"),
        "acr_values" => Reserved::Key("acr-values"),
        "max_age" => Reserved::Key("max-age"),
        "requested_token_type" => Reserved::Taken,
        _ => return None,
    })
}
