//! The flags that choose lines of the ledger, as they are typed.

use clap::{Args, ValueEnum};
use dagpass_client::ledger::{Filter, moment};
use jiff::Timestamp;

use crate::{duration, time};

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Asked {
    /// Only this person: part of a name, an address or a `sub`, in any case
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    /// Only this DAG
    #[arg(long, value_name = "DAG_ID")]
    dag: Option<String>,
    /// Only this task
    #[arg(long, value_name = "TASK_ID")]
    task: Option<String>,
    /// Only this Airflow connection
    #[arg(long, value_name = "CONN_ID")]
    connection: Option<String>,
    /// Only tokens for whom this is part of the name, in any case
    #[arg(long)]
    audience: Option<String>,
    /// Only this profile
    #[arg(long)]
    profile: Option<String>,
    /// Only this program: its pid, its path or its name
    #[arg(long, visible_alias = "program", value_name = "PROGRAM")]
    process: Option<String>,
    /// Only what was asked for in this lane; `?`: by those whose origin the system did not show
    #[arg(long, value_name = "LANE")]
    lane: Option<String>,
    /// Only these events: `issue`, `sign-in`, `refused` … by the ledger's word, several with commas
    #[arg(long = "event", value_name = "EVENT", value_delimiter = ',')]
    events: Vec<String>,
    /// Only what ended so
    #[arg(long)]
    outcome: Option<Outcome>,
    /// Only what this rule of a policy decided, by its `@id`
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only from then on: 90s, 30m, 8h, 7d, a day such as 2026-11-24, or a time such as 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Only what was before then; of a day, all of it
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Outcome {
    Ok,
    Denied,
    Failed,
}

impl Asked {
    pub(super) fn filter(&self) -> Filter {
        let Self { person, dag, task, connection, audience, profile, process, .. } = self.clone();
        let Self { events, rule, lane, .. } = self.clone();
        let outcome = self.outcome.map(|outcome| {
            let word = match outcome {
                Outcome::Ok => "ok",
                Outcome::Denied => "denied",
                Outcome::Failed => "failed",
            };
            word.to_owned()
        });
        let Self { since, until, .. } = *self;
        Filter {
            person,
            dag,
            task,
            connection,
            audience,
            profile,
            process,
            lane,
            events,
            outcome,
            rule,
            since,
            until,
            before: None,
        }
    }

    /// The time alone.
    pub(super) fn interval(&self) -> Filter {
        let Self { since, until, .. } = *self;
        Filter { since, until, ..Filter::default() }
    }

    /// Is it asked for by the ledger's own words? Then nothing is taken for an echo.
    pub(super) fn names_events(&self) -> bool {
        !self.events.is_empty()
    }
}

pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    moment(text, false).map_or_else(|| back(text), Ok)
}

fn until(text: &str) -> Result<Timestamp, String> {
    moment(text, true).map_or_else(|| back(text), Ok)
}

/// That long ago.
fn back(text: &str) -> Result<Timestamp, String> {
    let then = time::now().saturating_sub(span(text)?);
    Ok(Timestamp::from_second(then).unwrap_or(Timestamp::MIN))
}

/// In seconds. Days and weeks besides what a duration has.
fn span(text: &str) -> Result<i64, String> {
    let long = [("d", 86_400), ("w", 7 * 86_400)].into_iter().find_map(|(unit, seconds)| {
        text.strip_suffix(unit)?.parse::<u32>().ok().map(|many| i64::from(many) * seconds)
    });
    if let Some(seconds) = long {
        return Ok(seconds);
    }
    let seconds = duration::parse(text).map_err(|_| {
        format!("`{text}` is neither a span, as 8h and 7d are, nor a day nor a time (RFC 3339)")
    })?;
    Ok(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_span_back_from_now_a_time_or_a_day_s_begin_or_end() {
        let day = 1_795_478_400;
        for (text, from, to) in [
            ("2026-11-24T08:30:00Z", day + 30_600, day + 30_600),
            ("2026-11-24T08:30:00+01:00", day + 27_000, day + 27_000),
            ("2026-11-24T08:30", day + 30_600, day + 30_600),
            ("2026-11-24 08:30:00", day + 30_600, day + 30_600),
            ("2026-11-24", day, day + 86_400),
        ] {
            assert_eq!(since(text).unwrap().as_second(), from, "{text}");
            assert_eq!(until(text).unwrap().as_second(), to, "{text}");
        }
        for wrong in ["yesterday", "", "d", "2026-13-01", "1y"] {
            let read = since(wrong);
            assert!(read.is_err(), "{wrong}: {read:?}");
        }
        for (text, back) in [("1h", 3_600), ("90s", 90), ("7d", 604_800), ("2w", 1_209_600)] {
            let then = since(text).unwrap().as_second();
            assert!((time::now() - back - then).abs() <= 60, "{text}");
        }
        assert_eq!(since("99999999999999h").unwrap(), Timestamp::MIN);
    }
}
