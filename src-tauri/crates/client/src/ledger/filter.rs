//! Which lines of the ledger are wanted. All that is asked for must hold; what a line does not say
//! is not wanted.

use jiff::Timestamp;
use serde_json::Value;

/// What is asked for; empty wants everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub dag: Option<String>,
    pub task: Option<String>,
    /// An Airflow connection.
    pub connection: Option<String>,
    pub profile: Option<String>,
    /// The calling program: its pid, its path or its name alone.
    pub process: Option<String>,
    pub since: Option<Timestamp>,
    /// Only those whose `seq` is lower.
    pub before: Option<u64>,
}

/// Is this line wanted, and need one look further back?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wanted,
    NotWanted,
    /// It is from before what is asked for, and so is all above it.
    TooOld,
}

impl Filter {
    pub fn judge(&self, line: &str) -> Verdict {
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
            (&self.connection, ["/connection", "/session/connection"], Some("/connection")),
            (&self.profile, ["/session/profile", "/session"], Some("/session/profile")),
        ];
        let holds = asked.iter().all(|(wanted, places, in_tokens)| {
            wanted.as_ref().is_none_or(|wanted| says(&record, wanted, (places, *in_tokens)))
        });
        let holds = holds && self.before.is_none_or(|before| record["seq"].as_u64() < Some(before));
        let holds = holds && self.process.as_ref().is_none_or(|wanted| is_process(&record, wanted));
        if holds { Verdict::Wanted } else { Verdict::NotWanted }
    }

    fn is_empty(&self) -> bool {
        self.since.is_none()
            && self.before.is_none()
            && [&self.dag, &self.task, &self.connection, &self.profile, &self.process]
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

fn is_process(record: &Value, wanted: &str) -> bool {
    let caller = &record["caller"];
    let path = caller["executable"].as_str().unwrap_or_default();
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let pid = caller["pid"].as_u64().map(|pid| pid.to_string());
    [path, name].contains(&wanted) || pid.as_deref() == Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &str = r#"{"seq":7,"time":"2026-11-24T08:00:00.000Z","event":"issue","connection":"lake",
        "session":{"profile":"prod"},"caller":{"pid":71,"executable":"/opt/py/bin/airflow","context":{"dag_id":"etl","task_id":"load"}}}"#;
    const RUN: &str = r#"{"seq":8,"time":"2026-11-24T09:00:00.000Z","event":"run","session":{"profile":"dev","connection":"own"},"run":{"dag_id":"etl",
        "task_id":"load","tokens":[{"session":{"profile":"dev"},"connection":"warehouse"}]}}"#;

    #[test]
    fn all_that_is_asked_for_must_hold_on_the_line_or_on_one_of_its_tokens() {
        let text = |text: &str| Some(text.to_owned());
        let table: [(&str, Filter, [bool; 2]); 13] = [
            ("nothing", Filter::default(), [true, true]),
            ("dag", Filter { dag: text("etl"), ..Filter::default() }, [true, true]),
            ("another dag", Filter { dag: text("et"), ..Filter::default() }, [false, false]),
            ("task", Filter { task: text("load"), ..Filter::default() }, [true, true]),
            ("connection", Filter { connection: text("lake"), ..Filter::default() }, [true, false]),
            (
                "connection of a session",
                Filter { connection: text("own"), ..Filter::default() },
                [false, true],
            ),
            (
                "connection of a token",
                Filter { connection: text("warehouse"), dag: text("etl"), ..Filter::default() },
                [false, true],
            ),
            ("profile", Filter { profile: text("dev"), ..Filter::default() }, [false, true]),
            ("pid", Filter { process: text("71"), ..Filter::default() }, [true, false]),
            ("name", Filter { process: text("airflow"), ..Filter::default() }, [true, false]),
            (
                "path",
                Filter { process: text("/opt/py/bin/airflow"), ..Filter::default() },
                [true, false],
            ),
            ("before", Filter { before: Some(8), ..Filter::default() }, [true, false]),
            ("another", Filter { process: text("py"), ..Filter::default() }, [false, false]),
        ];
        for (case, filter, wanted) in table {
            let got = [ISSUE, RUN].map(|line| filter.judge(line) == Verdict::Wanted);
            assert_eq!(got, wanted, "{case}");
        }
    }

    #[test]
    fn a_time_before_the_one_asked_for_ends_the_search() {
        let since = "2026-11-24T08:30:00Z".parse().unwrap();
        let filter = Filter { since: Some(since), ..Filter::default() };
        assert_eq!(filter.judge(ISSUE), Verdict::TooOld);
        assert_eq!(filter.judge(RUN), Verdict::Wanted);
        assert_eq!(filter.judge("half a li"), Verdict::NotWanted);
    }
}
