//! What a request to the listener is: the callback of some flow, or something to refuse. Pure.

use dagpass_core::sign_in::{CallbackAnswer, CallbackError};
use dagpass_core::token::AuthorizationCode;
use hyper::{Method, Uri};

use super::page::Page;

/// The callback, or the page that refuses it. A refused request does not end the flow.
pub(super) fn judge(method: &Method, uri: &Uri, path: &str) -> Result<CallbackAnswer, Page> {
    if uri.authority().is_some() {
        return Err(Page::Malformed);
    }
    if uri.path() != path {
        return Err(Page::NotFound);
    }
    if method != Method::GET {
        return Err(Page::WrongMethod);
    }
    let query = Query::parse(uri.query().unwrap_or_default())?;
    let outcome = match (query.code, query.error) {
        (Some(code), None) => Ok(AuthorizationCode::new(code)),
        (None, Some(error)) => Err(CallbackError {
            error: readable(&error),
            description: readable(&query.description.unwrap_or_default()),
        }),
        // RFC 6749 §4.1.2, §4.1.2.1: one or the other.
        (None, None) | (Some(_), Some(_)) => return Err(Page::Malformed),
    };
    Ok(CallbackAnswer { state: query.state, iss: query.iss, outcome })
}

/// A browser that came to be sent to Ping: by the whole of an address that nobody can guess, and no other
/// way.
pub(super) fn is_start(method: &Method, uri: &Uri, path: &str) -> bool {
    method == Method::GET
        && uri.authority().is_none()
        && uri.path() == path
        && uri.query().is_none()
}

#[derive(Default)]
struct Query {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    description: Option<String>,
}

impl Query {
    fn parse(text: &str) -> Result<Self, Page> {
        let mut query = Self::default();
        for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let field = match key.as_ref() {
                "code" => &mut query.code,
                "state" => &mut query.state,
                "iss" => &mut query.iss,
                "error" => &mut query.error,
                "error_description" => &mut query.description,
                // RFC 9700 §2.1.2: nobody may hand us a token through the front channel.
                "access_token" | "id_token" | "refresh_token" | "token" => {
                    return Err(Page::TokenInAddress);
                }
                _ => continue,
            };
            // RFC 6749 §3.1: an empty value counts as absent, and none may come twice.
            if value.is_empty() {
                continue;
            }
            if field.replace(value.into_owned()).is_some() {
                return Err(Page::Malformed);
            }
        }
        Ok(query)
    }
}

/// How much of a server's error text is shown?
const LONGEST_TEXT: usize = 500;

/// The text ends in terminals too: no control character survives.
fn readable(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(LONGEST_TEXT).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: Method, target: &str) -> Result<CallbackAnswer, Page> {
        judge(&method, &target.parse().expect("a target"), "/callback")
    }

    #[test]
    fn a_callback_is_parsed_whatever_its_state() {
        let answer = outcome(
            Method::GET,
            "/callback?code=c%2B1&state=s&iss=https%3A%2F%2Fa.example&session_state=x",
        );
        let answer = answer.expect("well-formed");
        assert_eq!(answer.state.as_deref(), Some("s"));
        assert_eq!(answer.iss.as_deref(), Some("https://a.example"));
        assert_eq!(answer.outcome.expect("a code").expose(), "c+1");

        let answer = outcome(Method::GET, "/callback?code=c&state=").expect("well-formed");
        assert_eq!(answer.state, None);
    }

    #[test]
    fn an_error_loses_its_control_characters_and_its_tail() {
        let target = format!(
            "/callback?error=access_denied&error_description=no%1b%5b31m%0a{}&state=s",
            "x".repeat(900)
        );
        let error =
            outcome(Method::GET, &target).expect("well-formed").outcome.expect_err("an error");
        assert_eq!(error.error, "access_denied");
        assert!(error.description.starts_with("no [31m xxx"), "{}", error.description);
        assert_eq!(error.description.len(), LONGEST_TEXT);
    }

    #[test]
    fn what_is_no_callback_is_refused_by_its_reason() {
        let cases = [
            (Method::GET, "/", Page::NotFound),
            (Method::GET, "/callback/", Page::NotFound),
            (Method::GET, "/favicon.ico", Page::NotFound),
            (Method::POST, "/other", Page::NotFound),
            (Method::POST, "/callback?code=c&state=s", Page::WrongMethod),
            (Method::HEAD, "/callback?code=c&state=s", Page::WrongMethod),
            (Method::OPTIONS, "/callback", Page::WrongMethod),
            (Method::GET, "/callback", Page::Malformed),
            (Method::GET, "/callback?state=s", Page::Malformed),
            (Method::GET, "/callback?code=&state=s", Page::Malformed),
            (Method::GET, "/callback?code=a&code=b&state=s", Page::Malformed),
            (Method::GET, "/callback?code=a&state=s&state=t", Page::Malformed),
            (Method::GET, "/callback?code=a&error=b&state=s", Page::Malformed),
            (Method::GET, "http://evil.example/callback?code=a&state=s", Page::Malformed),
            (Method::GET, "/callback?code=a&state=s&access_token=t", Page::TokenInAddress),
            (Method::GET, "/callback?id_token=t&state=s", Page::TokenInAddress),
            (Method::GET, "/callback?code=a&token=", Page::TokenInAddress),
            (Method::GET, "/callback?code=a&refresh_token=t", Page::TokenInAddress),
        ];
        for (method, target, page) in cases {
            assert_eq!(outcome(method, target).expect_err(target), page, "{target}");
        }
    }
}
