//! Small programs of the system's, waited for no longer than they may take: one that hangs is ended by
//! its own number, and whoever asked goes on without it.

use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// How long may a program take that only asks the session's own services?
pub const SERVICE_LIMIT: Duration = Duration::from_secs(2);

/// How often do we look whether it has ended?
const POLL: Duration = Duration::from_millis(5);

/// How it ended; an error of the kind `TimedOut` where it did not.
pub fn status(command: &mut Command, limit: Duration) -> io::Result<ExitStatus> {
    let until = Instant::now() + limit;
    end_of(&mut command.spawn()?, until).map_err(|error| named(command, limit, error))
}

/// As [`status`], for a child that was started already.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<ExitStatus> {
    end_of(child, Instant::now() + limit)
}

/// As [`status`], and what it said. Nothing is read from a terminal.
pub fn output(command: &mut Command, limit: Duration) -> io::Result<Output> {
    let until = Instant::now() + limit;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
    let ended = end_of(&mut child, until).and_then(|status| {
        // A child of its own may hold the pipes open.
        let said = |from: Receiver<Vec<u8>>| {
            from.recv_timeout(until.saturating_duration_since(Instant::now()) + POLL)
                .map_err(|_still_open| ErrorKind::TimedOut)
        };
        Ok(Output { status, stdout: said(stdout)?, stderr: said(stderr)? })
    });
    ended.map_err(|error| named(command, limit, error))
}

fn end_of(child: &mut Child, until: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Err(ErrorKind::TimedOut.into());
        }
        sleep(POLL);
    }
}

fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (tell, told) = channel();
    spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes));
        // Nobody may wait any more.
        drop(read.map(|_| tell.send(bytes)));
    });
    told
}

fn named(command: &Command, limit: Duration, error: io::Error) -> io::Error {
    if error.kind() != ErrorKind::TimedOut {
        return error;
    }
    let (program, limit) = (command.get_program().display(), limit.as_secs_f32());
    io::Error::new(ErrorKind::TimedOut, format!("`{program}` did not end within {limit} s"))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(60);

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    #[test]
    fn one_that_hangs_is_ended_and_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!("echo $$ > '{}'; exec sleep 600", file.path().display());
        // Long enough for the shell to say its number before it is ended.
        let error = loop {
            let error = status(&mut sh(&script), SHORT).unwrap_err();
            if file.as_file().metadata().unwrap().len() > 0 {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "`sh` did not end within 0.05 s");
        let pid = std::fs::read_to_string(file.path()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_err(), "it still runs");
        assert_eq!(
            output(&mut sh("exec sleep 600"), SHORT).unwrap_err().kind(),
            ErrorKind::TimedOut
        );
    }

    #[test]
    fn one_that_ends_says_how_and_what() {
        assert_eq!(status(&mut sh("exit 3"), LONG).unwrap().code(), Some(3));
        let ended = output(&mut sh("echo out; echo err >&2; exit 4"), LONG).unwrap();
        assert_eq!(ended.status.code(), Some(4));
        assert_eq!((&*ended.stdout, &*ended.stderr), (&b"out\n"[..], &b"err\n"[..]));
    }
}
