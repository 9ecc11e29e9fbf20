//! D-Bus server addresses (D-Bus Specification, "Server Addresses"), as far as a session bus of this
//! machine can have one. Decides nothing, opens nothing.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A socket of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Path(PathBuf),
    /// A name without a file (`unix(7)`).
    Abstract(Vec<u8>),
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "unix:path={}", path.display()),
            Self::Abstract(name) => write!(f, "unix:abstract={}", String::from_utf8_lossy(name)),
        }
    }
}

/// The sockets that an address names, in its order. `disabled:`, `autolaunch:`, another machine's port
/// and a program to run are none.
pub(super) fn sockets(address: &str) -> Vec<Socket> {
    address.split(';').filter_map(socket).collect()
}

fn socket(one: &str) -> Option<Socket> {
    let options = one.strip_prefix("unix:")?.split(',').filter_map(|option| option.split_once('='));
    options.into_iter().find_map(|(key, value)| {
        let value = unescaped(value)?;
        match key {
            "path" => {
                let path = PathBuf::from(OsString::from_vec(value));
                path.is_absolute().then_some(Socket::Path(path))
            }
            "abstract" => (!value.is_empty()).then_some(Socket::Abstract(value)),
            _ => None,
        }
    })
}

/// `%XX` is a byte; everything else stands for itself.
fn unescaped(value: &str) -> Option<Vec<u8>> {
    let mut bytes = value.bytes();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let hex = [bytes.next()?, bytes.next()?];
        plain.push(u8::from_str_radix(str::from_utf8(&hex).ok()?, 16).ok()?);
    }
    (!plain.contains(&0)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_sockets_of_this_machine_and_nothing_else_counts() {
        let path = |text: &str| Socket::Path(PathBuf::from(text));
        for (address, expected) in [
            ("unix:path=/run/user/1000/bus", vec![path("/run/user/1000/bus")]),
            ("unix:path=/tmp/dbus%2dX%20y,guid=1f", vec![path("/tmp/dbus-X y")]),
            ("unix:guid=1f,path=/tmp/b", vec![path("/tmp/b")]),
            ("unix:abstract=/tmp/dbus-1", vec![Socket::Abstract(b"/tmp/dbus-1".to_vec())]),
            ("autolaunch:;unix:path=/a;unix:path=/b", vec![path("/a"), path("/b")]),
            ("", vec![]),
            ("disabled:", vec![]),
            ("autolaunch:", vec![]),
            ("autolaunch:scope=*user", vec![]),
            ("tcp:host=127.0.0.1,port=4711", vec![]),
            ("unixexec:path=/bin/true", vec![]),
            ("unix:tmpdir=/tmp", vec![]),
            ("unix:path=bus", vec![]),
            ("unix:path=", vec![]),
            ("unix:abstract=", vec![]),
            ("unix:path=/a%2", vec![]),
            ("unix:path=/a%zz", vec![]),
            ("unix:path=/a%00", vec![]),
            ("/run/user/1000/bus", vec![]),
        ] {
            assert_eq!(sockets(address), expected, "{address}");
        }
    }
}
