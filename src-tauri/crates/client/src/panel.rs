//! The window as other programs see it: the names of its views, and how it is opened. Decides when it
//! is open; never what it shows.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ClientError;
use crate::{launch, owner, place, system};

/// One page of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    Sessions,
    Activity,
    Airflow,
    Approvals,
    Settings,
    Doctor,
    /// From nothing to signed in.
    Welcome,
}

impl View {
    pub const ALL: [Self; 7] = [
        Self::Sessions,
        Self::Activity,
        Self::Airflow,
        Self::Approvals,
        Self::Settings,
        Self::Doctor,
        Self::Welcome,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Activity => "activity",
            Self::Airflow => "airflow",
            Self::Approvals => "approvals",
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

/// The window's program that this process started: the caller's to wait for. One that raised another has ended.
#[derive(Debug)]
pub struct Window(Child);

/// Those of this process that nobody has seen end, whose numbers are nobody else's meanwhile.
static OPEN_ONES: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Is that process a window that this one opened?
pub fn is_open_as(pid: u32) -> bool {
    open_ones().contains(&pid)
}

fn open_ones() -> MutexGuard<'static, Vec<u32>> {
    OPEN_ONES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Window {
    /// It is known before it can say anything.
    fn start(command: &mut Command) -> io::Result<Self> {
        let mut known = open_ones();
        let child = command.spawn()?;
        known.push(child.id());
        Ok(Self(child))
    }

    /// Until it has ended.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let pid = self.0.id();
        open_ones().retain(|one| *one != pid);
    }
}

/// Opens the window, or raises the one that is open, and returns once it is there.
pub fn open(view: Option<View>) -> Result<Window, ClientError> {
    let program = launch::panel_program().ok_or(ClientError::NoPanel)?;
    let state = place::state_dir()?;
    if let Some(home) = owner::foreign_home() {
        return Err(home.into());
    }
    system::create_private_folder(&state).map_err(|error| owner::named(&state, error))?;
    let log = state.join("panel.log");
    let said = system::create_log(&log).map_err(|error| owner::named(&log, error))?;
    let mut command = Command::new(program);
    if let Some(view) = view {
        command.args(["--view", view.name()]);
    }
    // The window is the person's own, whatever run the caller belongs to.
    command.env_remove("DAGPASS_CAPABILITY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
    system::detach(&mut command)?;
    let started = Window::start(&mut command);
    let mut window = started.map_err(|error| ClientError::Panel(error.to_string()))?;
    match first_line(window.0.stdout.take()) {
        Ok(line) if line.trim_end() == OPEN => return Ok(window),
        Ok(_) => {}
        Err(silent) => {
            window.0.kill()?;
            window.wait()?;
            return Err(ClientError::Panel(silent));
        }
    }
    window.wait()?;
    let why = launch::last_line(&log).unwrap_or_else(|| "it does not say why".to_owned());
    Err(ClientError::Panel(why.trim_start_matches("error: ").to_owned()))
}

fn first_line(stdout: Option<impl Read + Send + 'static>) -> Result<String, String> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = stdout.map_or(Ok(0), |stdout| BufReader::new(stdout).read_line(&mut line));
        // Nobody may wait any more.
        drop(read.map(|_| tell.send(line)));
    });
    match told.recv_timeout(OPEN_LIMIT) {
        Ok(line) => Ok(line),
        // It ended and said nothing that can be read.
        Err(RecvTimeoutError::Disconnected) => Ok(String::new()),
        Err(RecvTimeoutError::Timeout) => {
            Err(format!("it did not open within {} seconds", OPEN_LIMIT.as_secs()))
        }
    }
}

/// How long may a window take to open? The first one after a login reads a hundred files.
const OPEN_LIMIT: Duration = Duration::from_secs(60);

/// The one line that the window's program writes to stdout: it is there.
pub const OPEN: &str = "open";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_window_is_known_until_it_was_seen_to_end_and_no_other_program_is() {
        let mut window = Window::start(Command::new("cat").stdin(Stdio::piped())).unwrap();
        let pid = window.0.id();
        assert!(is_open_as(pid) && !is_open_as(std::process::id()));
        drop(window.0.stdin.take());
        assert!(window.wait().unwrap().success());
        assert!(!is_open_as(pid));
    }

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
