//! The inside of a container, by the kernel's own means: a network namespace without any network, a
//! mount namespace with the door's folder at `/run/dagpass` (read-only) and nothing else of `/run`,
//! and another uid in group 0, as Airflow's images run. Takes root; where we are not, the tests say so.

use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use crate::world::{Ended, Process, World};

/// Whom Airflow's images run as.
pub(super) const AIRFLOW: u32 = 50_000;

/// Mounts what `$1` (the door's folder), `$2` (our programs) and `$3` (the provider) name, and stays;
/// the folder is there to read (`ro`) or to write, as `$4` says.
const MOUNTS: &str = r#"set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/dagpass /run/bin /run/provider
mount --bind "$1" /run/dagpass
mount -o remount,bind,"$4" /run/dagpass
mount --bind "$2" /run/bin
mount --bind "$3" /run/provider
echo ready
exec sleep 600"#;

/// One raw request: prints the answer's first line and its last, or `nothing` where no byte came.
const RAW: &str = r#"import os, socket, sys
address, head = sys.argv[1], sys.argv[2].replace("|", "\r\n") + "\r\n\r\n"
if ":" in address:
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), 5)
else:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(address)
sock.settimeout(5)
got = b""
try:
    sock.sendall(head.replace("CAPABILITY", open("/run/dagpass/capability").read()).encode())
    while chunk := sock.recv(65536):
        got += chunk
except (BrokenPipeError, ConnectionResetError):
    pass
print(got.decode().split("\r\n")[0] if got else "nothing")"#;

/// A running container; gone when dropped.
#[derive(Debug)]
pub(super) struct Inside {
    holder: Process,
}

impl Inside {
    /// `None`, and a line that says why, where namespaces cannot be had.
    pub(super) fn start(world: &World, folder: &Path) -> Option<Self> {
        Self::start_mounted(world, folder, "ro")
    }

    /// As [`Self::start`], by somebody who mounted the folder for writing.
    pub(super) fn start_writable(world: &World, folder: &Path) -> Option<Self> {
        Self::start_mounted(world, folder, "rw")
    }

    fn start_mounted(world: &World, folder: &Path, how: &str) -> Option<Self> {
        if !rustix::process::getuid().is_root() {
            println!("not run: another uid and namespaces of its own take root");
            return None;
        }
        let programs = Path::new(env!("CARGO_BIN_EXE_dagpass")).parent().unwrap();
        let provider = Path::new(env!("CARGO_MANIFEST_DIR")).join("src-tauri/airflow");
        let mut command = world.command("unshare");
        command.args(["--net", "--mount", "sh", "-c", MOUNTS, "sh"]).current_dir("/");
        command.arg(folder).arg(programs).arg(provider).arg(how);
        let holder = Process::spawn("unshare", &mut command);
        holder.stdout.wait_for("the mounts", |text| text.contains("ready").then_some(()));
        Some(Self { holder })
    }

    pub(super) fn pid(&self) -> u32 {
        self.holder.pid()
    }

    /// Runs one program in there, with no variable of ours but those given.
    pub(super) fn run(&self, world: &World, uid: u32, words: &[&str]) -> Ended {
        self.begin(world, uid, words).ended()
    }

    /// As [`Self::run`], and does not wait for its end.
    pub(super) fn begin(&self, world: &World, uid: u32, words: &[&str]) -> Process {
        let mut command = world.command("nsenter");
        let (pid, uid) = (self.pid().to_string(), uid.to_string());
        command.args(["--target", &pid, "--net", "--mount", "setpriv", "--reuid", &uid]);
        command.args(["--regid", "0", "--clear-groups", "env", "-i", "HOME=/tmp", "LANG=C.UTF-8"]);
        command.args(["PATH=/usr/bin:/bin:/run/bin", "PYTHONPATH=/run/provider"]);
        command.args(["PYTHONDONTWRITEBYTECODE=1"]);
        command.args(words).current_dir("/").stdin(Stdio::null());
        Process::spawn("nsenter", &mut command)
    }

    /// The status line of one request that is written by hand; `|` ends a line in `head`.
    pub(super) fn raw(&self, world: &World, uid: u32, address: &str, head: &str) -> String {
        let ended = self.run(world, uid, &["/usr/bin/python3", "-c", RAW, address, head]);
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        let line = ended.stdout.trim().to_owned();
        world.keep("a raw request", ended);
        line.strip_prefix("HTTP/1.1 ").unwrap_or(&line).chars().take(7).collect::<String>()
    }

    /// As [`Self::raw`] on the mounted socket, right in all but what `more` adds.
    pub(super) fn ask(&self, world: &World, uid: u32, line: &str, more: &str) -> String {
        let head =
            format!("{line} HTTP/1.1|host: localhost|sec-dagpass: 1|connection: close{more}");
        self.raw(world, uid, "/run/dagpass/agent.sock", &head)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if !self.holder.is_over() {
            self.holder.signal(Signal::KILL);
        }
    }
}
