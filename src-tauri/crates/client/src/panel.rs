//! The window as other programs see it: the names of its views, and how it is opened. Decides when it
//! is open; never what it shows.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ClientError;
use crate::{launch, place, system};

/// One page of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    Sessions,
    Activity,
    Airflow,
    Settings,
    Doctor,
    /// From nothing to signed in.
    Welcome,
}

impl View {
    pub const ALL: [Self; 6] = [
        Self::Sessions,
        Self::Activity,
        Self::Airflow,
        Self::Settings,
        Self::Doctor,
        Self::Welcome,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Activity => "activity",
            Self::Airflow => "airflow",
            Self::Settings => "settings",
            Self::Doctor => "doctor",
            Self::Welcome => "welcome",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for View {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|view| view.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no view; there are {names}")
        })
    }
}

/// Opens the window, or raises the one that is open, and returns once it is there. The program is the
/// caller's to wait for: one that raised another has ended.
pub fn open(view: Option<View>) -> Result<Child, ClientError> {
    let program = launch::panel_program().ok_or(ClientError::NoPanel)?;
    let state = place::state_dir()?;
    system::create_private_folder(&state)?;
    let log = state.join("panel.log");
    let mut command = Command::new(program);
    if let Some(view) = view {
        command.args(["--view", view.name()]);
    }
    // The window is the person's own, whatever run the caller belongs to.
    command.env_remove("DAGPASS_CAPABILITY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(system::create_log(&log)?);
    system::detach(&mut command)?;
    let mut child = command.spawn().map_err(|error| ClientError::Panel(error.to_string()))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    if line.trim_end() == OPEN {
        return Ok(child);
    }
    child.wait()?;
    let why = launch::last_line(&log).unwrap_or_else(|| "it does not say why".to_owned());
    Err(ClientError::Panel(why.trim_start_matches("error: ").to_owned()))
}

/// The one line that the window's program writes to stdout: it is there.
pub const OPEN: &str = "open";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_is_found_by_its_name_and_by_no_other() {
        for view in View::ALL {
            assert_eq!(view.name().parse(), Ok(view));
            assert_eq!(serde_json::to_value(view).unwrap(), view.name());
        }
        let error = "session".parse::<View>().unwrap_err();
        assert!(error.contains("sessions, activity"), "{error}");
    }
}
