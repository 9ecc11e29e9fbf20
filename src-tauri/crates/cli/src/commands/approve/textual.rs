//! polkit's own agent for a terminal, for this process and as long as one answer takes: polkit's question is shown
//! where the answer was typed, on an ssh box too. As a fallback behind the desktop's, which it can be, polkit does
//! not ask it where logind knows no session.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Where the system's package has it: not what a PATH says.
const PROGRAM: &str = "/usr/bin/pkttyagent";
/// How long may it take to be known to polkit?
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends it when it is dropped.
#[derive(Debug)]
pub(super) struct Textual(Option<Child>);

impl Textual {
    /// Without one the answer is given all the same: whether it counts is the agent's to say.
    pub(super) fn begin() -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("--process").arg(std::process::id().to_string());
        // What it closes once polkit knows it is its standard output: it talks to the terminal itself.
        command.args(["--notify-fd", "1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok();
        if let Some(mut closed) = child.as_mut().and_then(|child| child.stdout.take()) {
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || tell.send(closed.read(&mut [0]).is_ok()));
            match told.recv_timeout(PATIENCE) {
                // It is known, has ended, or hangs: polkit says what that comes to.
                Ok(_) | Err(_) => {}
            }
        }
        Self(child)
    }
}

impl Drop for Textual {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            match child.kill().and_then(|()| child.wait()) {
                // It had ended by itself.
                Ok(_) | Err(_) => {}
            }
        }
    }
}
