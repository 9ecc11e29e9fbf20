//! Linux: who owns a loopback listener, and whether systemd can start the agent.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "unix.rs"]
mod unix;

pub(crate) use unix::*;

use crate::place::Os;
use crate::wire::Endpoint;

pub(crate) const OS: Os = Os::Linux;

/// How many files may a process have open at most, by its hard limit?
const fn most_files(hard: Option<u64>) -> Option<u64> {
    hard
}

/// Another user may have taken the port since the agent died; the kernel's table says whose it is.
pub(crate) fn listener_is_ours(endpoint: &Endpoint) -> io::Result<bool> {
    let port = endpoint.port;
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    Ok(listener_uid(&table, port) == Some(uid()))
}

/// The uid column of the line that listens at 127.0.0.1:`port`.
fn listener_uid(table: &str, port: u16) -> Option<u32> {
    const LISTEN: &str = "0A";
    // The address is printed as one native word: 127.0.0.1 is 0100007F on little-endian machines.
    let address = format!("{:08X}:{port:04X}", u32::from_ne_bytes([127, 0, 0, 1]));
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let ours = fields.get(1) == Some(&address.as_str()) && fields.get(3) == Some(&LISTEN);
        ours.then(|| fields.get(7)?.parse().ok()).flatten()
    })
}

/// A command that has the user's systemd start the agent, where one runs. It inherits the variables
/// by name: a proxy's URL may hold a password, and arguments are for all to see.
pub(crate) fn service_command(program: &Path, names: &[&str]) -> Option<Command> {
    let runtime = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
    if !runtime.join("systemd/private").exists() {
        return None;
    }
    let mut command = Command::new("systemd-run");
    command.args(["--user", "--collect", "--quiet", "--unit=dagpass-agent"]);
    command.args(names.iter().map(|name| format!("--setenv={name}")));
    command.arg("--").arg(program).arg("run");
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0
   1: 0100007F:1F91 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0
   2: 00000000:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 3 1 0
   3: 0100007F:1F93 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 4 1 0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernel_says_whose_listener_it_is() {
        let cases = [(8080, Some(1000)), (8081, None), (8082, None), (8083, Some(1001)), (9, None)];
        for (port, uid) in cases {
            assert_eq!(listener_uid(TABLE, port), uid, "{port}");
        }
    }

    #[test]
    fn our_own_listener_is_found_in_the_real_table() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint {
            version: 1,
            pid: std::process::id(),
            port: listener.local_addr().unwrap().port(),
            capability: String::new().into(),
        };
        assert!(listener_is_ours(&endpoint).unwrap());
    }
}
