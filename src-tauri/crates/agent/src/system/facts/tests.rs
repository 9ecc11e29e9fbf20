//! Processes as they really are.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dagpass_core::policy::facts::Verified;

use crate::system::{Peer, own_uid, pin, started_at};

/// How long is a slow machine waited for?
const PATIENCE: Duration = Duration::from_secs(60);

/// Ended with its test.
struct Running(Child, BufReader<std::process::ChildStdout>);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Running {
    /// A shell that says when it is there, and does as it is told.
    fn shell(program: &Path) -> Self {
        let mut shell = Command::new(program);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = started(&mut shell);
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut shell = Self(child, output);
        assert_eq!(shell.told("echo here"), "here");
        shell
    }

    /// What it says to it.
    fn told(&mut self, command: &str) -> String {
        writeln!(self.0.stdin.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// A file that was just written is busy for as long as a child of another test has yet to run its own program.
fn started(command: &mut Command) -> Child {
    let until = Instant::now() + PATIENCE;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                assert!(Instant::now() < until, "{error}");
                std::thread::yield_now();
            }
            started => return started.unwrap(),
        }
    }
}

fn until(holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
}

fn facts(pid: u32) -> Arc<Verified> {
    pin(&Peer { uid: own_uid(), pid: Some(pid), ..Peer::default() }.examined()).unwrap().facts()
}

fn sha256(file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let counted = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
    counted.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_process_is_told_by_its_program_its_parents_and_where_it_is() {
    let mut shell = Running::shell(Path::new("/bin/sh"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    assert_eq!(shell.told(&format!("cd {} && echo there", folder.display())), "there");
    let program = fs::canonicalize("/bin/sh").unwrap();
    // The second time it is remembered, and the same.
    for _ in 0..2 {
        let found = facts(shell.0.id());
        let executable = found.executable.as_ref().unwrap();
        assert_eq!(found.uid, own_uid());
        assert_eq!(executable.path, program);
        assert_eq!(executable.sha256.as_deref(), Some(&*sha256(&program)));
        assert_eq!((executable.owner, executable.only_root_writes), (Some(0), true));
        assert_eq!(found.cwd.as_deref(), Some(&*folder));
        let parent = &found.parents[0];
        assert_eq!(parent.pid, std::process::id());
        let own = std::env::current_exe().unwrap().canonicalize().unwrap();
        let program = parent.executable.as_ref().unwrap();
        assert_eq!((&program.path, &program.sha256), (&own, &None), "no rule sees it");
    }
    // What is looked up once stays so for the connection.
    let pin = pin(&Peer { pid: Some(shell.0.id()), ..Peer::default() }.examined()).unwrap();
    let first = pin.facts();
    assert_eq!(shell.told("cd / && echo away"), "away");
    assert!(Arc::ptr_eq(&first, &pin.facts()));
    assert_eq!(facts(shell.0.id()).cwd.as_deref(), Some(Path::new("/")));
}

#[test]
fn a_program_that_was_replaced_on_disk_is_known_by_what_runs_and_by_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().canonicalize().unwrap().join("shell");
    fs::copy("/bin/sh", &program).unwrap();
    let shell = Running::shell(&program);
    let before = facts(shell.0.id()).executable.clone().unwrap();
    assert_eq!(before.path, program);
    assert!(!before.only_root_writes, "anybody may write to the folder for temporary files");
    fs::remove_file(&program).unwrap();
    let gone = facts(shell.0.id()).executable.clone().unwrap();
    fs::copy("/bin/cat", &program).unwrap();
    let another = facts(shell.0.id()).executable.clone().unwrap();
    for behind in [gone, another] {
        assert_eq!(behind.sha256, before.sha256);
        assert!(!behind.path.starts_with(&folder) && behind.path.is_relative(), "{behind:?}");
        assert!(!behind.only_root_writes);
    }
    assert_eq!(before.sha256.as_deref(), Some(&*sha256(Path::new("/bin/sh"))));
}

#[test]
fn a_file_that_is_written_to_again_at_once_is_counted_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().canonicalize().unwrap().join("shell");
    let found = [&[][..], b"#", b"%"].map(|tail| {
        let mut bytes = fs::read("/bin/sh").unwrap();
        bytes.extend(tail);
        fs::write(&program, bytes).unwrap();
        fs::set_permissions(&program, fs::metadata("/bin/sh").unwrap().permissions()).unwrap();
        let shell = Running::shell(&program);
        let executable = facts(shell.0.id()).executable.clone().unwrap();
        drop(shell);
        assert_eq!(executable.sha256.as_deref(), Some(&*sha256(&program)));
        executable.sha256
    });
    assert!(found[0] != found[1] && found[1] != found[2]);
}

#[test]
fn an_orphan_has_no_parents_but_those_of_its_session() {
    // The shell between ends, and somebody takes the orphan over.
    let mut shell = Running::shell(Path::new("/bin/sh"));
    let said = shell.told("sh -c 'sleep 300 >&- & echo $! $$'");
    let (orphan, between) = said.split_once(' ').unwrap();
    let (orphan, between): (u32, u32) = (orphan.parse().unwrap(), between.parse().unwrap());
    let mark = started_at(orphan);
    assert!(mark.is_some());
    until(|| crate::system::parent(orphan).is_some_and(|parent| parent != between));
    // A session's own subreaper may take it over; whoever is outside of it does not count.
    let parents = facts(orphan).parents.clone();
    assert!(parents.iter().all(|one| one.pid != between && one.pid != shell.0.id()), "{parents:?}");
    // A leader of its own session stands for itself.
    let leader: u32 = shell.told("setsid sleep 300 >&- & echo $!").parse().unwrap();
    until(|| facts(leader).parents.is_empty());
    shell.told(&format!("kill {orphan} {leader}; echo done"));
}

#[test]
fn of_a_process_that_ended_nothing_is_said() {
    let mut shell = Running::shell(Path::new("/bin/sh"));
    let pin = pin(&Peer { uid: own_uid(), pid: Some(shell.0.id()), ..Peer::default() }.examined());
    shell.0.kill().unwrap();
    shell.0.wait().unwrap();
    assert_eq!(*pin.unwrap().facts(), Verified::default());
}
