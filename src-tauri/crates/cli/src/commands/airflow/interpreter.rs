//! The Python that runs a person's Airflow: what it has, and our wheel put into it. Nothing is downloaded,
//! and nothing but our own package is touched.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use dagpass_client::limited;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::wheel::{self, Unpacked};
use crate::exit::Failure;
use crate::output;

const PROBE: &str = include_str!("../../../../../airflow/airflow_provider_dagpass/probe.py");
/// Puts our wheel in and takes it out.
const PLACE: &str = include_str!("place.py");
const PACKAGE: &str = "airflow-provider-dagpass";

/// What every server does at its start where no file is there; `airflow version` does not.
const DEFAULTS: &str =
    "import airflow.configuration as c; c.write_default_airflow_configuration_if_needed()";

/// How long may Python take to import Airflow? A cold disk takes half a minute.
const PYTHON_LIMIT: Duration = Duration::from_secs(180);
/// How long may one wheel that is at hand take to be unpacked?
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
pub(super) struct Interpreter {
    pub(super) program: PathBuf,
    /// How it was found, for a person.
    pub(super) by: &'static str,
}

/// What `probe.py` tells.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Probe {
    pub(super) python: String,
    pub(super) airflow: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) content: Option<String>,
    pub(super) editable: bool,
    pub(super) backend_error: Option<String>,
}

impl Probe {
    /// The very package of this program, or one that its developer works on.
    pub(super) fn has_our_package(&self) -> bool {
        self.editable || self.content.as_deref() == Some(wheel::CONTENT)
    }
}

impl Interpreter {
    /// Looks, in an Airflow home of its own: importing Airflow writes there.
    pub(super) fn probe(&self) -> Result<Probe, Failure> {
        let home = Unpacked::new()?;
        let output = self.run(&["-c", PROBE], &[("AIRFLOW_HOME", home.folder())])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = text.lines().rev().find(|line| line.starts_with('{')).unwrap_or_default();
        serde_json::from_str(answer).map_err(|error| {
            let failure = Failure::new("io", format!("{} answers nothing", self.program.display()));
            failure.because(last_line(&output).unwrap_or_else(|| error.to_string()))
        })
    }

    /// Has Airflow write its own airflow.cfg, with its defaults and keys.
    pub(super) fn write_defaults(&self) -> Result<(), Failure> {
        let output = self.run(&["-c", DEFAULTS], &[])?;
        if output.status.success() {
            return Ok(());
        }
        let failure = Failure::new("io", "Airflow does not write its airflow.cfg");
        Err(failure.because(last_line(&output).unwrap_or_default()))
    }

    pub(super) fn install(&self) -> Result<(), Failure> {
        let unpacked = Unpacked::new()?;
        self.place(&["put".as_ref(), unpacked.path().as_os_str()], "the wheel was not installed")
    }

    /// Where somebody has taken it out already, nothing is left to do.
    pub(super) fn uninstall(&self) -> Result<(), Failure> {
        self.place(&["take".as_ref(), PACKAGE.as_ref()], "the package was not taken away")
    }

    /// By the interpreter's own standard library: a wheel like ours is a folder to unpack, and what `uv`
    /// makes has no pip.
    fn place(&self, words: &[&OsStr], what: &str) -> Result<(), Failure> {
        let mut command = self.command();
        command.args(["-I", "-c", PLACE]).args(words);
        let ended = limited::output(&mut command, INSTALL_LIMIT);
        let output = ended.map_err(|error| Failure::new("io", what).because(error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::new("io", what).because(last_line(&output).unwrap_or_default()))
    }

    /// What a module of the lint answers as its last line of JSON. It comes from the wheel, whatever is
    /// installed there: it fits this program.
    pub(super) fn lint<T: DeserializeOwned>(
        &self,
        module: &str,
        words: &[&OsStr],
    ) -> Result<T, Failure> {
        let unpacked = Unpacked::new()?;
        let theirs = std::env::var_os("PYTHONPATH").unwrap_or_default();
        let paths = std::iter::once(unpacked.path()).chain(std::env::split_paths(&theirs));
        let paths = std::env::join_paths(paths).map_err(|error| {
            Failure::new("io", "the interpreter's path cannot be told").because(error)
        })?;
        let mut lint = self.command();
        lint.args(["-m", module]).args(words).env("PYTHONPATH", paths);
        let ended = limited::output(&mut lint, PYTHON_LIMIT);
        let output =
            ended.map_err(|error| Failure::new("io", "the lint did not start").because(error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = text.lines().rev().find(|line| line.starts_with(['[', '{']));
        serde_json::from_str(answer.unwrap_or_default()).map_err(|error| {
            let cause = last_line(&output).unwrap_or_else(|| error.to_string());
            Failure::new("io", "the lint answers nothing").because(cause)
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Nothing here asks the agent for anything.
        command.env("DAGPASS_AIRFLOW", "off").env("PYTHONWARNINGS", "ignore");
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(std::process::Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str], env: &[(&str, &Path)]) -> Result<Output, Failure> {
        let mut command = self.command();
        command.args(arguments).envs(env.iter().copied());
        limited::output(&mut command, PYTHON_LIMIT).map_err(|error| {
            let failure = Failure::new("not_found", "the Python interpreter does not start");
            failure
                .because(format!("{}: {error}", self.program.display()))
                .hint("give --python PATH")
        })
    }
}

fn last_line(output: &Output) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// One line for a person: which interpreter, and what is in it.
pub(super) fn tell(interpreter: &Interpreter, probe: &Probe) {
    let airflow = probe.airflow.as_deref().unwrap_or("none");
    output::say(&format!(
        "{} (by {}): Python {}, Airflow {airflow}",
        interpreter.program.display(),
        interpreter.by,
        probe.python
    ));
}
