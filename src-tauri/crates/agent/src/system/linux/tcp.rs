//! Who is at the other end of a TCP connection, and who listens on a port. The kernel is asked for the one
//! connection; where it takes no such question, its whole table in `/proc/net` is read.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::sock_diag::{self, Owner};

/// Whose process holds the far end of a loopback connection? `local` is our end, `peer` the other.
/// `None`: no such connection, or nobody holds it any more. May read long tables: not for a thread that
/// others wait for.
pub fn tcp_peer_uid(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    holder(local, peer).map(|owner| owner.uid)
}

/// The processes that hold the far end of it, as far as they can be seen: several where it was inherited. `None`
/// where the system does not tell. As slow as a look at every open file of the user's.
pub fn tcp_peer_processes(local: SocketAddr, peer: SocketAddr) -> Option<Vec<u32>> {
    let Some(Owner { inode, .. }) = holder(local, peer) else { return Some(Vec::new()) };
    let all = fs::read_dir("/proc").ok()?.flatten();
    Some(all.filter_map(|process| holds(&process, inode)).collect())
}

/// The number of a process that has that socket open.
fn holds(process: &fs::DirEntry, inode: u64) -> Option<u32> {
    let pid = process.file_name().to_str()?.parse().ok()?;
    let socket = format!("socket:[{inode}]");
    let files = fs::read_dir(process.path().join("fd"));
    let links = files.into_iter().flatten().flatten();
    let mut targets = links.filter_map(|file| fs::read_link(file.path()).ok());
    targets.any(|to| to.as_os_str() == socket.as_str()).then_some(pid)
}

fn holder(local: SocketAddr, peer: SocketAddr) -> Option<Owner> {
    match sock_diag::owner(local, peer) {
        Ok(found) => found,
        Err(error) => {
            tracing::trace!(%error, "the kernel does not tell of one connection");
            in_tables(local, peer)
        }
    }
}

fn in_tables(local: SocketAddr, peer: SocketAddr) -> Option<Owner> {
    // An IPv6 socket may speak IPv4, so both tables are read.
    TABLES.iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        owner(&text, local, peer)
    })
}

const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The row is the peer's own: its local address is `peer`.
fn owner(table: &str, local: SocketAddr, peer: SocketAddr) -> Option<Owner> {
    // A busy machine has thousands of rows: only those with the peer's port are looked at closely.
    let port = format!(":{:04X} ", peer.port());
    table.lines().skip(1).filter(|line| line.contains(&port)).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (near, far) = (address(fields.get(1)?)?, address(fields.get(2)?)?);
        let same = |a: SocketAddr, b: SocketAddr| {
            a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
        };
        if !same(near, peer) || !same(far, local) {
            return None;
        }
        // Inode 0: nobody holds the socket, and the uid column then says 0 whoever held it.
        let inode = fields.get(9)?.parse().ok().filter(|inode| *inode != 0)?;
        Some(Owner { uid: fields.get(7)?.parse().ok()?, inode })
    })
}

/// Whose program takes connections at `place`; `None` where none is seen that does.
pub fn listener_uid(place: SocketAddr) -> Option<u32> {
    TABLES.iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| listener(line, place)).map(|(_, uid)| uid)
    })
}

/// Who listens where we would, for an error that names it: `pid 4711 (name)`, or `a program of uid 1001`
/// where it is another user's, whose open files cannot be seen.
pub fn listener_holder(place: SocketAddr) -> Option<String> {
    let (inode, uid) = TABLES.iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| listener(line, place))
    })?;
    let mut all = fs::read_dir("/proc").ok()?.flatten();
    let Some(pid) = all.find_map(|process| holds(&process, inode)) else {
        return Some(format!("a program of uid {uid}"));
    };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("pid {pid} ({})", name.trim()))
}

/// Inode and uid, where the row is a listener that stands in the way of one at `place`.
fn listener(row: &str, place: SocketAddr) -> Option<(u64, u32)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = row.split_ascii_whitespace().collect();
    let near = address(fields.get(1)?)?;
    let in_the_way = near.ip().to_canonical() == place.ip() || near.ip().is_unspecified();
    if near.port() != place.port() || !in_the_way || fields.get(3)? != &LISTEN {
        return None;
    }
    Some((fields.get(9)?.parse().ok()?, fields.get(7)?.parse().ok()?))
}

/// `0100007F:1F90`: each 32-bit word of the address in the machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for at in (0..host.len()).step_by(8) {
        let word = u32::from_str_radix(host.get(at..at + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_connection_is_read_from_the_peers_own_row() {
        let server: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let client: SocketAddr = "127.0.0.1:40000".parse().unwrap();
        let row = |near: &str, far: &str, uid: u32, inode: u32| {
            format!("header\n 0: {near} {far} 01 0:0 00:0 0 {uid} 0 {inode} 1\n")
        };
        let (a, b) = ("0100007F:9C40", "0100007F:1F90");
        let mapped =
            ("0000000000000000FFFF00000100007F:9C40", "0000000000000000FFFF00000100007F:1F90");
        for (case, table, expected) in [
            ("own row", row(a, b, 1000, 55), Some(1000)),
            ("our own end", row(b, a, 1000, 55), None),
            ("no longer held", row(a, b, 0, 0), None),
            ("IPv4 over an IPv6 socket", row(mapped.0, mapped.1, 7, 55), Some(7)),
            ("broken line", "header\n 0: zz".to_owned(), None),
        ] {
            let found = owner(&table, server, client).map(|owner| owner.uid);
            assert_eq!(found, expected, "{case}");
        }
    }

    #[test]
    fn the_table_tells_the_same_as_the_kernel_asked_for_one() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = server.local_addr().unwrap();
        let client = std::net::TcpStream::connect(place).unwrap();
        let peer = client.local_addr().unwrap();
        assert_eq!(in_tables(place, peer), holder(place, peer));
        assert!(in_tables(place, peer).is_some());
        assert_eq!(listener_uid(place), in_tables(place, peer).map(|owner| owner.uid));
        assert_eq!(listener_uid(peer), None);
        let own = std::process::id();
        assert!(tcp_peer_processes(place, peer).unwrap().contains(&own));
        let nobody_s = tcp_peer_processes(place, SocketAddr::new(peer.ip(), 1));
        assert_eq!(nobody_s, Some(Vec::new()));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_holder_is_one_that_listens_on_that_address_or_on_all() {
        let row = |near: &str, state: &str| {
            format!(" 0: {near}:1F90 00000000:0000 {state} 0:0 00:0 0 1001 0 77 1")
        };
        let (one, any) = ("00000000000000000000000001000000", "00000000000000000000000000000000");
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        for (case, row, place, held) in [
            ("[::1]", row(one, "0A"), "[::1]:8080", true),
            ("[::]", row(any, "0A"), "[::1]:8080", true),
            ("[::] for both", row(any, "0A"), "127.0.0.1:8080", true),
            ("127.0.0.1", row("0100007F", "0A"), "[::1]:8080", false),
            (
                "[::ffff:127.0.0.1]",
                row("0000000000000000FFFF00000100007F", "0A"),
                "127.0.0.1:8080",
                true,
            ),
            ("another address", row("0101A8C0", "0A"), "127.0.0.1:8080", false),
            ("another port", row(one, "0A"), "[::1]:8081", false),
            ("a connection", row(one, "01"), "[::1]:8080", false),
        ] {
            assert_eq!(listener(&row, at(place)), held.then_some((77, 1001)), "{case}");
        }
    }
}
