//! Our side: a home in a temporary folder, the sandbox as issuer, the agent with a key file as its
//! store, signed in. Everything ends with the value.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dagpass_client::wire::Endpoint;
use dagpass_sandbox::{Family, Options, Sandbox};
use tempfile::TempDir;

use crate::Outcome;
use crate::process::Daemon;

/// Longer than the benchmark: a refresh within a round would be measured as a slow request.
const TOKEN_SECONDS: i64 = 3600;
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) agent: Option<Daemon>,
    pub(crate) issuer: Issuer,
    home: TempDir,
}

/// The embedded look-alike of PingOne, in this process.
pub(crate) struct Issuer(Sandbox);

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issuer")
    }
}

impl Issuer {
    fn start() -> Outcome<Self> {
        let options = Options { auto_approve: Some("alice".to_owned()), ..Options::default() };
        let sandbox = Sandbox::try_start(Family::PingOne, options)?;
        sandbox.quirks(|quirks| {
            quirks.at_ttl = TOKEN_SECONDS;
            quirks.device_interval = 1;
        });
        Ok(Self(sandbox))
    }

    pub(crate) fn url(&self) -> String {
        self.0.issuer()
    }

    pub(crate) fn client(&self) -> &'static str {
        self.0.client_id()
    }
}

impl Stage {
    pub(crate) fn set() -> Outcome<Self> {
        let home = tempfile::Builder::new().prefix("dagpass-bench-").tempdir()?;
        fs::create_dir(home.path().join("run"))?;
        fs::set_permissions(home.path().join("run"), fs::Permissions::from_mode(0o700))?;
        let mut stage = Self { agent: None, issuer: Issuer::start()?, home };
        stage.configure()?;
        stage.start_agent()?;
        let signed_in = stage.dagpass(&["login"]).stdout(Stdio::null()).output()?;
        if !signed_in.status.success() {
            return Err(String::from_utf8_lossy(&signed_in.stderr).into_owned().into());
        }
        stage.token()?;
        Ok(stage)
    }

    pub(crate) fn start_agent(&mut self) -> Outcome<()> {
        self.agent = Some(Daemon::spawn(&mut self.agent_command())?);
        let until = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            if self.agent.as_mut().is_none_or(Daemon::is_over) || Instant::now() > until {
                return Err("the agent opened no socket".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    pub(crate) fn agent_command(&self) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_dagpass-agent"));
        command.arg("run");
        command
    }

    pub(crate) fn dagpass(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_dagpass"));
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Any program, seeing nothing of the person's own.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.home()).env("LANG", "C.UTF-8");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TMPDIR", self.home()).env("XDG_RUNTIME_DIR", self.home().join("run"));
        command.env("DAGPASS_CONFIG", self.home().join("config.toml"));
        command
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home().join("run/dagpass/agent.sock")
    }

    /// Where TCP is served, and what to present there.
    pub(crate) fn endpoint(&self) -> Outcome<Endpoint> {
        Ok(serde_json::from_slice(&fs::read(self.socket().with_file_name("endpoint.json"))?)?)
    }

    /// One token, so that what is measured afterwards is a warm answer.
    pub(crate) fn token(&self) -> Outcome<()> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&crate::load::request("localhost", None))?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        if &start == b"HTTP/1.1 200" { Ok(()) } else { Err("the agent gave no token".into()) }
    }

    fn configure(&self) -> Outcome<()> {
        let key = self.home().join("bench.key");
        let mut random = [0; 32];
        fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
        fs::write(&key, random)?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        let text = format!(
            r#"default-profile = "bench"

[profile.bench]
issuer = "{}"
client-id = "{}"
flow = "device"
scopes = ["openid", "profile", "airflow"]

[store]
kind = "key-file"
key-file = "bench.key"
"#,
            self.issuer.url(),
            self.issuer.client(),
        );
        Ok(fs::write(self.home().join("config.toml"), text)?)
    }
}
