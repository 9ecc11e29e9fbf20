//! What can be typed, and how an end is told. Whoever started the window reads one line from stdout
//! where it stands, and the last line of stderr where it does not.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use dagpass_client::panel::{OPEN, View};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Window(Option<View>),
    Text(String),
}

const USAGE: &str = "\
dagpass-panel: the window of dagpass

usage:
  dagpass-panel [--view VIEW]   open it, or bring it to the front
  dagpass-panel --version

VIEW is one of sessions, activity, airflow, settings, doctor, welcome. `dagpass panel` starts it too.";

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let args: Vec<String> =
        args.into_iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(Asked::Window(None)),
        ["--view", name] => Ok(Asked::Window(Some(name.parse()?))),
        ["--version" | "-V"] => {
            Ok(Asked::Text(format!("dagpass-panel {}", env!("CARGO_PKG_VERSION"))))
        }
        ["--help" | "-h"] => Ok(Asked::Text(USAGE.to_owned())),
        [other, ..] => Err(format!("`{other}` is not known: see `dagpass-panel --help`")),
    }
}

pub(crate) fn tell(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The window is there. Where nobody reads, nobody waits.
pub(crate) fn say_open() -> io::Result<()> {
    let mut out = io::stdout();
    match writeln!(out, "{OPEN}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        told => told,
    }
}

pub(crate) fn opened() -> ExitCode {
    match say_open() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// In one line. Where stderr is closed the exit code still tells.
pub(crate) fn fail(code: u8, why: &str) -> ExitCode {
    drop(writeln!(io::stderr(), "error: {why}"));
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> Result<Asked, String> {
        parse(["dagpass-panel"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn a_view_is_asked_for_by_name() {
        assert_eq!(line(&[]), Ok(Asked::Window(None)));
        assert_eq!(line(&["--view", "doctor"]), Ok(Asked::Window(Some(View::Doctor))));
        assert!(line(&["--view", "nothing"]).unwrap_err().contains("is no view"));
        assert!(line(&["--view"]).is_err());
        assert!(line(&["--devtools"]).unwrap_err().contains("not known"));
        assert!(matches!(line(&["--version"]), Ok(Asked::Text(_))));
    }
}
