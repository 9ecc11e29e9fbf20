//! A shell that leads a session of its own, as a terminal's does, and stays: a process tree that asks.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use crate::world::{Process, World};

pub(crate) const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

pub(crate) struct Terminal<'a> {
    world: &'a World,
    shell: Process,
    keyboard: ChildStdin,
    lines: usize,
    asks: String,
}

impl<'a> Terminal<'a> {
    pub(crate) fn open(world: &'a World) -> Self {
        Self::by(world, &mut world.command("setsid"), format!("{DAGPASS} token --json"))
    }

    /// By a `setsid` of whoever it is, who asks by that line.
    pub(crate) fn by(world: &'a World, setsid: &mut Command, asks: String) -> Self {
        setsid.args(["--wait", "sh"]).stdin(Stdio::piped());
        let mut shell = Process::spawn("a terminal", setsid);
        let keyboard = shell.stdin();
        Self { world, shell, keyboard, lines: 0, asks }
    }

    /// What the command ends with, and what it said of a failure. What it prints is a token at times.
    pub(crate) fn types(&mut self, line: &str) -> (i32, Value) {
        self.lines += 1;
        let (number, said) = (self.lines, self.world.home().join("said"));
        writeln!(self.keyboard, "{line} >/dev/null 2>'{}'; echo line-$?-{number}.", said.display())
            .unwrap();
        let code = self.shell.stdout.wait_for(line, |text| {
            let (before, _) = text.split_once(&format!("-{number}."))?;
            before.rsplit_once("line-")?.1.parse().ok()
        });
        let text = std::fs::read_to_string(&said).unwrap();
        let json = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        (code, json.unwrap_or(Value::Null))
    }

    pub(crate) fn token(&mut self) -> i32 {
        self.wants().0
    }

    pub(crate) fn wants(&mut self) -> (i32, Value) {
        self.types(&self.asks.clone())
    }

    /// Asks, and says which question that made.
    pub(crate) fn asks(&mut self) -> String {
        let (code, said) = self.wants();
        assert_eq!((code, &said["error"]), (5, &json!("approval_pending")), "{said}");
        let id = said["approval"].as_str().unwrap().to_owned();
        assert!(said["hint"].as_str().unwrap().contains(&id), "{said}");
        id
    }

    pub(crate) fn close(mut self) {
        drop(self.keyboard);
        self.shell.ended();
    }
}
