//! What a person installs: `.deb` and `.rpm` for Linux, `.msi` for Windows, each installed, run and
//! removed again without a trace. Decides the order; what lies where in a package is `packages/tree.rs`.
//!
//! The packers are the systems' own: `dpkg-deb`, `rpmbuild` and `wixl` are in Debian, work without a
//! network and give the same bytes for the same input, which is checked each time.

mod deb;
mod installed;
mod lint;
mod listing;
mod msi;
mod programs;
mod root;
mod rpm;
mod tree;
mod window;

use std::fs;
use std::path::PathBuf;

use crate::Outcome;
use crate::house::House;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell, has, say};
use programs::Programs;

pub(crate) const ADDS: &str = "the packages of the programs as they ship, and their sizes";

/// Which programs go in?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Build {
    /// What the tests use: large and slow, and the same sources.
    Everyday,
    /// Optimised, thin LTO.
    Shipped,
}

/// What every package of one run shares.
#[derive(Debug)]
pub(crate) struct Issue {
    /// As in Cargo.toml.
    version: &'static str,
    /// Seconds since 1970 that stand for "now" in every package: the commit's.
    epoch: u64,
    /// The same as a day, 2026-01-31.
    day: String,
    /// Where the packages end.
    out: PathBuf,
    /// What is made on the way.
    work: PathBuf,
    build: Build,
}

/// `cargo task packages`: the everyday programs, or with `--release` those that ship.
pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    of(house, if house.asks_for("--release") { Build::Shipped } else { Build::Everyday })
}

pub(crate) fn everyday(house: &House) -> Result<Outcome, Failure> {
    of(house, Build::Everyday)
}

pub(crate) fn shipped(house: &House) -> Result<Outcome, Failure> {
    of(house, Build::Shipped)
}

fn of(house: &House, build: Build) -> Result<Outcome, Failure> {
    if !cfg!(target_os = "linux") || !has("apt-get") {
        return Ok(Outcome::Skipped("packages are made on Debian".to_owned()));
    }
    setup::packages(For::Packages)?;
    let issue = Issue::of(house, build)?;
    let programs = Programs::built(house, &issue)?;
    let mut made = linux(house, &issue, &programs)?;
    let mut skipped = Vec::new();
    lint::run(&made)?;
    match installed::run(house, &issue, &made)? {
        Outcome::Done => {}
        Outcome::Skipped(why) => skipped.push(why),
    }
    match msi::run(house, &issue)? {
        Ok(packed) => made.push(packed),
        Err(why) => skipped.push(why),
    }
    say("");
    for path in &made {
        let size = fs::metadata(path).map_err(|e| Failure::at(path, &e))?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        say(&format!("{name}: {size} bytes ({build:?})"));
    }
    if skipped.is_empty() { Ok(Outcome::Done) } else { Ok(Outcome::Skipped(skipped.join("; "))) }
}

/// Every Linux package, made twice: a second run must give the same bytes.
fn linux(house: &House, issue: &Issue, programs: &Programs) -> Result<Vec<PathBuf>, Failure> {
    let mut made = Vec::new();
    for packer in [deb::made, rpm::made] {
        let first = packer(house, issue, programs)?;
        let bytes = contents(&first)?;
        let again = packer(house, issue, programs)?;
        for ((path, before), after) in first.iter().zip(&bytes).zip(&contents(&again)?) {
            if before != after {
                let name = path.display();
                return Err(Failure::new(format!("{name}: made twice, and the bytes differ")));
            }
        }
        made.extend(first);
    }
    say("made twice, byte for byte the same");
    Ok(made)
}

fn contents(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    paths.iter().map(|path| fs::read(path).map_err(|e| Failure::at(path, &e))).collect()
}

impl Issue {
    fn of(house: &House, build: Build) -> Result<Self, Failure> {
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(named) => named,
            Err(_) => {
                Shell::new("git").words("log -1 --format=%ct").inside(&house.root).read().map_err(
                    |failure| failure.hint("without git, name the time in SOURCE_DATE_EPOCH"),
                )?
            }
        };
        let day = Shell::new("date").words("--utc +%F --date").arg(format!("@{epoch}")).read()?;
        let epoch = epoch
            .parse()
            .map_err(|_| Failure::new(format!("SOURCE_DATE_EPOCH is no number: {epoch}")))?;
        let out = house.target.join("packages");
        let work = out.join("work");
        fs::create_dir_all(&work).map_err(|e| Failure::at(&work, &e))?;
        Ok(Self { version: env!("CARGO_PKG_VERSION"), epoch, day, out, work, build })
    }

    /// How hard is a package pressed, 1 to `most`? What is only tried is large and need not be small.
    fn pressed(&self, most: u8) -> u8 {
        match self.build {
            Build::Everyday => 1,
            Build::Shipped => most,
        }
    }

    /// A text with the marks of this issue filled in.
    fn filled(&self, text: &str, more: &[(&str, &str)]) -> String {
        let ours = [("@VERSION@", self.version), ("@DAY@", self.day.as_str())];
        let all = ours.iter().chain(more);
        all.fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
    }
}
