//! What nobody here wrote, built from its Go module (`tests/foreign`): a collector that the ledger is shipped to, a
//! witness that cosigns it, a reader of its log. For `cargo task collector` and `cargo task witness`, which build
//! them and say where they are.

mod collected;
mod cosigned;
mod forger;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use crate::wait::until;
use crate::world::Process;

/// One of those programs.
fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("DAGPASS_FOREIGN");
    let folder = folder.expect("`cargo task collector` and `cargo task witness` run this");
    Path::new(&folder).join(name)
}

/// One that nobody has, for a program that does not tell which one it took.
fn a_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn is_up(process: &mut Process, port: u16) {
    until(&process.name.clone(), || {
        assert!(!process.is_over(), "{}: {}", process.name, process.stderr.text());
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(())
    });
}
