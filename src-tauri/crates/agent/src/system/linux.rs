//! Linux: processes by `/proc` and pidfd, the owner of a TCP connection by `/proc/net`. Asks nothing
//! that needs a privilege.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, pidfd_open, set_dumpable_behavior,
    setrlimit,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[path = "linux_pin.rs"]
mod pin;
pub use pin::Watched;
pub(super) use pin::{Image, image};

/// `sun_path`, its closing zero included (unix(7)).
pub(super) const SOCKET_PATH_LIMIT: usize = 108;

/// Keeps secrets out of core dumps and away from debuggers of the same user.
pub fn harden() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Clock ticks from boot to the start of the process (proc(5), `stat` field 22).
pub fn started_at(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.started_at)
}

/// Whose it is, by its real uid. The folder of a hardened process belongs to root, so its text is read.
pub fn owner_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next()?.parse().ok())
}

/// The process that started it, or the one that took it over.
pub fn parent(pid: u32) -> Option<u32> {
    Stat::of(pid).map(|stat| stat.parent)
}

/// What the process runs; ends in ` (deleted)` after an upgrade on disk.
pub fn executable(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Does this very process still run? A zombie does not, nor does a later one with the same pid.
pub fn process_alive(pid: u32, started_at: Option<u64>) -> bool {
    Stat::of(pid).is_some_and(|stat| {
        !matches!(stat.state, 'Z' | 'X')
            && started_at.is_none_or(|started_at| started_at == stat.started_at)
    })
}

/// Returns when this very process has ended, reaped or not; at once where it already has.
pub async fn ended(pid: u32, started_at: Option<u64>) {
    if let Some(watched) = watch(pid) {
        // Only now, so that the descriptor is known to stand for the same process.
        if !process_alive(pid, started_at) {
            return;
        }
        match watched.ready(Interest::READABLE).await {
            Ok(_) => return,
            Err(error) => tracing::warn!(pid, %error, "pidfd not awaited"),
        }
    }
    super::poll_until_ended(pid, started_at).await;
}

/// `None` where the process is gone, or descriptors are short.
fn watch(pid: u32) -> Option<AsyncFd<std::os::fd::OwnedFd>> {
    let known = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let descriptor = pidfd_open(known, PidfdFlags::empty()).ok()?;
    #[expect(unsafe_code, reason = "tokio cannot check that a descriptor stays open")]
    // SAFETY: the descriptor is owned by what is made here, and closed only with it.
    unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }.ok()
}

/// Whose process holds the far end of a loopback connection? `local` is our end, `peer` the other.
/// `None`: no such connection, or nobody holds it any more.
pub fn tcp_peer_uid(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    // An IPv6 socket may speak IPv4, so both tables are read.
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        owner(&text, local, peer)
    })
}

/// The row is the peer's own: its local address is `peer`.
fn owner(table: &str, local: SocketAddr, peer: SocketAddr) -> Option<u32> {
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
        let held = fields.get(9)? != &"0";
        held.then(|| fields.get(7)?.parse().ok())?
    })
}

/// Is `peer` in the network that our address `near` is in, by the kernel's routing table? `None` for
/// IPv6, whose table has another form, and where the address has no network of its own.
pub(super) fn on_link(near: IpAddr, peer: IpAddr) -> Option<bool> {
    let (IpAddr::V4(near), IpAddr::V4(peer)) = (near, peer) else { return None };
    same_network(&fs::read_to_string("/proc/net/route").ok()?, near, peer)
}

/// Of the networks without a gateway, the narrowest that holds `near` decides.
fn same_network(table: &str, near: Ipv4Addr, peer: Ipv4Addr) -> Option<bool> {
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let word = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
        let (network, gateway, mask) = (word(1)?, word(2)?, word(7)?);
        (gateway == 0 && mask != 0).then_some((network, mask))
    });
    // The table has addresses in the machine's byte order, as they lie in memory.
    let (near, peer) = (u32::from_ne_bytes(near.octets()), u32::from_ne_bytes(peer.octets()));
    let holding = rows.filter(|(network, mask)| near & mask == *network);
    let (network, mask) = holding.max_by_key(|(_, mask)| mask.count_ones())?;
    Some(peer & mask == network)
}

/// The process that listens on a TCP port of loopback, for an error that names it: `pid 4711 (name)`.
/// `None` where it is another user's, whose open files cannot be seen.
pub fn listener_holder(port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let near = address(fields.get(1)?)?;
            let ours = near.port() == port && fields.get(3)? == &LISTEN;
            ours.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
        })
    })?;
    let holds = |process: &fs::DirEntry| {
        let files = fs::read_dir(process.path().join("fd"));
        let links = files.into_iter().flatten().flatten();
        links
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|to| to.as_os_str() == inode.as_str())
    };
    let holder = fs::read_dir("/proc").ok()?.flatten().find(holds)?;
    let name = fs::read_to_string(holder.path().join("comm")).unwrap_or_default();
    Some(format!("pid {} ({})", holder.file_name().to_string_lossy(), name.trim()))
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

struct Stat {
    state: char,
    parent: u32,
    started_at: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in parentheses may hold spaces and parentheses of its own.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let started_at = fields.nth(17)?.parse().ok()?;
        Some(Self { state, parent, started_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardened_process_leaves_no_core_and_cannot_be_traced() {
        harden().unwrap();
        assert_eq!(rustix::process::getrlimit(Resource::Core).current, Some(0));
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert!(executable(std::process::id()).is_some(), "it still sees itself");
    }

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.state, stat.parent, stat.started_at), ('S', 3, 4242));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_neighbour_on_another_network_is_not_on_the_bridge() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
            eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n\
            eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n\
            wide 000010AC 00000000 0001 0 0 0 0000F0FF 0 0 0\n\
            docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0\n";
        let bridge = Ipv4Addr::new(172, 17, 0, 1);
        for (peer, expected) in [
            ([172, 17, 0, 2], Some(true)),
            ([192, 168, 1, 7], Some(false)),
            ([172, 18, 0, 2], Some(false)),
        ] {
            assert_eq!(same_network(table, bridge, peer.into()), expected, "{peer:?}");
        }
        let nowhere = Ipv4Addr::new(10, 9, 9, 9);
        assert_eq!(same_network(table, nowhere, nowhere), None);
    }

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
            assert_eq!(owner(&table, server, client), expected, "{case}");
        }
    }
}
