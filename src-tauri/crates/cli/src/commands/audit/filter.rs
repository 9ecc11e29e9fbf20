//! Which lines of the ledger are wanted. All that is asked for must hold; what a line does not say
//! is not wanted.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use crate::{duration, time};

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Filter {
    /// Only this DAG
    #[arg(long, value_name = "DAG_ID")]
    pub(super) dag: Option<String>,
    /// Only this task
    #[arg(long, value_name = "TASK_ID")]
    pub(super) task: Option<String>,
    /// Only this Airflow connection
    #[arg(long, value_name = "CONN_ID")]
    pub(super) connection: Option<String>,
    /// Only this profile
    #[arg(long)]
    pub(super) profile: Option<String>,
    /// Only from then on: 90s, 30m, 8h, or a time such as 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wanted,
    NotWanted,
    /// It is from before `--since`, and so is all above it.
    TooOld,
}

impl Filter {
    pub(crate) fn judge(&self, line: &str) -> Verdict {
        if self.is_empty() {
            return Verdict::Wanted;
        }
        let Ok(record) = serde_json::from_str::<Value>(line) else { return Verdict::NotWanted };
        if let Some(since) = self.since {
            let time = record["time"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            if time.is_some_and(|time| time < since) {
                return Verdict::TooOld;
            }
        }
        let asked = [
            (&self.dag, ["/run/dag_id", "/caller/context/dag_id"], None),
            (&self.task, ["/run/task_id", "/caller/context/task_id"], None),
            (&self.connection, ["/connection", "/connection"], Some("/connection")),
            (&self.profile, ["/session/profile", "/session"], Some("/session/profile")),
        ];
        let holds = asked.iter().all(|(wanted, places, in_tokens)| {
            wanted.as_ref().is_none_or(|wanted| says(&record, wanted, (places, *in_tokens)))
        });
        if holds { Verdict::Wanted } else { Verdict::NotWanted }
    }

    fn is_empty(&self) -> bool {
        self.since.is_none()
            && [&self.dag, &self.task, &self.connection, &self.profile]
                .iter()
                .all(|asked| asked.is_none())
    }
}

fn says(record: &Value, wanted: &str, (places, in_tokens): (&[&str; 2], Option<&str>)) -> bool {
    let here = |value: &Value, place: &str| {
        value.pointer(place).and_then(Value::as_str).is_some_and(|text| text == wanted)
    };
    let tokens = record.pointer("/run/tokens").and_then(Value::as_array);
    places.iter().any(|place| here(record, place))
        || in_tokens.is_some_and(|place| {
            tokens.is_some_and(|tokens| tokens.iter().any(|token| here(token, place)))
        })
}

fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let span = duration::parse(text)
        .map_err(|_| format!("`{text}` is neither a span, as 8h is, nor an RFC 3339 time"))?;
    let then = time::now().saturating_sub(i64::try_from(span).unwrap_or(i64::MAX));
    Ok(Timestamp::from_second(then).unwrap_or(Timestamp::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &str = r#"{"time":"2026-11-24T08:00:00.000Z","event":"issue","connection":"lake",
        "session":{"profile":"prod"},"caller":{"context":{"dag_id":"etl","task_id":"load"}}}"#;
    const RUN: &str = r#"{"time":"2026-11-24T09:00:00.000Z","event":"run","run":{"dag_id":"etl",
        "task_id":"load","tokens":[{"session":{"profile":"dev"},"connection":"warehouse"}]}}"#;

    #[test]
    fn all_that_is_asked_for_must_hold_on_the_line_or_on_one_of_its_tokens() {
        let text = |text: &str| Some(text.to_owned());
        let table: [(&str, Filter, [bool; 2]); 7] = [
            ("nothing", Filter::default(), [true, true]),
            ("dag", Filter { dag: text("etl"), ..Filter::default() }, [true, true]),
            ("another dag", Filter { dag: text("et"), ..Filter::default() }, [false, false]),
            ("task", Filter { task: text("load"), ..Filter::default() }, [true, true]),
            ("connection", Filter { connection: text("lake"), ..Filter::default() }, [true, false]),
            (
                "connection of a token",
                Filter { connection: text("warehouse"), dag: text("etl"), ..Filter::default() },
                [false, true],
            ),
            ("profile", Filter { profile: text("dev"), ..Filter::default() }, [false, true]),
        ];
        for (case, filter, wanted) in table {
            let got = [ISSUE, RUN].map(|line| filter.judge(line) == Verdict::Wanted);
            assert_eq!(got, wanted, "{case}");
        }
    }

    #[test]
    fn a_time_before_the_one_asked_for_ends_the_search() {
        let since = moment("2026-11-24T08:30:00Z").unwrap();
        let filter = Filter { since: Some(since), ..Filter::default() };
        assert_eq!(filter.judge(ISSUE), Verdict::TooOld);
        assert_eq!(filter.judge(RUN), Verdict::Wanted);
        assert_eq!(filter.judge("half a li"), Verdict::NotWanted);
        assert!(moment("yesterday").is_err());
        let hour_ago = moment("1h").unwrap().as_second();
        assert!((time::now() - 3600 - hour_ago).abs() <= 2);
    }
}
