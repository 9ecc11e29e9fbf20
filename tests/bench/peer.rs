//! The peer: Debian's `oidc-agent` with one account at the same issuer, in a home of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::process::Daemon;
use crate::stage::Stage;

const ACCOUNT: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) agent: Option<Daemon>,
    home: PathBuf,
}

impl Peer {
    /// An account by the device grant, as a person would make one.
    pub(crate) fn set(stage: &Stage) -> Outcome<Self> {
        if !Path::new("/usr/bin/oidc-agent").exists() {
            return Err("it is not installed (Debian package oidc-agent-cli)".into());
        }
        let home = stage.home().join("peer");
        for folder in ["", "oidc"] {
            fs::create_dir(home.join(folder))?;
            fs::set_permissions(home.join(folder), fs::Permissions::from_mode(0o700))?;
        }
        let mut peer = Self { agent: None, home };
        peer.start_agent()?;
        let mut make = peer.tool("/usr/bin/oidc-gen");
        make.arg(ACCOUNT).arg(format!("--iss={}", stage.issuer.url()));
        make.arg(format!("--client-id={}", stage.issuer.client())).arg("--client-secret=");
        make.args(["--scope=openid profile airflow offline_access", "--flow=device"]);
        make.args(["--prompt=none", "--pw-env", "--confirm-yes", "--no-url-call"]);
        let made = make.output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr).into_owned();
            return Err(format!("oidc-gen made no account: {}", said.trim()).into());
        }
        Ok(peer)
    }

    pub(crate) fn agent_command(&self) -> Command {
        let mut command = self.tool("/usr/bin/oidc-agent");
        command.args(["--console", "--quiet", "-a"]).arg(self.socket());
        command
    }

    /// What its user runs after a start: the account's file is decrypted (Argon2id) and loaded.
    pub(crate) fn unlock(&self) -> Outcome<()> {
        let added = self.tool("/usr/bin/oidc-add").args(["--pw-env", ACCOUNT]).output()?;
        if added.status.success() {
            Ok(())
        } else {
            Err("oidc-add did not load the account".into())
        }
    }

    pub(crate) fn token_command(&self) -> Command {
        let mut command = self.tool("/usr/bin/oidc-token");
        command.arg(ACCOUNT);
        command
    }

    /// Its plain protocol: one JSON object a connection, answered until the end.
    pub(crate) fn request() -> Vec<u8> {
        format!(
            r#"{{"request":"access_token","account":"{ACCOUNT}","min_valid_period":0,"application_hint":"bench"}}"#
        )
        .into_bytes()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home.join("agent.sock")
    }

    fn start_agent(&mut self) -> Outcome<()> {
        self.agent = Some(Daemon::spawn(&mut self.agent_command())?);
        let until = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            if self.agent.as_mut().is_none_or(Daemon::is_over) || Instant::now() > until {
                return Err("it opened no socket".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.home).env("TMPDIR", &self.home);
        command.env("OIDC_CONFIG_DIR", self.home.join("oidc")).env("OIDC_SOCK", self.socket());
        command.env("OIDC_ENCRYPTION_PW", "only for this run").stdin(Stdio::null());
        command
    }
}
