//! A private D-Bus with, or without, a gnome-keyring on it: the keychain of one world.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::process::Process;
use crate::wait::until;

/// What unlocks the keyring. A secret like any other: the scan looks for it.
pub(crate) const KEYRING_PASSWORD: &str = "correct horse battery staple 4711";

const SECRETS: &str = "org.freedesktop.secrets";

#[derive(Debug)]
pub(crate) struct Bus {
    pub(crate) address: String,
    root: PathBuf,
    keyring: Option<Process>,
    _daemon: Process,
}

impl Bus {
    /// The machine's own bus, where [`super::World::command`] looks for it.
    pub(crate) fn system(root: &Path) -> Self {
        std::fs::create_dir_all(root.join("run/system")).unwrap();
        Self::at(root, &root.join("run/system/bus"))
    }

    /// A bus that starts nothing by itself, so that an absent service stays absent.
    pub(crate) fn start(root: &Path) -> Self {
        Self::at(root, &root.join("run/bus"))
    }

    fn at(root: &Path, socket: &Path) -> Self {
        let address = format!("unix:path={}", socket.display());
        let config = socket.with_extension("conf");
        let text = format!(
            "<busconfig><type>session</type><listen>{address}</listen><policy context=\"default\">\
             <allow user=\"*\"/><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
             <allow own=\"*\"/></policy></busconfig>"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.arg("--nofork").arg("--nopidfile").arg("--print-address=1");
        command.arg(format!("--config-file={}", config.display())).stdin(Stdio::null());
        let daemon = Process::spawn("dbus-daemon", &mut command);
        daemon.stdout.wait_for("bus address", |text| text.contains('\n').then_some(()));
        Self { address, root: root.to_owned(), keyring: None, _daemon: daemon }
    }

    /// Starts gnome-keyring with its login collection open; made at the first start.
    pub(crate) fn start_keyring(&mut self) {
        self.start_keyring_with(KEYRING_PASSWORD);
        until("the default keyring", || {
            self.ask("ReadAlias", &["default"]).contains("/collection/").then_some(())
        });
    }

    /// With another password than the one that made it, the keyring comes up locked.
    pub(crate) fn start_keyring_with(&mut self, password: &str) {
        let mut command = self.client("gnome-keyring-daemon");
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        command.arg(format!("--control-directory={}", self.root.join("run/keyring").display()));
        let mut keyring = Process::spawn("gnome-keyring-daemon", command.stdin(Stdio::piped()));
        std::io::Write::write_all(&mut keyring.stdin(), password.as_bytes()).unwrap();
        self.keyring = Some(keyring);
        let mut wait = self.client("gdbus");
        wait.args(["wait", "--session", "--timeout", "20", SECRETS]);
        Process::spawn("gdbus wait", &mut wait).ended().expect(0);
    }

    pub(crate) fn stop_keyring(&mut self) {
        self.keyring.take().expect("a keyring runs").kill();
    }

    pub(crate) fn lock(&self) {
        let answer = self.ask("Lock", &["['/org/freedesktop/secrets/collection/login']"]);
        assert!(answer.contains("/collection/login"), "not locked: {answer}");
    }

    pub(crate) fn freeze(&self) {
        self.keyring.as_ref().expect("a keyring runs").signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.keyring.as_ref().expect("a keyring runs").signal(Signal::CONT);
    }

    fn ask(&self, method: &str, arguments: &[&str]) -> String {
        let mut call = self.client("gdbus");
        call.args(["call", "--session", "--timeout", "20", "--dest", SECRETS]);
        call.args(["--object-path", "/org/freedesktop/secrets", "--method"]);
        call.arg(format!("org.freedesktop.Secret.Service.{method}")).args(arguments);
        Process::spawn("gdbus call", &mut call).ended().stdout
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let home = self.root.join("home");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home).env("XDG_DATA_HOME", home.join(".local/share"));
        command.env("XDG_RUNTIME_DIR", self.root.join("run"));
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).stdin(Stdio::null());
        command
    }
}
