//! `dagpass-agent`: `run`, and the small modes that other programs of ours call. Decides nothing.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dagpass_client::login_item;
use dagpass_client::wire::ConfigReply;

use crate::config::{ConfigFile, MachineConfig};
use crate::telemetry::complain;
use crate::{browser, config, start};

const USAGE: &str = "\
dagpass-agent: keeps your sign-in at Ping Identity and hands out fresh tokens on this machine

usage:
  dagpass-agent run [--at-login]          serve until told to stop
  dagpass-agent config-check FILE         print what is wrong with a config, as JSON
  dagpass-agent config-check --machine FILE   the same of one for a machine, wherever it lies
  dagpass-agent config-schema             print the config's JSON Schema
  dagpass-agent --version

`dagpass` starts it when needed. Logs go to stderr, level by $DAGPASS_LOG (`info`, `debug`, `trace`).
";

/// Runs one mode to its end.
pub fn run(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let _name = args.next();
    let mode = args.next().unwrap_or_default();
    match (mode.to_str().unwrap_or_default(), args.next()) {
        ("run", None) => start::run(false),
        ("run", Some(word)) if word == login_item::AT_LOGIN[1] => start::run(true),
        ("config-check", Some(word)) if word == "--machine" => {
            args.next().map_or_else(misused, |file| machine_config_check(&PathBuf::from(file)))
        }
        ("config-check", Some(file)) => config_check(&PathBuf::from(file)),
        ("config-schema", None) => print(&config::json_schema().to_string()),
        ("open-browser", None) => browser::open_browser_child(),
        ("--version" | "-V", None) => {
            print(&format!("dagpass-agent {}", env!("CARGO_PKG_VERSION")))
        }
        ("--help" | "-h" | "help", None) => print(USAGE.trim_end()),
        _ => misused(),
    }
}

fn misused() -> ExitCode {
    complain(USAGE);
    ExitCode::from(2)
}

/// Where there is no such file, under what the machine's config says alone.
fn config_check(file: &Path) -> ExitCode {
    let machine = MachineConfig::here();
    let problems = config::check_file(file, &machine);
    let reply = ConfigFile::open_under(machine, file.to_owned(), None).reply();
    found(&ConfigReply { text: String::new(), problems, ..reply })
}

fn machine_config_check(file: &Path) -> ExitCode {
    let path = file.display().to_string();
    let problems = config::check_machines(file);
    found(&ConfigReply { path, problems, ..ConfigReply::default() })
}

fn found(reply: &ConfigReply) -> ExitCode {
    let json = serde_json::to_string(reply).unwrap_or_default();
    match (print(&json), reply.problems.is_empty()) {
        (printed, true) => printed,
        (_, false) => ExitCode::from(1),
    }
}

fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
