//! Raw to true: how long the ledger's lines are kept, where they go, and how they are let in there.

use std::time::Duration;

use url::Url;

use super::Compression;
use super::check::Check;
use super::raw::RawAudit;
use super::section::{At, Place};

/// Where the ledger's lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ship {
    /// With `/v1/logs`.
    pub url: Url,
    /// Prints the headers; empty where there are none.
    pub headers_command: Vec<String>,
    pub compression: Compression,
}

/// How long are lines kept at least? What is pruned sooner nobody has looked at yet.
const LEAST_RETAINED: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a collector takes logs (OTLP/HTTP).
const LOGS: &str = "/v1/logs";

impl Check<'_> {
    /// `None`: for ever.
    pub(super) fn retain(&mut self, audit: Option<&At<RawAudit>>) -> Option<Duration> {
        let typed = audit?.value.retain.clone()?;
        let place = typed.place.clone();
        let span = self.span(Some(typed))?;
        if span < LEAST_RETAINED {
            let hint = "\"1d\" at least; leave the line out to keep them for ever";
            self.problems.add_hint(&place, "is shorter than a day", hint);
            return None;
        }
        Some(span)
    }

    pub(super) fn ship(&mut self, audit: Option<&At<RawAudit>>) -> Option<Ship> {
        let ship = audit?.value.ship.as_ref()?;
        let within =
            |key: &str, offset: usize| Place { key: format!("{}.{key}", ship.place.key), offset };
        let raw = &ship.value;
        let place = within("otlp", raw.otlp.span().start);
        let typed = raw.otlp.get_ref().trim_end_matches('/');
        let url = Url::parse(&match typed.ends_with(LOGS) {
            true => typed.to_owned(),
            false => format!("{typed}{LOGS}"),
        });
        let url = url.ok().filter(|url| url.has_host());
        let plain = url.as_ref().is_some_and(|url| raw.insecure && url.scheme() == "http");
        let safe = plain || self.secure(&place, typed);
        if let Some(url) = &url
            && (url.query().is_some()
                || url.fragment().is_some()
                || !url.username().is_empty()
                || url.password().is_some())
        {
            let hint = "what lets you in is a header: have `headers-command` print it";
            let what = "a collector's URL has no query, no fragment and no login";
            self.problems.add_hint(&place, what, hint);
        }
        let command = raw.headers_command.as_ref();
        if let Some(typed) = command
            && typed.get_ref().first().is_none_or(|program| program.trim().is_empty())
        {
            let place = within("headers-command", typed.span().start);
            self.problems.add_hint(&place, "names no program", "[\"program\", \"argument\"]");
        }
        let headers_command = command.map(|typed| typed.get_ref().clone()).unwrap_or_default();
        Some(Ship { url: url.filter(|_| safe)?, headers_command, compression: raw.compression })
    }
}
