//! Raw to true: when everybody is signed out without being asked. Whether this machine can tell of it is
//! looked up where a file is taken ([`checked`]), not where its text is read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dagpass_client::wire::ConfigProblem;
use dagpass_core::logout::{GRACE, Rules};

use super::check::Check;
use super::raw::RawLogout;
use super::section::{At, Place};
use super::{Config, Managed, parse_under};
use crate::presence::{self, Tells, Wanted};
use crate::system;

/// When everybody is signed out without being asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogoutConfig {
    pub rules: Rules,
    watch: Vec<WatchKey>,
}

impl LogoutConfig {
    /// What it needs somebody to tell of, and by which key.
    pub(crate) fn watched(&self) -> &[WatchKey] {
        &self.watch
    }
}

/// As [`parse_under`], on this very machine: a session that nobody ends is no safer for a line that says so.
pub(super) fn checked(
    text: &str,
    path: &Path,
    machines: Option<&Arc<Managed>>,
) -> Result<Config, Vec<ConfigProblem>> {
    let config = parse_under(text, path, machines)?;
    if config.logout.watch.is_empty() {
        return Ok(config);
    }
    let tells = system::patiently(presence::look);
    let problems: Vec<_> =
        config.logout.watch.iter().filter_map(|key| key.problem(&tells)).collect();
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// A key that needs somebody to tell of the person, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchKey {
    pub(crate) wanted: Wanted,
    file: String,
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl WatchKey {
    /// What is wrong with it on a machine that tells so much.
    fn problem(&self, tells: &Tells) -> Option<ConfigProblem> {
        let missing = tells.of(self.wanted).as_ref().err()?;
        let what = match self.wanted {
            Wanted::Lock => "nobody on this machine tells when the screen is locked",
            Wanted::Switch => "nobody on this machine tells when another session takes the screen",
            Wanted::Idle => "nobody on this machine tells how long it is left alone",
        };
        let hint = "leave the line out; `after = \"12h\"` signs out everywhere";
        Some(ConfigProblem {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            key: self.key.clone(),
            message: format!("{what}: {missing}"),
            hint: Some(hint.to_owned()),
        })
    }
}

impl Check<'_> {
    pub(super) fn logout(&mut self, at: Option<At<RawLogout>>) -> LogoutConfig {
        let Some(at) = at else { return LogoutConfig::default() };
        let raw = at.value;
        let watched = [
            (Wanted::Idle, raw.idle.as_ref().map(|at| &at.place)),
            (Wanted::Lock, raw.on_lock.as_ref().filter(|at| at.value).map(|at| &at.place)),
            (Wanted::Switch, raw.on_switch.as_ref().filter(|at| at.value).map(|at| &at.place)),
        ];
        let key = |(wanted, place): (Wanted, Option<&Place>)| {
            let place = place?;
            let (line, column) = self.problems.line_and_column(place);
            let file = self.problems.file(place).to_owned();
            Some(WatchKey { wanted, file, key: place.key.clone(), line, column })
        };
        let watch = watched.into_iter().filter_map(key).collect();
        let is = |asked: Option<At<bool>>, usual: bool| asked.map_or(usual, |asked| asked.value);
        let rules = Rules {
            idle: self.some_time(raw.idle),
            on_lock: is(raw.on_lock, false),
            on_switch: is(raw.on_switch, false),
            after: self.some_time(raw.after),
            on_session_end: is(raw.on_session_end, true),
            grace: self.span(raw.grace).unwrap_or(GRACE),
        };
        LogoutConfig { rules, watch }
    }

    /// A span that is one: none at all would sign everybody out as they sign in.
    fn some_time(&mut self, at: Option<At<String>>) -> Option<Duration> {
        let place = at.as_ref()?.place.clone();
        let span = self.span(at)?;
        if span.is_zero() {
            self.problems.add_hint(&place, "is no time at all", "leave the line out for never");
            return None;
        }
        Some(span)
    }
}
