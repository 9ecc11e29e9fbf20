//! The headless programs for Windows: built, and their tests run under Wine in a prefix of their own.
//! What passes here is "built for Windows and tested under Wine", no more.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::again;
use crate::builds;
use crate::cross::{self, Toolchain};
use crate::house::House;
use crate::idp;
use crate::setup::{self, For};
use crate::shell::{Failure, Shell, say};

const TARGET: &str = "x86_64-pc-windows-gnu";
const RANDOM: &str = "src-tauri/crates/task/cross/bcryptprimitives.c";
const PERSON: &str = "src-tauri/crates/task/cross/tray-person.c";

pub(crate) const PURE_ADDS: &str =
    "the tests of the packages that name no system (core, sandbox, task), under Wine too";

pub(crate) const LEFT_OUT: &str =
    "a real Windows: Wine stands for it; a private CA is verified on real machines only";

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    let toolchain = match ready(house)? {
        Ok(toolchain) => toolchain,
        Err(why) => return Ok(Outcome::Skipped(format!("Windows: {why}"))),
    };
    let prefix = Prefix::made(house)?;
    toolchain.cargo(house, "build", TARGET).run()?;
    let tests = tests(&toolchain.cargo(house, "test", TARGET), house, &prefix);
    let tested = tests.and_then(|()| end_to_end(house, &prefix));
    prefix.end();
    tested?;
    Ok(Outcome::Done)
}

/// The unit tests of every package, those that name no system as well.
pub(crate) fn pure(house: &House) -> Result<Outcome, Failure> {
    let toolchain = match ready(house)? {
        Ok(toolchain) => toolchain,
        Err(why) => return Ok(Outcome::Skipped(format!("Windows: {why}"))),
    };
    let prefix = Prefix::made(house)?;
    let tested = tests(&toolchain.of_all(house, "test", TARGET), house, &prefix);
    prefix.end();
    tested.map(|()| Outcome::Done)
}

/// The window's program, by its types: Wine has no WebView that could show it.
pub(crate) fn window(house: &House) -> Result<Outcome, Failure> {
    match ready(house)? {
        Ok(toolchain) => toolchain.window(house, TARGET).run().map(|()| Outcome::Done),
        Err(why) => Ok(Outcome::Skipped(format!("the window for Windows: {why}"))),
    }
}

/// The folder of the Windows programs, built; or why there are none here.
pub(crate) fn programs(house: &House, release: bool) -> Result<Result<PathBuf, String>, Failure> {
    let toolchain = match ready(house)? {
        Ok(toolchain) => toolchain,
        Err(why) => return Ok(Err(why)),
    };
    if release {
        toolchain.shipped(house, TARGET).run()?;
        return Ok(Ok(cross::programs(house, TARGET, "release")));
    }
    toolchain.cargo(house, "build", TARGET).run()?;
    Ok(Ok(cross::programs(house, TARGET, "debug")))
}

/// What builds and runs Windows programs; or why it cannot be here.
fn ready(house: &House) -> Result<Result<Toolchain, String>, Failure> {
    let toolchain = cross::toolchain(house)?;
    if toolchain.is_ok() {
        setup::packages(For::Cross)?;
    }
    Ok(toolchain)
}

/// The Windows programs against the independent provider, driven from here.
fn end_to_end(house: &House, prefix: &Prefix) -> Result<(), Failure> {
    idp::node_modules(house)?;
    let person = house.target.join("cross/tools/tray-person.exe");
    Shell::new("x86_64-w64-mingw32-gcc")
        .words("-O1 -Wall -municode -mwindows -o")
        .arg(&person)
        .arg(house.at(PERSON))
        .run()?;
    // One after the other: they share a Windows, and so the agent's pipe.
    let cargo = builds::cargo(house, "test --test e2e")
        .env("DAGPASS_WINE_PERSON", &person)
        .env("DAGPASS_WINDOWS_PROGRAMS", cross::programs(house, TARGET, "debug"))
        .env("DAGPASS_WINE_PREFIX", &prefix.folder);
    again::cargo(house, &cargo, "windows_ --nocapture --test-threads 1")
}

fn tests(cargo: &Shell, house: &House, prefix: &Prefix) -> Result<(), Failure> {
    let cargo = prefix
        .wine(cargo.clone().arg("--no-fail-fast"))
        .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine");
    again::cargo(house, &cargo, "")
}

/// A Windows of one's own: nobody's everyday Wine is touched.
#[derive(Debug)]
pub(crate) struct Prefix {
    pub(crate) folder: PathBuf,
}

impl Prefix {
    pub(crate) fn made(house: &House) -> Result<Self, Failure> {
        let prefix = Self { folder: house.target.join("cross/wine") };
        let system = prefix.folder.join("drive_c/windows/system32");
        let random = system.join("bcryptprimitives.dll");
        if !random.is_file() {
            say("a Wine prefix of its own, with the random numbers that Rust asks Windows for");
            std::fs::create_dir_all(&prefix.folder).map_err(|e| Failure::at(&prefix.folder, &e))?;
            prefix.wine(Shell::new("wine").words("wineboot --init")).minutes(10).run()?;
            prefix.built_random(&house.at(RANDOM), &random)?;
        }
        Ok(prefix)
    }

    /// The folder of whoever runs Wine, who is its only person.
    pub(crate) fn person(&self) -> Result<PathBuf, Failure> {
        let users = self.folder.join("drive_c/users");
        let entries = std::fs::read_dir(&users).map_err(|e| Failure::at(&users, &e))?;
        entries
            .flatten()
            .find(|entry| entry.file_name() != "Public")
            .map(|entry| entry.path())
            .ok_or_else(|| Failure::new("a Wine prefix has a user, and this one has none"))
    }

    fn built_random(&self, source: &Path, library: &Path) -> Result<(), Failure> {
        Shell::new("x86_64-w64-mingw32-gcc")
            .arg("-shared")
            .arg("-o")
            .arg(library)
            .arg(source)
            .arg("-ladvapi32")
            .run()
    }

    /// No display, so that no window can wait for an answer.
    pub(crate) fn wine(&self, shell: Shell) -> Shell {
        shell
            .env("WINEPREFIX", &self.folder)
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env("DISPLAY", "")
    }

    /// The server stays for a while after the last program: end it, if it has not ended by itself.
    pub(crate) fn end(&self) {
        if self.wine(Shell::new("wineserver").arg("-k")).minutes(1).read().is_err() {
            say("Wine's server had ended by itself");
        }
    }
}
