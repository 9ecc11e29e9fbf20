//! macOS: processes by libproc. The owner of a TCP connection is not visible without a privilege.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use libproc::libproc::bsd_info::BSDInfo;
use libproc::libproc::proc_pid::{pidinfo, pidpath};
use rustix::process::{Resource, Rlimit, setrlimit};

/// `sun_path`, its closing zero included (unix(4)).
pub(super) const SOCKET_PATH_LIMIT: usize = 104;

/// `SZOMB` of `sys/proc.h`.
const ZOMBIE: u32 = 5;

/// Keeps secrets out of core dumps. Debuggers need the user's consent already.
pub fn harden() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Microseconds since 1970.
pub fn started_at(pid: u32) -> Option<u64> {
    info(pid).map(|info| start_mark(&info))
}

pub fn executable(pid: u32) -> Option<PathBuf> {
    pidpath(i32::try_from(pid).ok()?).ok().map(PathBuf::from)
}

/// Does this very process still run? A zombie does not, nor does a later one with the same pid.
pub fn process_alive(pid: u32, started_at: Option<u64>) -> bool {
    info(pid).is_some_and(|info| {
        info.pbi_status != ZOMBIE
            && started_at.is_none_or(|started_at| started_at == start_mark(&info))
    })
}

/// Returns when this very process has ended; at once where it already has.
pub async fn ended(pid: u32, started_at: Option<u64>) {
    super::poll_until_ended(pid, started_at).await;
}

/// `None` is "not visible": the capability alone decides here.
pub fn tcp_peer_uid(_local: SocketAddr, _peer: SocketAddr) -> Option<u32> {
    None
}

/// Not visible here: the error then names the port alone.
pub fn listener_holder(_port: u16) -> Option<String> {
    None
}

fn info(pid: u32) -> Option<BSDInfo> {
    pidinfo::<BSDInfo>(i32::try_from(pid).ok()?, 0).ok()
}

fn start_mark(info: &BSDInfo) -> u64 {
    info.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(info.pbi_start_tvusec)
}
