//! Whose end of a TCP connection it is, asked of the kernel for that very connection (sock_diag(7)): one
//! datagram there and one back, however many connections the machine has. Needs no privilege.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// linux/sock_diag.h, linux/netlink.h, linux/in.h and net/tcp_states.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const IPPROTO_TCP: u8 = 6;
const TCP_LISTEN: u8 = 10;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// `struct nlmsghdr` and `struct inet_diag_req_v2`.
const HEAD: usize = 16;
const REQUEST: usize = HEAD + 56;
/// Where `struct inet_diag_msg` begins its `id`, and what follows it.
const ID: usize = HEAD + 4;
const UID: usize = HEAD + 64;
const INODE: usize = HEAD + 68;
const ANSWER: usize = HEAD + 72;

/// A socket's owner, and the number that its holders know it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) inode: u64,
}

/// Who holds the socket whose own end is `peer` and whose far end is `local`. `None`: there is
/// none, or nobody holds it any more.
pub(super) fn owner(local: SocketAddr, peer: SocketAddr) -> io::Result<Option<Owner>> {
    let flags = SocketFlags::CLOEXEC;
    let family = AddressFamily::NETLINK;
    let socket = socket_with(family, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
    sendto(&socket, &request(peer, local), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    // The kernel answers within the call above.
    let mut answer = [0_u8; 1024];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::DONTWAIT)?;
    read(answer.get(..length).unwrap_or_default(), peer, local)
}

fn request(near: SocketAddr, far: SocketAddr) -> [u8; REQUEST] {
    let mut bytes = [0_u8; REQUEST];
    let mut put = |at: usize, part: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
    };
    put(0, &(REQUEST as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &NLM_F_REQUEST.to_ne_bytes());
    let family = if near.ip().to_canonical().is_ipv4() { AF_INET } else { AF_INET6 };
    put(HEAD, &[family, IPPROTO_TCP]);
    // In any state.
    put(HEAD + 4, &u32::MAX.to_ne_bytes());
    put(HEAD + 8, &near.port().to_be_bytes());
    put(HEAD + 10, &far.port().to_be_bytes());
    put(HEAD + 12, octets(near.ip()).as_slice());
    put(HEAD + 28, octets(far.ip()).as_slice());
    // No cookie is known (INET_DIAG_NOCOOKIE).
    put(HEAD + 48, &[0xff; 8]);
    bytes
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn read(answer: &[u8], near: SocketAddr, far: SocketAddr) -> io::Result<Option<Owner>> {
    let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let word = |at: usize| {
        let bytes = answer.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    let kind = answer.get(4..6).and_then(|two| two.try_into().ok()).map(u16::from_ne_bytes);
    if kind == Some(NLMSG_ERROR) {
        let code = word(HEAD).ok_or_else(short)? as i32;
        return match Errno::from_raw_os_error(code.saturating_neg()) {
            Errno::NOENT => Ok(None),
            error => Err(error.into()),
        };
    }
    if answer.len() < ANSWER || kind != Some(SOCK_DIAG_BY_FAMILY) {
        return Err(short());
    }
    // Where there is no such connection the kernel tells of a listener on its port.
    let listens = answer.get(HEAD + 1) == Some(&TCP_LISTEN);
    let ports = [near.port().to_be_bytes(), far.port().to_be_bytes()].concat();
    let same = answer.get(ID..ID + 4) == Some(ports.as_slice());
    // Inode 0: nobody holds the socket, and the uid then says 0 whoever held it.
    let held = word(INODE).filter(|inode| *inode != 0);
    let owner = word(UID).zip(held).map(|(uid, inode)| Owner { uid, inode: inode.into() });
    Ok(owner.filter(|_| same && !listens))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn ends(bind: &str) -> Option<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind(bind).ok()?;
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Some((listener.accept().unwrap().0, client))
    }

    #[test]
    fn the_kernel_names_the_holder_of_that_very_connection_in_both_families() {
        let own = rustix::process::getuid().as_raw();
        for bind in ["127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            let Some((server, client)) = ends(bind) else { continue };
            let (local, peer) = (server.local_addr().unwrap(), server.peer_addr().unwrap());
            assert_eq!(owner(local, peer).unwrap().map(|one| one.uid), Some(own), "{bind}");
            let elsewhere = SocketAddr::new(peer.ip(), 1);
            assert_eq!(owner(local, elsewhere).unwrap(), None, "{bind}: no such connection");
            drop((client, server));
            // A child that another test starts holds what is open until it is another program.
            let end = Instant::now() + Duration::from_secs(10);
            while owner(local, peer).unwrap().is_some() {
                assert!(Instant::now() < end, "{bind}: nobody holds it any more");
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_listener_on_the_peer_s_port_is_not_the_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        assert_eq!(owner("127.0.0.1:9".parse().unwrap(), here).unwrap(), None);
    }

    #[test]
    fn what_the_kernel_cannot_answer_is_an_error_and_no_answer() {
        let at: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let error = |code: i32| {
            let mut bytes = [0_u8; 36];
            bytes[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
            bytes[16..20].copy_from_slice(&code.to_ne_bytes());
            read(&bytes, at, at)
        };
        assert_eq!(error(-Errno::NOENT.raw_os_error()).unwrap(), None);
        let failed = error(-Errno::OPNOTSUPP.raw_os_error()).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::Unsupported);
        assert!(read(&[], at, at).is_err());
    }
}
