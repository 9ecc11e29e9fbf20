//! The daemon. All of it is in `dagpass_agent`.

// A program of the desktop: started from the menu or at login it must not open a console window.
#![windows_subsystem = "windows"]

use std::process::ExitCode;

fn main() -> ExitCode {
    dagpass_agent::run(std::env::args_os())
}
