//! Every check, from what others need to what they show, three at a time: half of them wait for a program to
//! start or for a token to end. Stops at the first that fails, once what runs beside it has ended: its word
//! is worth having too. Tells how long each took, what was left out and why, and what `--release`
//! adds: nothing is left out silently.

mod report;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::house::House;
use crate::shell::{Failure, say, speaking_as, work};
use crate::{
    Outcome, Verb, airflow, bench, demo, deny, desktop, fmt, foreign, idp, ledger, lint, macos,
    packages, release, setup, test, windows,
};
use report::Report;

/// How long may the whole take from nothing on two cores?
const GOAL: Duration = Duration::from_secs(22 * 60);

/// How many chains go on at once? One more than the cores it is made for, since every other one waits. With four
/// the load came to 15, and tests that wait for half a minute began to miss it.
const LANES: usize = 3;

type Step = (&'static str, Verb);

/// What all others lean on, one after the other.
const FIRST: [Step; 3] = [("setup", setup::run), ("format", fmt::check), ("deny", deny::run)];

/// What shares a folder, a Wine or an order stands in one chain. A free lane takes the next of them: the
/// longest are begun first, and what builds on both cores stands beside what waits.
const CHAINS: [&[Step]; 6] = [
    &[("lint", lint::run), ("test", test::run)],
    &[("provider", idp::run), ("airflow", airflow::run)],
    &[("windows", windows::run), ("packages", packages::everyday)],
    &[("live", demo::live::run)],
    &[("desktop", desktop::run)],
    &[("demo", demo::run)],
];

/// What no machine without Windows, macOS or the open network can show.
const LEFT_OUT: [&str; 3] = [deny::LEFT_OUT, windows::LEFT_OUT, macos::LEFT_OUT];

/// What is too long for every day; alone, since the last of them measures.
const RELEASE_STEPS: [(&str, Verb, &str); 13] = [
    ("macos", macos::run, macos::ADDS),
    ("collector", foreign::collector, foreign::COLLECTOR_ADDS),
    ("witness", foreign::witness, foreign::WITNESS_ADDS),
    ("demo-2.11", demo::on_older_airflow, demo::OLDER_ADDS),
    ("long-300", demo::long::run, demo::long::ADDS),
    ("corners", desktop::corners, desktop::CORNERS_ADDS),
    ("pure", windows::pure, windows::PURE_ADDS),
    ("elsewhere", desktop::elsewhere, desktop::ELSEWHERE_ADDS),
    ("release", release::run, release::ADDS),
    ("packages-r", packages::shipped, packages::ADDS),
    ("ledger", ledger::run, ledger::ADDS),
    ("figures", demo::live::figures, demo::live::FIGURES_ADD),
    ("bench", bench::run, bench::ADDS),
];

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    let house = &house.gated();
    let release = house.asks_for("--release");
    let last = if release { &RELEASE_STEPS[..] } else { &[] };
    let last: Vec<Step> = last.iter().map(|(name, run, _)| (*name, *run)).collect();
    let run = Run { house, started: Instant::now(), report: Mutex::default() };
    run.chain(&FIRST);
    run.side_by_side(&CHAINS, if house.asks_for("--one-by-one") { 1 } else { LANES });
    run.chain(&last);
    let steps = FIRST.iter().chain(CHAINS.iter().copied().flatten()).chain(&last);
    let steps: Vec<&str> = steps.map(|(name, _)| *name).collect();
    let report = run.report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.lines(&steps, release).iter().for_each(|line| say(line));
    let mut failures = report.failures();
    let first = failures.next();
    failures.for_each(|failure| say(&failure.to_string()));
    first.map_or(Ok(Outcome::Done), |failure| Err(failure.clone()))
}

struct Run<'a> {
    house: &'a House,
    started: Instant,
    report: Mutex<Report>,
}

impl Run<'_> {
    fn side_by_side(&self, chains: &[&[Step]], lanes: usize) {
        let waiting = Mutex::new(chains.iter());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| {
                    while let Some(chain) = next() {
                        self.chain(chain);
                    }
                });
            }
        });
    }

    /// One after the other, until one of any chain has failed.
    fn chain(&self, steps: &[Step]) {
        for (name, step) in steps {
            if self.report().failures().next().is_some() {
                return;
            }
            say(&format!("\n== {name}"));
            let began = self.started.elapsed();
            work::taken();
            let end = speaking_as(name, || step(self.house));
            if let Err(failure) = &end {
                say(&format!("== {name} failed\n{failure}"));
            }
            self.report().note(name, (began, self.started.elapsed()), work::taken(), end);
        }
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well(_: &House) -> Result<Outcome, Failure> {
        Ok(Outcome::Done)
    }

    fn badly(_: &House) -> Result<Outcome, Failure> {
        Err(Failure::new("on purpose, in a test of `verify`"))
    }

    fn names(lanes: usize, chains: &[&[Step]]) -> Vec<&'static str> {
        let house = House::locate(Vec::new()).expect("these tests run in a clone");
        let run = Run { house: &house, started: Instant::now(), report: Mutex::default() };
        run.side_by_side(chains, lanes);
        let report = run.report();
        ["a", "b", "c", "d"].into_iter().filter(|name| report.has(name)).collect()
    }

    #[test]
    fn every_step_of_every_chain_is_run() {
        let chains: [&[Step]; 3] = [&[("a", well), ("b", well)], &[("c", well)], &[("d", well)]];
        assert_eq!(names(1, &chains), ["a", "b", "c", "d"]);
        assert_eq!(names(2, &chains), ["a", "b", "c", "d"]);
    }

    #[test]
    fn after_one_that_failed_none_begins() {
        let chains: [&[Step]; 2] = [&[("a", well), ("b", badly), ("c", well)], &[("d", well)]];
        assert_eq!(names(1, &chains), ["a", "b"]);
    }
}
