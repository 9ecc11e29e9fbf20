//! The window's program.

#![cfg_attr(windows, windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    dagpass_panel::run(std::env::args_os())
}
