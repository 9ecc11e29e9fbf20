//! The command line: arguments, output and exit codes. Every decision is the agent's.

mod args;
mod commands;
mod duration;
mod exit;
mod input;
mod output;
#[cfg(test)]
#[cfg(unix)]
mod printed;
mod time;
mod world;

#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod system;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command line; the first argument is the program's own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match system::leave_no_core() {
        // It is refused nowhere we know, and whoever asks for a token is not kept for it.
        Ok(()) | Err(_) => {}
    }
    let args: Vec<OsString> = args.into_iter().collect();
    let line = match args::parse(&args) {
        Ok(line) => line,
        Err(usage) => return output::usage(&usage),
    };
    let json = line.json;
    match commands::run(line) {
        Ok(code) => code,
        Err(failure) => output::failure(&failure, json),
    }
}
