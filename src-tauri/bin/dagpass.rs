//! The command line. All of it is in `dagpass_cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
