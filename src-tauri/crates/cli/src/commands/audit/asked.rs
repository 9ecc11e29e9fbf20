//! The flags that choose lines of the ledger, as they are typed.

use clap::Args;
use dagpass_client::ledger::Filter;
use jiff::Timestamp;

use crate::{duration, time};

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Asked {
    /// Only this DAG
    #[arg(long, value_name = "DAG_ID")]
    dag: Option<String>,
    /// Only this task
    #[arg(long, value_name = "TASK_ID")]
    task: Option<String>,
    /// Only this Airflow connection
    #[arg(long, value_name = "CONN_ID")]
    connection: Option<String>,
    /// Only this profile
    #[arg(long)]
    profile: Option<String>,
    /// Only this program: its pid, its path or its name
    #[arg(long, value_name = "PROGRAM")]
    process: Option<String>,
    /// Only from then on: 90s, 30m, 8h, or a time such as 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
}

impl Asked {
    pub(super) fn filter(&self) -> Filter {
        let Self { dag, task, connection, profile, process, since } = self.clone();
        Filter { dag, task, connection, profile, process, since, before: None }
    }
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

    #[test]
    fn a_moment_is_a_span_back_from_now_or_a_time() {
        let time = moment("2026-11-24T08:30:00Z").unwrap();
        assert_eq!(time.as_second(), 1_795_509_000);
        assert!(moment("yesterday").is_err());
        let hour_ago = moment("1h").unwrap().as_second();
        assert!((time::now() - 3600 - hour_ago).abs() <= 2);
    }
}
