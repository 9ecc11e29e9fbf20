//! Linux: a peer's process by the handle that the kernel keeps with the connection (SO_PEERPIDFD, since
//! 6.5), which stands for that process whatever happens to its number; and the image that it runs.
#![expect(unsafe_code, reason = "rustix has no call for SO_PEERPIDFD")]

use std::fs;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A handle of the process, shared by all requests of its connection.
#[derive(Clone, Debug)]
pub struct Watched(Arc<OwnedFd>);

impl Watched {
    /// The process that connected. `None` on an older kernel: then its number and start have to do.
    pub fn peer_of(socket: impl AsFd) -> Option<Self> {
        let mut found: RawFd = -1;
        let mut size = libc::socklen_t::try_from(size_of::<RawFd>()).ok()?;
        // SAFETY: a place for one descriptor and its size; the kernel makes it close on exec.
        let got = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERPIDFD,
                (&raw mut found).cast(),
                &raw mut size,
            )
        };
        // SAFETY: the call gave us this descriptor, and nobody else has it.
        (got == 0 && found >= 0).then(|| Self(Arc::new(unsafe { OwnedFd::from_raw_fd(found) })))
    }

    /// A pidfd can be read once its process has ended, reaped or not.
    pub fn is_alive(&self) -> bool {
        let mut fds = [PollFd::new(&*self.0, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut fds, Some(&at_once)), Ok(0))
    }
}

/// Device and inode of what it runs.
pub(in crate::system) type Image = (u64, u64);

/// Also where the file was removed or replaced since.
pub(in crate::system) fn image(pid: u32) -> Option<Image> {
    let found = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some((found.dev(), found.ino()))
}
