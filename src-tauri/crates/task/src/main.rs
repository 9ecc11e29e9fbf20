//! The verbs of daily work, one file a verb: `cargo task help` lists them. Decides which verb runs and
//! how its end is told; never touches the product's own code, and needs nothing but `std`, so that a
//! clean clone has it within seconds.

mod again;
mod airflow;
mod bench;
mod builds;
mod cross;
mod demo;
mod deny;
mod desktop;
mod fmt;
mod foreign;
mod help;
mod house;
mod icons;
mod idp;
mod ledger;
mod lint;
mod macos;
mod packages;
mod release;
mod setup;
mod shell;
mod test;
mod verify;
mod windows;

use std::process::ExitCode;

use house::House;
use shell::{Failure, say};

/// How a verb that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// What was left out and why: always told again at the end, never silent.
    Skipped(String),
}

pub(crate) type Verb = fn(&House) -> Result<Outcome, Failure>;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".to_owned());
    let ended = House::locate(args.collect()).and_then(|house| match help::verb(&name) {
        Some(_) if house.asks_for("--help") || house.asks_for("-h") => help::of(&name),
        Some(verb) => verb(&house),
        None => {
            Err(Failure::new(format!("there is no verb `{name}`")).hint("run `cargo task help`"))
        }
    });
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped(why)) => {
            say(&format!("{name}: skipped: {why}"));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}
