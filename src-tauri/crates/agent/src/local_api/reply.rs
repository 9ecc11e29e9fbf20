//! Answers: JSON with the headers that every one of them carries (statement 14).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

use super::crowd::Guest;
use dagpass_client::wire::ErrorReply;
use dagpass_core::error::{ErrorCode, Refusal};

/// What every answer carries: it is kept nowhere, read as nothing else, and shown in no frame.
pub(super) const ALWAYS: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("x-frame-options", "DENY"),
];

/// After how many seconds may an answer be there? A person reads first.
const ASK_AGAIN: &str = "2";

/// A whole JSON text, or a stream of lines.
pub(super) type Reply = Response<Either<Full<Bytes>, Lines>>;

/// Lines as they come; dropped by the server when the client goes away.
#[derive(Debug)]
pub(super) struct Lines {
    lines: mpsc::Receiver<Bytes>,
    guest: Option<Arc<Guest>>,
}

impl Lines {
    /// Until the last line is out.
    pub(super) fn keep_busy(&mut self, guest: Arc<Guest>) {
        self.guest = Some(guest);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Some(guest) = &self.guest {
            guest.busy.store(false, Ordering::Relaxed);
        }
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.lines.poll_recv(cx).map(|line| line.map(|bytes| Ok(Frame::data(bytes))))
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> Reply {
    match serde_json::to_vec(value) {
        Ok(bytes) => whole(StatusCode::OK, bytes),
        Err(_) => bare(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// JSON that is written already.
pub(super) fn json_text(text: Vec<u8>) -> Reply {
    whole(StatusCode::OK, text)
}

pub(super) fn lines(lines: mpsc::Receiver<Bytes>) -> Reply {
    let mut reply = Response::new(Either::Right(Lines { lines, guest: None }));
    dress(&mut reply, "application/x-ndjson");
    reply
}

/// An answer that names nothing: the same bytes whoever asks for whatever (statement 16).
pub(super) fn bare(status: StatusCode) -> Reply {
    let body = ErrorReply {
        error: word(status).to_owned(),
        error_description: status.canonical_reason().unwrap_or("refused").to_lowercase(),
        cause: None,
        hint: None,
        approval: None,
    };
    whole(status, serde_json::to_vec(&body).unwrap_or_default())
}

pub(super) fn refusal(refusal: &Refusal) -> Reply {
    let bytes = serde_json::to_vec(&error_reply(refusal)).unwrap_or_default();
    let mut reply = whole(status(refusal.code), bytes);
    if let Some(seconds) = again_in(refusal) {
        reply.headers_mut().insert(RETRY_AFTER, seconds);
    }
    reply
}

/// After how many seconds it may be another answer.
pub(super) fn again_in(refusal: &Refusal) -> Option<HeaderValue> {
    let asked = refusal.code == ErrorCode::ApprovalPending;
    let free =
        |left: Duration| HeaderValue::from(left.as_secs() + u64::from(left.subsec_nanos() > 0));
    refusal.free_in.map(free).or(asked.then_some(HeaderValue::from_static(ASK_AGAIN)))
}

pub(super) fn error_reply(refusal: &Refusal) -> ErrorReply {
    ErrorReply {
        error: refusal.code.as_str().to_owned(),
        error_description: refusal.what.clone(),
        cause: refusal.cause.clone(),
        hint: refusal.hint.clone(),
        approval: refusal.approval.as_deref().map(Into::into),
    }
}

/// The status of an error code. Callers match the code; proxies and logs read the status.
pub(super) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidRequest
        | ErrorCode::InvalidGrant
        | ErrorCode::InvalidScope
        | ErrorCode::InvalidTarget
        | ErrorCode::UnsupportedResponseType
        | ErrorCode::ExpiredToken
        | ErrorCode::ConfigInvalid => StatusCode::BAD_REQUEST,
        ErrorCode::LoginRequired
        | ErrorCode::InteractionRequired
        | ErrorCode::ConsentRequired
        | ErrorCode::AccountSelectionRequired
        | ErrorCode::InvalidToken
        | ErrorCode::InsufficientUserAuthentication
        | ErrorCode::InvalidClient
        | ErrorCode::UnauthorizedClient => StatusCode::UNAUTHORIZED,
        ErrorCode::AccessDenied
        | ErrorCode::NotRecorded
        | ErrorCode::ApprovalPending
        | ErrorCode::ApprovalRefused => StatusCode::FORBIDDEN,
        ErrorCode::TooManyTargets | ErrorCode::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::SubjectChanged | ErrorCode::StoreChanged | ErrorCode::ConfigChanged => {
            StatusCode::CONFLICT
        }
        ErrorCode::ServerError => StatusCode::BAD_GATEWAY,
        ErrorCode::TemporarilyUnavailable
        | ErrorCode::AgentPaused
        | ErrorCode::KeychainUnavailable
        | ErrorCode::KeychainLocked => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn word(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "invalid_token",
        StatusCode::FORBIDDEN => "access_denied",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::INTERNAL_SERVER_ERROR => "server_error",
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        _ => "invalid_request",
    }
}

fn whole(status: StatusCode, bytes: Vec<u8>) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(Bytes::from(bytes))));
    *reply.status_mut() = status;
    dress(&mut reply, "application/json");
    reply
}

fn dress(reply: &mut Reply, content_type: &'static str) {
    let headers = reply.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_approval_alone_says_when_to_ask_again() {
        for (code, after) in [
            (ErrorCode::ApprovalPending, Some("2")),
            (ErrorCode::ApprovalRefused, None),
            (ErrorCode::AccessDenied, None),
        ] {
            let told = refusal(&Refusal::new(code, "no"));
            assert_eq!(told.status(), StatusCode::FORBIDDEN);
            let header = told.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(header, after, "{code:?}");
        }
    }
}
