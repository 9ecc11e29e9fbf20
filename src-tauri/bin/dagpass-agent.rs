//! The daemon. All of it is in `dagpass_agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dagpass_agent::run(std::env::args_os())
}
