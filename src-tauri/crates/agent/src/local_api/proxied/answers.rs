//! What we answer ourselves at an upstream's door: JSON with an error's code, what, why and the one command. Whoever
//! has proven nothing is told nothing: those answers are the same bytes at every door.

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, PROXY_AUTHENTICATE, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};

use dagpass_client::wire::ErrorReply;
use dagpass_core::error::{ErrorCode, Refusal};

use super::super::reply::{self, ALWAYS};

/// The upstream's body as it comes, or a text of ours.
pub(super) type Answer = Response<Either<Incoming, Full<Bytes>>>;

const BEARER: HeaderValue = HeaderValue::from_static("Bearer");

pub(super) fn bare(status: StatusCode) -> Answer {
    let said = status.canonical_reason().unwrap_or("refused").to_lowercase();
    let mut answer = ours(status, "invalid_request", &said, None);
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        answer.headers_mut().insert(PROXY_AUTHENTICATE, BEARER);
    }
    answer
}

pub(super) fn refusal(refusal: &Refusal) -> Answer {
    let status = match refusal.code {
        // What is not on the record is not sent; it may be in a moment.
        ErrorCode::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
        code => reply::status(code),
    };
    let mut answer = json(status, &reply::error_reply(refusal));
    let headers = answer.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, BEARER);
    }
    if let Some(seconds) = reply::again_in(refusal) {
        headers.insert(RETRY_AFTER, seconds);
    }
    answer
}

/// Nothing of the upstream's came.
pub(super) fn unsent(status: StatusCode, upstream: &str, why: &str) -> Answer {
    let what = format!("upstream `{upstream}` did not answer");
    ours(status, "temporarily_unavailable", &what, Some(why))
}

fn ours(status: StatusCode, error: &str, what: &str, why: Option<&str>) -> Answer {
    let body = ErrorReply {
        error: error.to_owned(),
        error_description: what.to_owned(),
        cause: why.map(str::to_owned),
        hint: None,
        approval: None,
    };
    json(status, &body)
}

fn json(status: StatusCode, body: &ErrorReply) -> Answer {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Either::Right(Full::new(Bytes::from(bytes))));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
