//! Faults to play before or after a request is served. Decides which fault meets which request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::{Refusal, Reply};
use crate::encode::http_date;
use crate::family::Endpoint;

/// A fault and whom it meets. Rules are asked in the order in which they were added.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Every endpoint but the control route where absent.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// `refresh_token`, `device_code`, `authorization_code`, `token_exchange`; any where absent.
    #[serde(default)]
    pub grant: Option<String>,
    /// How many requests it meets; for ever where absent.
    #[serde(default)]
    pub times: Option<u32>,
    pub kind: Kind,
}

impl Fault {
    /// Meets every request until it is cleared.
    pub fn everywhere(kind: Kind) -> Self {
        Self { endpoint: None, grant: None, times: None, kind }
    }

    /// Meets the requests of one endpoint.
    pub fn at(endpoint: Endpoint, kind: Kind) -> Self {
        Self { endpoint: Some(endpoint), ..Self::everywhere(kind) }
    }

    /// Meets the next refresh only.
    pub fn next_refresh(kind: Kind) -> Self {
        let grant = Some("refresh_token".to_owned());
        Self { endpoint: Some(Endpoint::Token), grant, times: Some(1), kind }
    }

    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A captive portal: 200 and its own page.
    PortalHtml,
    /// A captive portal: 302 to its own page.
    PortalRedirect,
    /// The request is served; its answer stops half-way.
    Truncated,
    /// 200 with half a JSON document, whole as HTTP.
    HalfJson,
    /// A bare status with `Retry-After` as given.
    Status { status: u16, retry_after: Option<String> },
    /// A bare status with `Retry-After` as an HTTP date so many seconds ahead.
    StatusDate { status: u16, seconds: i64 },
    /// An OAuth error.
    OAuth { status: u16, error: String },
    /// Ping's platform body `{id, code, message, details}`.
    Platform { status: u16 },
    /// A proxy's 403 page.
    ProxyForbidden,
    /// Served after so many milliseconds.
    Delay { millis: u64 },
    /// Served at once, answered after so many milliseconds.
    Late { millis: u64 },
    /// Not served, not answered, until released.
    HoldBefore,
    /// Served, but not answered until released.
    HoldAfter,
    /// Never answered.
    Hang,
    /// The connection is dropped and nothing was done.
    ResetBefore,
    /// Everything was done, and the connection is dropped: the rotated token is lost.
    ResetAfter,
    /// Served, with these members of its JSON set as given (`null` too) and those taken out.
    Members { set: Map<String, Value>, without: Vec<String> },
    /// Served, as another content type.
    ContentType { name: String },
    /// Served, with a byte order mark before the JSON.
    ByteOrderMark,
    /// Served, and packed with gzip though nobody asked for it.
    Gzip,
    /// Served, with so many bytes more in a member of no meaning.
    Padded { bytes: usize },
    /// Served, and its body is empty.
    Empty { status: u16, content_type: Option<String> },
}

impl Kind {
    pub(crate) fn name(&self) -> String {
        let text = serde_json::to_value(self).unwrap_or_default();
        let named = text.as_object().and_then(|members| members.keys().next().cloned());
        named.or_else(|| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Is the request served at all?
    pub(crate) fn serves(&self) -> bool {
        matches!(
            self,
            Self::Truncated
                | Self::Delay { .. }
                | Self::Late { .. }
                | Self::HoldBefore
                | Self::HoldAfter
                | Self::ResetAfter
                | Self::Members { .. }
                | Self::ContentType { .. }
                | Self::ByteOrderMark
                | Self::Gzip
                | Self::Padded { .. }
                | Self::Empty { .. }
        )
    }

    /// The answer in place of ours, where there is one.
    pub(crate) fn reply(&self, now: i64) -> Option<Reply> {
        let bare = |status| Reply::json(status, &json!({"message": "try again"}));
        Some(match self {
            Self::PortalHtml => Reply::html(200, PORTAL.to_owned()),
            Self::PortalRedirect => Reply::redirect("http://portal.test/sign-in"),
            Self::HalfJson => {
                let mut reply = Reply::json(200, &json!(null));
                "{\"access_token\":\"eyJ".clone_into(&mut reply.body);
                reply
            }
            Self::Status { status, retry_after } => match retry_after {
                Some(text) => bare(*status).with("retry-after", text.clone()),
                None => bare(*status),
            },
            Self::StatusDate { status, seconds } => {
                bare(*status).with("retry-after", http_date(now / 1000 + seconds))
            }
            Self::OAuth { status, error } => {
                Refusal::new(error, "as told").status(*status).reply(false)
            }
            Self::Platform { status } => {
                Refusal::new("REQUEST_FAILED", "The request could not be completed")
                    .status(*status)
                    .reply(true)
            }
            Self::ProxyForbidden => Reply::html(403, "<h1>Blocked by the proxy</h1>".to_owned()),
            Self::Truncated
            | Self::Delay { .. }
            | Self::Late { .. }
            | Self::HoldBefore
            | Self::HoldAfter
            | Self::Hang
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::Members { .. }
            | Self::ContentType { .. }
            | Self::ByteOrderMark
            | Self::Gzip
            | Self::Padded { .. }
            | Self::Empty { .. } => return None,
        })
    }

    /// Makes of a good answer what is told.
    pub(crate) fn disfigure(&self, reply: &mut Reply) {
        match self {
            Self::Members { set, without } => {
                let set = set.iter().map(|(name, value)| (name.clone(), value.clone()));
                reply.members(|members| {
                    members.retain(|name, _| !without.contains(name));
                    members.extend(set);
                });
            }
            Self::Padded { bytes } => reply.members(|members| {
                members.insert("padding".to_owned(), json!("x".repeat(*bytes)));
            }),
            Self::ContentType { name } => reply.retype(name),
            Self::ByteOrderMark => reply.body.insert(0, '\u{feff}'),
            Self::Gzip => reply.gzip = true,
            Self::Empty { status, content_type } => {
                let mut empty = Reply::empty(*status);
                if let Some(name) = content_type {
                    empty = empty.with("content-type", name.clone());
                }
                *reply = empty;
            }
            Self::Truncated => reply.cut = true,
            _ => {}
        }
    }
}

const PORTAL: &str = "<!doctype html><title>Welcome to Hotel WLAN</title><form method=post><button>Accept the terms</button></form>";

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.rules.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault that this request meets; counts it.
    pub(crate) fn meet(&mut self, endpoint: Endpoint, grant: Option<&str>) -> Option<Kind> {
        let rule = self.rules.iter_mut().find(|rule| {
            rule.times != Some(0)
                && rule.endpoint.is_none_or(|wanted| wanted == endpoint)
                && rule.grant.as_deref().is_none_or(|wanted| Some(wanted) == grant)
        })?;
        rule.times = rule.times.map(|left| left - 1);
        Some(rule.kind.clone())
    }
}
