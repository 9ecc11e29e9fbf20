//! The daemon. All of it is in `dagpass_agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
