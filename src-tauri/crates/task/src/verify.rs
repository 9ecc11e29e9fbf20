//! Every check in order, stopping at the first that fails. Tells how long each took, what was left out
//! and why, and what `--release` adds: nothing is left out silently.

use std::time::{Duration, Instant};

use crate::house::House;
use crate::shell::{Failure, say};
use crate::{
    Outcome, Verb, airflow, bench, demo, deny, desktop, fmt, idp, lint, macos, packages, release,
    setup, test, windows,
};

/// How long may the whole take from nothing on two cores?
const GOAL: Duration = Duration::from_secs(40 * 60);

const STEPS: [(&str, Verb); 14] = [
    ("setup", setup::run),
    ("format", fmt::check),
    ("lint", lint::run),
    ("deny", deny::run),
    ("test", test::run),
    ("provider", idp::run),
    ("airflow", airflow::run),
    ("demo", demo::run),
    ("demo-2.11", demo::on_older_airflow),
    ("live", demo::live::run),
    ("desktop", desktop::run),
    ("windows", windows::run),
    ("packages", packages::everyday),
    ("macos", macos::run),
];

/// What no machine without Windows, macOS or the open network can show.
const LEFT_OUT: [&str; 3] = [deny::LEFT_OUT, windows::LEFT_OUT, macos::LEFT_OUT];

/// What is too long for every day.
const RELEASE_STEPS: [(&str, Verb, &str); 5] = [
    ("long-300", demo::long::run, demo::long::ADDS),
    ("elsewhere", desktop::elsewhere, desktop::ELSEWHERE_ADDS),
    ("release", release::run, release::ADDS),
    ("packages-r", packages::shipped, packages::ADDS),
    ("bench", bench::run, bench::ADDS),
];

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    let mut steps = STEPS.to_vec();
    if house.asks_for("--release") {
        steps.extend(RELEASE_STEPS.iter().map(|(name, run, _)| (*name, *run)));
    }
    let mut report = Report::default();
    for (name, step) in steps {
        say(&format!("\n== {name}"));
        let started = Instant::now();
        let ended = step(house);
        report.note(name, started.elapsed(), &ended);
        if let Err(failure) = ended {
            report.lines(house.asks_for("--release")).iter().for_each(|line| say(line));
            return Err(failure);
        }
    }
    report.lines(house.asks_for("--release")).iter().for_each(|line| say(line));
    Ok(Outcome::Done)
}

#[derive(Debug, Default)]
struct Report {
    rows: Vec<(String, Duration, Row)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Row {
    Passed,
    Failed,
    Skipped(String),
}

impl Report {
    fn note(&mut self, name: &str, took: Duration, ended: &Result<Outcome, Failure>) {
        let row = match ended {
            Ok(Outcome::Done) => Row::Passed,
            Ok(Outcome::Skipped(why)) => Row::Skipped(why.clone()),
            Err(_) => Row::Failed,
        };
        self.rows.push((name.to_owned(), took, row));
    }

    /// The closing words; the last line is the one that counts.
    fn lines(&self, release: bool) -> Vec<String> {
        let mut lines = vec!["\n== verify".to_owned()];
        for (name, took, row) in &self.rows {
            let word = match row {
                Row::Passed => "passed",
                Row::Failed => "FAILED",
                Row::Skipped(_) => "skipped",
            };
            lines.push(format!("  {name:<10} {word:<8} {}", clock(*took)));
        }
        lines.extend(LEFT_OUT.iter().map(|what| format!("left out: {what}")));
        for (name, _, row) in &self.rows {
            if let Row::Skipped(why) = row {
                lines.push(format!("left out: {name}: {why}"));
            }
        }
        if !release {
            lines.extend(
                RELEASE_STEPS
                    .iter()
                    .map(|(name, _, adds)| format!("--release adds: {name}: {adds}")),
            );
        }
        let total = self.rows.iter().map(|(_, took, _)| *took).sum::<Duration>();
        lines.push(format!("took {} (goal: at most {})", clock(total), clock(GOAL)));
        let count =
            |wanted: fn(&Row) -> bool| self.rows.iter().filter(|(.., row)| wanted(row)).count();
        lines.push(format!(
            "verify: {} passed, {} failed, {} skipped",
            count(|row| *row == Row::Passed),
            count(|row| *row == Row::Failed),
            count(|row| matches!(row, Row::Skipped(_))),
        ));
        lines
    }
}

fn clock(took: Duration) -> String {
    let seconds = took.as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_is_told_and_the_last_line_counts_it() {
        let mut report = Report::default();
        report.note("lint", Duration::from_secs(61), &Ok(Outcome::Done));
        report.note("windows", Duration::ZERO, &Ok(Outcome::Skipped("no Wine".to_owned())));
        report.note("test", Duration::from_secs(2), &Err(Failure::new("broken")));
        let lines = report.lines(false);
        assert!(lines.contains(&"  lint       passed   1 min 01 s".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"left out: windows: no Wine".to_owned()), "{lines:#?}");
        assert_eq!(lines.last().map(String::as_str), Some("verify: 1 passed, 1 failed, 1 skipped"));
    }

    #[test]
    fn what_is_never_checked_here_is_told_each_time() {
        assert!(Report::default().lines(true).iter().any(|line| line.contains("advisories")));
    }
}
