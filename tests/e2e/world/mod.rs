//! One hermetic world: its own home, run folder, D-Bus, keyring and agent. It ends with the secret
//! scan ([`World::close`]), and nothing of it outlives the test.

mod bus;
mod process;
pub(crate) mod program;

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use bus::{Bus, KEYRING_PASSWORD};
pub(crate) use process::{Ended, Process};

use crate::argv;
use crate::http::{self, Reply};
use crate::scan::{Place, Secret, Verdict, scan};
use crate::wait::until;

#[derive(Debug)]
pub(crate) struct World {
    root: TempDir,
    bus: Option<Bus>,
    agents: RefCell<Vec<Process>>,
    said: RefCell<Vec<Place>>,
    secrets: RefCell<Vec<Secret>>,
    extra: RefCell<Vec<(String, String)>>,
    closed: RefCell<bool>,
}

impl World {
    /// With a keyring that is open, as after a desktop login.
    pub(crate) fn new() -> Self {
        let mut world = Self::with_bus();
        world.bus().start_keyring();
        world
    }

    /// A bus, and no Secret Service on it.
    pub(crate) fn with_bus() -> Self {
        let mut world = Self::bare();
        world.bus = Some(Bus::start(world.root.path()));
        world
    }

    /// No session bus at all: an ssh box.
    pub(crate) fn bare() -> Self {
        let root = tempfile::Builder::new().prefix("dagpass-").tempdir().unwrap();
        for folder in ["run", "tmp", "home/.config", "home/.local/share/keyrings"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::set_permissions(root.path().join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        let world = Self {
            root,
            bus: None,
            agents: RefCell::default(),
            said: RefCell::default(),
            secrets: RefCell::default(),
            extra: RefCell::default(),
            closed: RefCell::new(false),
        };
        world.secret("the keyring's password", KEYRING_PASSWORD);
        world
    }

    pub(crate) fn bus(&mut self) -> &mut Bus {
        self.bus.as_mut().expect("this world has a bus")
    }

    pub(crate) fn bus_address(&self) -> String {
        self.bus.as_ref().expect("this world has a bus").address.clone()
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root().join("run/dagpass/agent.sock")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.home().join(".local/state/dagpass")
    }

    pub(crate) fn configure(&self, config: &str) {
        fs::write(self.root().join("config.toml"), config).unwrap();
    }

    /// One more variable for every program started from now on.
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.extra.borrow_mut().push((name.to_owned(), value.to_owned()));
    }

    /// Something the scan must not find.
    pub(crate) fn secret(&self, kind: &str, value: &str) {
        self.secrets.borrow_mut().push(Secret { kind: kind.to_owned(), value: value.to_owned() });
    }

    /// What the scan must not find, so far.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        self.secrets.borrow().clone()
    }

    /// A program of ours, or any other, in this world's environment.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let home = self.home();
        let mut command = Command::new(program);
        command.env_clear().current_dir(&home).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("LANG", "C.UTF-8").env("TMPDIR", self.root().join("tmp"));
        command.env("XDG_RUNTIME_DIR", self.root().join("run"));
        command.env("XDG_CONFIG_HOME", home.join(".config"));
        command.env("XDG_DATA_HOME", home.join(".local/share"));
        command.env("XDG_STATE_HOME", home.join(".local/state"));
        command.env("XDG_CACHE_HOME", home.join(".cache"));
        command.env("DAGPASS_CONFIG", self.root().join("config.toml"));
        command.env("DAGPASS_LOG", "trace").env("RUST_BACKTRACE", "1");
        // Nobody's real machine is asked about its sleep.
        let system = format!("unix:path={}", self.root().join("run/system/bus").display());
        command.env("DBUS_SYSTEM_BUS_ADDRESS", system);
        if let Some(bus) = &self.bus {
            command.env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        }
        command.envs(self.extra.borrow().iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts `dagpass-agent run` and waits until its socket answers.
    pub(crate) fn start_agent(&self) {
        self.await_agent(self.launch_agent());
    }

    /// As [`Self::start_agent`], by a program that becomes the agent.
    pub(crate) fn start_agent_by(&self, command: &mut Command) {
        self.await_agent(Process::spawn("dagpass-agent", command));
    }

    pub(crate) fn agent_pid(&self) -> u32 {
        self.agents.borrow().last().expect("an agent runs").pid()
    }

    fn await_agent(&self, mut agent: Process) {
        until("the agent's socket", || {
            if agent.is_over() {
                panic!("the agent is gone: {:?}", agent.ended());
            }
            UnixStream::connect(self.socket()).is_ok().then_some(())
        });
        self.agents.borrow_mut().push(agent);
        self.capability_is_secret();
    }

    /// As [`Self::start_agent`], and waits for nothing.
    pub(crate) fn launch_agent(&self) -> Process {
        let mut command = self.command(env!("CARGO_BIN_EXE_dagpass-agent"));
        Process::spawn("dagpass-agent", command.arg("run"))
    }

    pub(crate) fn signal_agent(&self, signal: Signal) {
        self.agents.borrow().last().expect("an agent runs").signal(signal);
    }

    pub(crate) fn agent_is_over(&self) -> bool {
        self.agents.borrow_mut().last_mut().expect("an agent ran").is_over()
    }

    /// `kill -9`.
    pub(crate) fn kill_agent(&self) {
        let mut agent = self.agents.borrow_mut().pop().expect("an agent runs");
        let ended = agent.kill();
        self.keep(&agent.name, ended);
    }

    /// As a session manager does at the end of a day.
    pub(crate) fn stop_agent(&self) {
        let mut agent = self.agents.borrow_mut().pop().expect("an agent runs");
        agent.signal(Signal::TERM);
        let ended = agent.ended();
        self.keep(&agent.name, ended);
    }

    /// The agent was ended by somebody else: waits for that and keeps what it said.
    pub(crate) fn forget_agent(&self) {
        let mut agent = self.agents.borrow_mut().pop().expect("an agent ran");
        let ended = agent.ended();
        self.keep(&agent.name, ended);
    }

    pub(crate) fn restart_agent(&self) {
        self.stop_agent();
        self.start_agent();
    }

    /// Runs `dagpass` to its end. All it says is scanned.
    pub(crate) fn cli(&self, args: &[&str]) -> Ended {
        let ended = self.cli_start(args).ended();
        self.keep_text(&format!("stdout of dagpass {}", args.join(" ")), &ended.stdout);
        self.keep_text(&format!("stderr of dagpass {}", args.join(" ")), &ended.stderr);
        ended
    }

    /// Starts `dagpass`, for a command that waits for a person.
    pub(crate) fn cli_start(&self, args: &[&str]) -> Process {
        let mut command = self.command(env!("CARGO_BIN_EXE_dagpass"));
        Process::spawn(&format!("dagpass {}", args.join(" ")), command.args(args))
    }

    /// The one command whose standard output is a secret: it is registered, not scanned.
    pub(crate) fn token(&self, args: &[&str]) -> Result<String, Ended> {
        let ended = self.cli_start(&[&["token"], args].concat()).ended();
        self.keep_text("stderr of dagpass token", &ended.stderr);
        if ended.code() != 0 {
            self.keep_text("stdout of dagpass token", &ended.stdout);
            return Err(ended);
        }
        let token = ended.stdout.trim_end().to_owned();
        self.secret("access token", &token);
        Ok(token)
    }

    /// One request on the agent's socket.
    pub(crate) fn api(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::on_socket(&self.socket(), method, path, &body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.agent_said()))
    }

    /// What the running agent has logged so far.
    pub(crate) fn agent_said(&self) -> String {
        self.agents.borrow().last().map(|agent| agent.stderr.text()).unwrap_or_default()
    }

    /// Keeps a program's output for the scan.
    pub(crate) fn keep(&self, name: &str, ended: Ended) {
        self.keep_text(&format!("stdout of {name}"), &ended.stdout);
        self.keep_text(&format!("stderr of {name}"), &ended.stderr);
    }

    pub(crate) fn keep_text(&self, name: &str, text: &str) {
        self.said.borrow_mut().push(Place { name: name.to_owned(), text: text.to_owned() });
    }

    /// Stops everything and fails where a secret was seen: the last line of every test.
    pub(crate) fn close(self) {
        while !self.agents.borrow().is_empty() {
            self.stop_agent();
        }
        *self.closed.borrow_mut() = true;
        match self.verdict() {
            Verdict::Clean { .. } => {}
            verdict => panic!("the secret scan: {verdict:?}"),
        }
    }

    /// The scan over all that was said, written and shown so far.
    pub(crate) fn verdict(&self) -> Verdict {
        *self.closed.borrow_mut() = true;
        let mut places = self.said.borrow().clone();
        for agent in self.agents.borrow().iter() {
            places.push(Place { name: "the agent's log".to_owned(), text: agent.stderr.text() });
        }
        files(self.root(), &mut places);
        for line in argv::all() {
            places.push(Place { name: "a command line".to_owned(), text: line });
        }
        scan(&self.secrets(), &places)
    }

    fn capability_is_secret(&self) {
        let file = self.socket().with_file_name("endpoint.json");
        let Ok(text) = fs::read_to_string(file) else { return };
        let endpoint: Value = serde_json::from_str(&text).unwrap();
        self.secret("capability", endpoint["capability"].as_str().unwrap());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.agents.borrow_mut().clear();
        end_strays(self.root());
        if !std::thread::panicking() {
            assert!(*self.closed.borrow(), "a test ended without its secret scan");
        }
    }
}

/// Everything on disk but what is made to hold a secret: `endpoint.json`, a container's `capability`
/// and a browser's profile.
fn files(folder: &Path, places: &mut Vec<Place>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && name != "tmp" {
            files(&path, places);
        } else if kind.is_file() && name != "endpoint.json" && name != "capability" {
            let bytes = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            places.push(Place { name: path.display().to_string(), text });
        }
    }
}

/// Ends what was started inside this world by somebody else than the test: an agent that the
/// command line started, a browser. They are ours because their environment names our folder.
fn end_strays(root: &Path) {
    let ours = root.as_os_str().as_encoded_bytes();
    let Ok(entries) = fs::read_dir("/proc") else { return };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if !environment.windows(ours.len()).any(|part| part == ours) {
            continue;
        }
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            // It may have ended in between, which is what we want.
            let _gone_already = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}
