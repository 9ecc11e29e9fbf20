//! What `cargo verify` says at its end: each step with its time and its place in the whole, what was left
//! out and why, and the count.

use std::fs;
use std::time::Duration;

use super::{GOAL, LEFT_OUT, RELEASE_STEPS};
use crate::Outcome;
use crate::again;
use crate::shell::{Failure, Shell, work};

/// How many signs wide is the whole?
const WIDTH: usize = 40;

#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    /// Since the beginning of the whole.
    began: Duration,
    ended: Duration,
    /// Ticks of the cores for what it ran.
    work: u64,
    how: How,
}

#[derive(Debug, PartialEq, Eq)]
enum How {
    Passed,
    Failed(Failure),
    Skipped(String),
}

impl Report {
    pub(super) fn note(
        &mut self,
        name: &'static str,
        (began, ended): (Duration, Duration),
        work: u64,
        end: Result<Outcome, Failure>,
    ) {
        let how = match end {
            Ok(Outcome::Done) => How::Passed,
            Ok(Outcome::Skipped(why)) => How::Skipped(why),
            Err(failure) => How::Failed(failure),
        };
        self.rows.push(Row { name, began, ended, work, how });
    }

    /// Those that failed, the first of them first.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.rows.iter().filter_map(|row| match &row.how {
            How::Failed(failure) => Some(failure),
            _ => None,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name)
    }

    /// The closing words; the last line is the one that counts. `wanted`: every step that was to be.
    pub(super) fn lines(&self, wanted: &[&str], release: bool) -> Vec<String> {
        let mut lines = vec!["\n== verify".to_owned()];
        lines.push(format!("  {:<10} {:<8} {:<11}  {:<11}", "step", "", "took", "work"));
        let whole = self.rows.iter().map(|row| row.ended).max().unwrap_or_default();
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.began);
        for row in rows {
            let word = match row.how {
                How::Passed => "passed",
                How::Failed(_) => "FAILED",
                How::Skipped(_) => "skipped",
            };
            let took = clock(row.ended.saturating_sub(row.began));
            let work = spent(row.work).filter(|work| !work.is_zero());
            let work = work.map_or_else(|| " ".repeat(11), clock);
            let bar = bar(row.began, row.ended, whole);
            lines.push(format!("  {:<10} {word:<8} {took}  {work}  |{bar}|", row.name));
        }
        let not_begun: Vec<&str> = wanted.iter().filter(|name| !self.has(name)).copied().collect();
        if !not_begun.is_empty() {
            lines.push(format!("not begun, since another step failed: {}", not_begun.join(", ")));
        }
        lines.extend(LEFT_OUT.iter().map(|what| format!("left out: {what}")));
        for row in &self.rows {
            if let How::Skipped(why) = &row.how {
                lines.push(format!("left out: {}: {why}", row.name));
            }
        }
        lines.extend(
            again::told().iter().map(|what| format!("held only when run once more: {what}")),
        );
        if !release {
            lines.extend(
                RELEASE_STEPS
                    .iter()
                    .map(|(name, _, adds)| format!("--release adds: {name}: {adds}")),
            );
        }
        let work = work_of_all().map(|work| format!(", {} of work", clock(work).trim()));
        lines.push(format!(
            "took {}{} (goal: at most {})",
            clock(whole).trim(),
            work.unwrap_or_default(),
            clock(GOAL).trim()
        ));
        let count =
            |wanted: fn(&How) -> bool| self.rows.iter().filter(|row| wanted(&row.how)).count();
        lines.push(format!(
            "verify: {} passed, {} failed, {} skipped",
            count(|how| *how == How::Passed),
            count(|how| matches!(how, How::Failed(_))),
            count(|how| matches!(how, How::Skipped(_))),
        ));
        lines
    }
}

/// How long did the cores work for all that was run and has ended? Says more than the time where others use
/// the machine too; only Linux tells.
fn work_of_all() -> Option<Duration> {
    spent(work::ticks_of_children(&fs::read_to_string("/proc/self/stat").ok()?)?)
}

/// How many seconds are so many ticks?
fn spent(ticks: u64) -> Option<Duration> {
    let each: u64 = Shell::new("getconf").arg("CLK_TCK").read().ok()?.parse().ok()?;
    ticks.checked_div(each).map(Duration::from_secs)
}

fn clock(took: Duration) -> String {
    let seconds = took.as_secs();
    format!("{:>2} min {:02} s", seconds / 60, seconds % 60)
}

/// Where in the whole a step ran; the shortest is seen too.
fn bar(began: Duration, ended: Duration, whole: Duration) -> String {
    let place = |at: Duration| {
        let width = u128::try_from(WIDTH).unwrap_or_default();
        let place = at.as_millis() * width / whole.as_millis().max(1);
        usize::try_from(place).unwrap_or(WIDTH)
    };
    let from = place(began).min(WIDTH - 1);
    let length = (place(ended) - from).max(1);
    format!("{:<WIDTH$}", format!("{}{}", " ".repeat(from), "=".repeat(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: u64, to: u64) -> (Duration, Duration) {
        (Duration::from_secs(from), Duration::from_secs(to))
    }

    #[test]
    fn what_was_skipped_or_not_begun_is_told_and_the_last_line_counts() {
        let mut report = Report::default();
        report.note("lint", seconds(0, 61), 0, Ok(Outcome::Done));
        report.note("windows", seconds(0, 0), 0, Ok(Outcome::Skipped("no Wine".to_owned())));
        report.note("test", seconds(61, 63), 0, Err(Failure::new("broken")));
        let lines = report.lines(&["lint", "windows", "test", "live"], false);
        let told = |start: &str| lines.iter().any(|line| line.starts_with(start));
        assert!(told("  lint       passed    1 min 01 s               |====="), "{lines:#?}");
        assert!(told("left out: windows: no Wine"), "{lines:#?}");
        assert!(told("not begun, since another step failed: live"), "{lines:#?}");
        assert_eq!(lines.last().map(String::as_str), Some("verify: 1 passed, 1 failed, 1 skipped"));
        assert_eq!(report.failures().collect::<Vec<_>>(), [&Failure::new("broken")]);
    }

    #[test]
    fn the_time_of_the_whole_is_no_sum_of_what_ran_side_by_side() {
        let mut report = Report::default();
        report.note("test", seconds(10, 130), 0, Ok(Outcome::Done));
        report.note("airflow", seconds(10, 190), 0, Ok(Outcome::Done));
        let lines = report.lines(&[], true);
        assert!(lines.iter().any(|line| line.starts_with("took 3 min 10 s")), "{lines:#?}");
    }

    #[test]
    fn a_bar_stands_where_its_step_ran() {
        let (whole, at) = (Duration::from_secs(40), Duration::from_secs);
        assert_eq!(bar(at(0), at(40), whole), "=".repeat(40));
        assert_eq!(bar(at(20), at(40), whole).trim_start(), "=".repeat(20));
        assert_eq!(bar(at(40), at(40), whole).trim_start(), "=");
        assert_eq!(bar(at(0), at(0), at(0)).trim_end(), "=");
    }

    #[test]
    fn what_is_never_checked_here_is_told_each_time() {
        assert!(Report::default().lines(&[], true).iter().any(|line| line.contains("advisories")));
    }
}
