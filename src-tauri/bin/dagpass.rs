//! The command line. All of it is in `dagpass_cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dagpass_cli::run(std::env::args_os())
}
