//! Fact: the Windows agent, under Wine, signs in by device code at the independent provider, keeps
//! its record in Credential Manager across a kill, and serves by named pipe and TCP.
//!
//! Run by `cargo task windows`, which builds the programs and names them and the Wine prefix.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::idp::{Family, Idp, Setting};
use crate::scene::user_code;
use crate::wait::within;
use crate::world::{Ended, Process, World};

/// How long may one step take under Wine, where each program first starts a Windows?
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// As [`crate::wait::until`], with that patience.
pub(crate) fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, found).unwrap_or_else(|| panic!("still waiting after {PATIENCE:?}: {what}"))
}

#[derive(Debug)]
pub(crate) struct Wine {
    pub(crate) world: World,
    pub(crate) programs: PathBuf,
    state: PathBuf,
}

impl Wine {
    /// `None`, and a line that says so, where nobody built the programs.
    pub(crate) fn here() -> Option<Self> {
        let (Some(programs), Some(prefix)) =
            (std::env::var_os("DAGPASS_WINDOWS_PROGRAMS"), std::env::var_os("DAGPASS_WINE_PREFIX"))
        else {
            println!("skipped: `cargo task windows` builds the programs and runs this");
            return None;
        };
        let world = World::bare();
        let prefix = PathBuf::from(prefix);
        world.set("WINEPREFIX", prefix.to_str()?);
        for (name, value) in
            [("WINEDEBUG", "-all"), ("WINEDLLOVERRIDES", "mscoree,mshtml="), ("DISPLAY", "")]
        {
            world.set(name, value);
        }
        let config = format!("Z:{}", world.root().join("config.toml").display()).replace('/', "\\");
        world.set("DAGPASS_CONFIG", &config);
        let state = state_folder(&prefix);
        if state.exists() {
            std::fs::remove_dir_all(&state).unwrap();
        }
        Some(Self { world, programs: PathBuf::from(programs), state })
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = self.world.command("wine");
        command.arg(self.programs.join(program)).args(args);
        command
    }

    fn start_agent(&self) -> Process {
        let mut agent =
            Process::spawn("dagpass-agent.exe", &mut self.command("dagpass-agent.exe", &["run"]));
        agent.stderr.wait_for("line that the agent serves", |text| {
            text.contains("\"serving\"").then_some(())
        });
        assert!(!agent.is_over());
        agent
    }

    pub(crate) fn cli(&self, args: &[&str]) -> Ended {
        let ended = Process::spawn("dagpass.exe", &mut self.command("dagpass.exe", args)).ended();
        self.world.keep_text(&format!("stderr of dagpass.exe {}", args.join(" ")), &ended.stderr);
        ended
    }

    pub(crate) fn token(&self, args: &[&str]) -> String {
        let token = self.cli(args).expect(0).stdout.trim().to_owned();
        self.world.secret("access token", &token);
        token
    }

    /// Two requests on one connection through `dagpass.exe relay`, as a far side sends them.
    fn relayed_token(&self) -> String {
        let mut command = self.command("dagpass.exe", &["relay", "--no-start"]);
        let mut relay = Process::spawn("dagpass.exe relay", command.stdin(Stdio::piped()));
        let mut stdin = relay.stdin();
        let request = "POST /v1/token HTTP/1.1\r\nHost: localhost\r\nSec-Dagpass: 1\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        let mut answers = Vec::new();
        for count in 1..=2 {
            stdin.write_all(request.as_bytes()).unwrap();
            stdin.flush().unwrap();
            let body: Value = relay.stdout.wait_for("answer", |text| {
                let bodies = text.split("\r\n\r\n").skip(1);
                let body = bodies.filter(|body| body.starts_with('{')).nth(count - 1)?;
                serde_json::from_str(body).ok()
            });
            answers.push(body["access_token"].as_str().unwrap().to_owned());
        }
        drop(stdin);
        relay.ended().expect(0);
        assert_eq!(answers[0], answers[1]);
        answers.swap_remove(0)
    }

    fn sign_in(&self, idp: &Idp) {
        let mut command = self.command("dagpass.exe", &["login", "--device", "--no-start"]);
        let mut login = Process::spawn("dagpass.exe login", &mut command);
        let code = login.stderr.wait_for("user code", user_code);
        idp.approve(&code);
        let ended = login.ended();
        self.world.keep_text("stderr of dagpass.exe login", &ended.stderr);
        ended.expect(0);
    }

    /// What it wrote, for the scan; `endpoint.json` is made to hold a secret.
    pub(crate) fn keep_files(&self) {
        for entry in std::fs::read_dir(&self.state).unwrap().flatten() {
            let path = entry.path();
            if path.is_file() && entry.file_name() != "endpoint.json" {
                let bytes = std::fs::read(&path).unwrap_or_default();
                self.world.keep_text(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// `%LOCALAPPDATA%\dagpass` of whoever runs Wine.
fn state_folder(prefix: &Path) -> PathBuf {
    let users = prefix.join("drive_c/users");
    let ours = std::fs::read_dir(&users)
        .unwrap_or_else(|error| panic!("{}: {error}", users.display()))
        .flatten()
        .find(|entry| entry.file_name() != "Public")
        .expect("a Wine prefix has a user");
    ours.path().join("AppData/Local/dagpass/data")
}

#[test]
fn it_signs_in_outlives_a_kill_and_serves_by_pipe_and_tcp() {
    let Some(wine) = Wine::here() else { return };
    let idp = Idp::start(Setting::of(Family::PingOne));
    wine.world.configure(&idp.config(""));
    let mut agent = wine.start_agent();
    wine.sign_in(&idp);
    let first = wine.token(&["token", "--no-start"]);
    assert_eq!(idp.call_api(&first), 200);

    let mut second =
        Process::spawn("a second agent", &mut wine.command("dagpass-agent.exe", &["run"]));
    let refused = second.ended();
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("another agent"), "{}", refused.stderr);
    wine.world.keep("a second agent", refused);

    let killed = agent.kill();
    wine.world.keep("the killed agent", killed);
    let mut agent = until("the pipe to be free again", || {
        let again = wine.start_agent();
        Some(again)
    });
    let after = wine.token(&["token", "--no-start"]);
    assert_eq!(idp.call_api(&after), 200, "the record was in Credential Manager");

    let program = wine.programs.join("dagpass.exe");
    let program = format!("Z:{}", program.display()).replace('/', "\\");
    let in_a_run = wine.token(&["run", "--no-start", "--", &program, "token", "--no-start"]);
    assert_eq!(in_a_run, after, "the same bytes until near expiry");
    wine.world.set("DAGPASS_TCP", "1");
    assert_eq!(wine.token(&["token", "--no-start"]), after);

    assert_eq!(wine.relayed_token(), after, "by the relay that a WSL2 distribution starts");

    wine.cli(&["logout", "--no-start"]).expect(0);
    assert_eq!(idp.calls("endpoint=revocation").len(), 1);
    wine.cli(&["token", "--no-start"]).expect(3);
    wine.cli(&["agent", "stop"]).expect(0);
    let ended = agent.ended();
    wine.world.keep("the agent", ended);
    wine.keep_files();
    idp.give_secrets(&wine.world);
    wine.world.close();
}
