//! An X server without a screen, for one test.

use std::process::{Command, Stdio};

use crate::world::{Process, World};

#[derive(Debug)]
pub(crate) struct Display {
    pub(crate) name: String,
    _server: Process,
}

impl Display {
    /// It takes a number that is free, and says which.
    pub(crate) fn start() -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]);
        let server = Process::spawn("Xvfb", command.stdin(Stdio::null()));
        let number = server.stdout.wait_for("display number", |text| {
            text.strip_suffix('\n').and_then(|number| number.parse::<u32>().ok())
        });
        Self { name: format!(":{number}"), _server: server }
    }

    /// What a person would paste now; empty where nobody offers anything.
    pub(crate) fn clipboard(&self, world: &World) -> String {
        let mut command = world.command("xclip");
        command.args(["-selection", "clipboard", "-out", "-display", &self.name]);
        Process::spawn("xclip", command.stdin(Stdio::null())).ended().stdout
    }
}
