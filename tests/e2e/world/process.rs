//! One child process: its output is read as it comes, it is waited for with a deadline, and it is
//! dead once it is dropped.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::argv;
use crate::wait::{PATIENCE, within};

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The exit code; a signal counts as 128 + n, as in a shell.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: String,
    child: Child,
    pub(crate) stdout: Arc<Captured>,
    pub(crate) stderr: Arc<Captured>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Standard input stays as the command has it.
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Self {
        argv::watch();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        argv::look_at(child.id());
        let (stdout, out) = Captured::follow(child.stdout.take().unwrap());
        let (stderr, err) = Captured::follow(child.stderr.take().unwrap());
        Self { name: name.to_owned(), child, stdout, stderr, readers: vec![out, err] }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("spawned with a pipe for its standard input")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end and takes what was said.
    pub(crate) fn ended(&mut self) -> Ended {
        self.ended_within(PATIENCE)
    }

    pub(crate) fn ended_within(&mut self, deadline: Duration) -> Ended {
        let status = within(deadline, || self.child.try_wait().unwrap()).unwrap_or_else(|| {
            panic!("{} still runs after {deadline:?}: {}", self.name, self.stderr.text())
        });
        // A grandchild may hold the pipes open: then what was read so far has to do.
        for reader in self.readers.drain(..) {
            if within(PATIENCE, || reader.is_finished().then_some(())).is_some() {
                reader.join().unwrap();
            }
        }
        Ended { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    /// `kill -9`, and gone when this returns.
    pub(crate) fn kill(&mut self) -> Ended {
        if !self.is_over() {
            self.signal(Signal::KILL);
        }
        self.ended()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Nothing to add where it ended in between.
            let _gone_already = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

/// One pipe's text so far.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    text: Mutex<(String, bool)>,
    changed: Condvar,
}

impl Captured {
    fn follow(mut pipe: impl Read + Send + 'static) -> (Arc<Self>, JoinHandle<()>) {
        let captured = Arc::new(Self::default());
        let ours = Arc::clone(&captured);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0_u8; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..count]);
                ours.text.lock().unwrap().0.push_str(&text);
                ours.changed.notify_all();
            }
            ours.text.lock().unwrap().1 = true;
            ours.changed.notify_all();
        });
        (captured, reader)
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().0.clone()
    }

    /// Waits until `found` sees in the text what it looks for.
    pub(crate) fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut guard = self.text.lock().unwrap();
        loop {
            if let Some(value) = found(&guard.0) {
                return value;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || guard.1 {
                let (text, over) = guard.clone();
                drop(guard);
                panic!("no {what} (over: {over}) in:\n{text}");
            }
            guard = self.changed.wait_timeout(guard, left).unwrap().0;
        }
    }
}
