//! One port on both families of loopback: whoever held the other one would get half of what is meant for
//! `localhost`. Decides which failures say "taken" and which only that a family is not there.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// How often is another free port tried where the second family has the first one taken?
const ANY_PORT_ATTEMPTS: usize = 16;

/// What binds: the system, or a test in its stead.
pub(crate) type Bind = fn(SocketAddr) -> io::Result<TcpListener>;

/// Listeners that have one port, one for each family that the machine has.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) port: u16,
    pub(crate) listeners: Vec<TcpListener>,
}

/// Which of the two was not to be had, and why.
#[derive(Debug)]
pub(crate) struct NotBound {
    pub(crate) place: SocketAddr,
    pub(crate) cause: io::Error,
}

/// 0 is any port that is free on both; a fixed one is never exchanged for another. A machine without the
/// family that is not `needed` is no error.
pub(crate) fn bind_both(bind: Bind, port: u16, needed: IpAddr) -> Result<Both, NotBound> {
    let mut tried = bind_once(bind, port, needed);
    for _ in 1..ANY_PORT_ATTEMPTS {
        match &tried {
            Err(failed) if port == 0 && is_taken(&failed.cause) => {
                tried = bind_once(bind, port, needed);
            }
            Ok(_) | Err(_) => break,
        }
    }
    tried
}

fn bind_once(bind: Bind, wanted: u16, needed: IpAddr) -> Result<Both, NotBound> {
    let families = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let mut both = Both { port: wanted, listeners: Vec::new() };
    for ip in families {
        let place = SocketAddr::new(ip, both.port);
        let bound = bind(place).and_then(|one| Ok((one.local_addr()?.port(), one)));
        match bound {
            Ok((port, listener)) => {
                both.port = port;
                both.listeners.push(listener);
            }
            Err(cause) if ip != needed && is_absent(&cause) => {
                tracing::debug!(%ip, error = %cause, "this machine has no such loopback");
            }
            Err(cause) => return Err(NotBound { place, cause }),
        }
    }
    Ok(both)
}

/// Somebody has the port, or we may not have it.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}

/// EADDRNOTAVAIL where the family is switched off, EAFNOSUPPORT where the kernel does not know it.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

#[cfg(target_os = "linux")]
const NO_SUCH_FAMILY: i32 = 97;
#[cfg(target_os = "macos")]
const NO_SUCH_FAMILY: i32 = 47;
#[cfg(windows)]
const NO_SUCH_FAMILY: i32 = 10_047;

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn no_v6(place: SocketAddr) -> io::Result<TcpListener> {
        if place.is_ipv6() {
            Err(ErrorKind::AddrNotAvailable.into())
        } else {
            TcpListener::bind(place)
        }
    }

    fn unknown_v6(place: SocketAddr) -> io::Result<TcpListener> {
        if place.is_ipv6() {
            return Err(io::Error::from_raw_os_error(NO_SUCH_FAMILY));
        }
        TcpListener::bind(place)
    }

    fn taken_v6(place: SocketAddr) -> io::Result<TcpListener> {
        if place.is_ipv6() { Err(ErrorKind::AddrInUse.into()) } else { TcpListener::bind(place) }
    }

    fn odd_v6(place: SocketAddr) -> io::Result<TcpListener> {
        if place.is_ipv6() { Err(ErrorKind::OutOfMemory.into()) } else { TcpListener::bind(place) }
    }

    #[test]
    fn a_family_that_is_absent_is_left_out_and_one_that_is_held_is_an_error() {
        let absent: [(&str, Bind, IpAddr, Result<usize, IpAddr>); 6] = [
            ("switched off", no_v6, V4, Ok(1)),
            ("not in the kernel", unknown_v6, V4, Ok(1)),
            ("switched off, and needed", no_v6, V6, Err(V6)),
            ("held on every port", taken_v6, V4, Err(V6)),
            ("any other failure", odd_v6, V4, Err(V6)),
            ("both", TcpListener::bind, V4, Ok(2)),
        ];
        for (case, bind, needed, expected) in absent {
            if case == "both" && TcpListener::bind((V6, 0)).is_err() {
                continue;
            }
            let bound = bind_both(bind, 0, needed);
            let got = bound.map(|both| both.listeners.len()).map_err(|failed| failed.place.ip());
            assert_eq!(got, expected, "{case}");
        }
    }

    #[test]
    fn a_fixed_port_that_a_stranger_holds_on_one_family_is_not_had_at_all() {
        let Ok(stranger) = TcpListener::bind((V6, 0)) else { return };
        let port = stranger.local_addr().unwrap().port();
        let failed = bind_both(TcpListener::bind, port, V4).unwrap_err();
        assert_eq!(failed.place, SocketAddr::new(V6, port));
        assert_eq!(failed.cause.kind(), ErrorKind::AddrInUse);
        assert!(TcpListener::bind((V4, port)).is_ok(), "the half that was free is free again");
    }
}
