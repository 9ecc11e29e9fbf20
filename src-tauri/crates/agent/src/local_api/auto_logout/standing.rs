//! A sign-out that nobody asked for, in words: the one that comes, and the one that was.

use dagpass_client::wire::ComingLogout;
use dagpass_core::logout::{Due, Out, Reason, WindUp};
use dagpass_core::time::Timestamp;
use jiff::tz::TimeZone;

/// By the person's own clock.
pub(in crate::local_api) fn hour(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::MAX);
    time.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// How many runs are in flight.
pub(super) fn go_on(runs: usize) -> String {
    match runs {
        1 => "1 run in flight goes on".to_owned(),
        many => format!("{many} runs in flight go on"),
    }
}

/// Five minutes ahead.
pub(in crate::local_api) fn coming(due: Due) -> ComingLogout {
    let what = match due.reason {
        Reason::Idle => "nobody uses this computer: any key or movement keeps you signed in",
        Reason::Lock | Reason::Switch => due.reason.sentence(),
        Reason::After | Reason::SessionEnded | Reason::Unread => due.reason.sentence(),
    };
    ComingLogout {
        at: due.at.as_secs(),
        reason: due.reason.as_str().to_owned(),
        text: format!("signed out at {}: {what}", hour(due.at)),
    }
}

/// What was ended, and what of it goes on.
pub(in crate::local_api) fn gone(out: Out, wind_up: Option<&WindUp>) -> String {
    let goes_on =
        wind_up.map(|one| format!("; {} until {}", go_on(one.runs.len()), hour(one.until)));
    let what = out.reason.sentence();
    format!("signed out at {}: {what}{}", hour(out.at), goes_on.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use dagpass_core::logout::{Desk, Rules, Signal, Signed, due};

    use super::*;

    #[test]
    fn what_comes_is_told_with_its_hour_and_of_idleness_what_keeps_one_signed_in() {
        let hour_of = Timestamp::from_secs(0).plus(Duration::from_secs(600));
        let rules = Rules { idle: Some(Duration::from_secs(600)), ..Rules::default() };
        let since = Timestamp::from_secs(0);
        let mut desk = Desk::default();
        desk.hear(Signal::Touched(since), since);
        let signed = Signed { in_at: since, proven_at: since, lifetime: None };
        let told = coming(due(&rules, &desk, &signed).unwrap());
        let text = format!("signed out at {}: nobody uses this computer", hour(hour_of));
        assert!(told.text.starts_with(&text) && told.text.contains("any key"), "{}", told.text);
        assert_eq!((told.at, told.reason.as_str()), (600, "idle"));
    }

    #[test]
    fn what_goes_on_is_said_with_its_end() {
        let out = Out { reason: Reason::Lock, at: Timestamp::from_secs(0) };
        let runs = |names: &[&str]| WindUp {
            reason: Reason::Lock,
            at: out.at,
            until: Timestamp::from_secs(600),
            runs: names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(),
        };
        let until = hour(Timestamp::from_secs(600));
        assert!(gone(out, None).ends_with("(`[logout] on-lock`)"));
        let one = gone(out, Some(&runs(&["run-1"])));
        assert!(one.ends_with(&format!("; 1 run in flight goes on until {until}")), "{one}");
        let two = gone(out, Some(&runs(&["run-1", "run-2"])));
        assert!(two.ends_with(&format!("; 2 runs in flight go on until {until}")), "{two}");
    }
}
