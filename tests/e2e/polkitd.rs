//! A real polkit on a private system bus, with the packages' own file for it or none, and a terminal of Ada's, who
//! has a password. polkit's folders are fixed, and so is where its helper looks for passwords and for the bus: the
//! kernel shows it and the terminal others there (a mount namespace each), which takes root.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::foreign_home::ADA;
use crate::wait::until;
use crate::world::{Bus, Process, World};

/// What Ada types. A secret like any other: the scan looks for it.
pub(crate) const PASSWORD: &str = "ada's own sesame 4711";
/// Where a bus is looked for by whoever is told nothing else.
const BUS: &str = "/run/dbus";
const POLKITD: &str = "/usr/lib/polkit-1/polkitd";
const ACTIONS: &str = "/usr/share/polkit-1/actions";
const RULES: &str = "/usr/share/polkit-1/rules.d";
/// As the packages bring it.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src-tauri/packages/dev.dagpass.policy");

/// Shows what stands in `$1` at `$2`, and so on, and becomes what is behind `--`.
const SHOWING: &str = "while test \"$1\" != --; do mount --bind \"$1\" \"$2\" || exit 9; shift 2; done; \
                       shift; exec \"$@\"";

#[derive(Debug)]
pub(crate) struct Polkit {
    daemon: RefCell<Process>,
    folder: PathBuf,
    _bus: Bus,
}

impl Polkit {
    /// `shipped`: our package is installed. `rules`: what an administrator wrote, in polkit's JavaScript.
    pub(crate) fn start(world: &World, shipped: bool, rules: &str) -> Self {
        let bus = Bus::system(world.root());
        let folder = world.root().join("run/system");
        fs::set_permissions(folder.join("bus"), fs::Permissions::from_mode(0o666)).unwrap();
        symlink("bus", folder.join("system_bus_socket")).unwrap();
        for name in ["actions", "rules"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        if shipped {
            fs::copy(SHIPPED, folder.join("actions/dev.dagpass.policy")).unwrap();
        }
        fs::write(folder.join("rules/10-test.rules"), rules).unwrap();
        everybody_reads(&folder);
        let shown =
            [(&*folder, BUS), (&folder.join("actions"), ACTIONS), (&folder.join("rules"), RULES)];
        let mut command = showing(world, &shown, POLKITD);
        // It is nobody of the world's, and sees no further into it.
        command.env_remove("DBUS_SYSTEM_BUS_ADDRESS");
        let daemon = Process::spawn("polkitd", &mut command);
        daemon.stdout.wait_for("its name on the bus", |text| {
            text.contains("Acquired the name org.freedesktop.PolicyKit1").then_some(())
        });
        Self { daemon: RefCell::new(daemon), folder, _bus: bus }
    }

    pub(crate) fn said(&self) -> String {
        let daemon = self.daemon.borrow();
        daemon.stdout.text() + &daemon.stderr.text()
    }

    pub(crate) fn end(&self) {
        self.daemon.borrow_mut().kill();
    }

    /// Waits until what is typed at that program's terminal is not shown: what came before polkit's agent
    /// switched that off is thrown away with it.
    pub(crate) fn listens(&self, program: &Path) {
        until("polkit's question at the terminal", || {
            let terminal = terminal_of(program)?;
            let said = Command::new("stty").arg("-F").arg(terminal).arg("-a").output().unwrap();
            String::from_utf8_lossy(&said.stdout).contains("-echo ").then_some(())
        });
    }

    /// Types the line at a terminal of Ada's own; what is typed there comes from the process's standard input.
    pub(crate) fn terminal(&self, world: &World, line: &str) -> Command {
        let shadow = self.folder.join("shadow");
        let passwords = fs::read_to_string("/etc/shadow").unwrap();
        let hers = |line: &str| match line.strip_prefix("nobody:") {
            Some(_) => format!("nobody:{}:19000:0:99999:7:::\n", hashed()),
            None => format!("{line}\n"),
        };
        fs::write(&shadow, passwords.lines().map(hers).collect::<String>()).unwrap();
        fs::set_permissions(&shadow, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command =
            showing(world, &[(&shadow, "/etc/shadow"), (&self.folder, BUS)], "setpriv");
        let ada = ADA.to_string();
        command.args(["--reuid", &ada, "--regid", &ada, "--clear-groups"]);
        command.args(["script", "-q", "-e", "-c", line, "/dev/null"]).stdin(Stdio::piped());
        command
    }
}

/// Where that program, by its path, has its standard input from.
fn terminal_of(program: &Path) -> Option<PathBuf> {
    let own = program.as_os_str().as_encoded_bytes();
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let is_it = line.split(|byte| *byte == 0).next() == Some(own);
        let input = is_it.then(|| fs::read_link(entry.path().join("fd/0")).ok())??;
        input.starts_with("/dev/pts").then_some(input)
    })
}

fn showing(world: &World, shown: &[(&Path, &str)], program: &str) -> Command {
    let mut command = world.command("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", SHOWING, "sh"]);
    for (from, at) in shown {
        command.arg(from).arg(at);
    }
    command.arg("--").arg(program);
    command
}

fn everybody_reads(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            everybody_reads(&entry.path());
        }
    }
}

/// As /etc/shadow has it.
fn hashed() -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["passwd", "-6", "-stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut openssl = openssl.spawn().unwrap();
    std::io::Write::write_all(openssl.stdin.as_mut().unwrap(), PASSWORD.as_bytes()).unwrap();
    drop(openssl.stdin.take());
    String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}
