//! Linux: inotify tells what becomes of a socket's place. A watch is few bytes in the kernel and wakes
//! nobody; what it cannot see is looked for once in a while.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, timeout};

/// How often is the place looked at all the same? A folder further up may be moved or mounted over, and
/// a file server's other clients are not seen at all.
const LOOK: Duration = Duration::from_secs(60);
/// And where the system has no watch left for us?
const POLL: Duration = Duration::from_secs(2);

/// A socket's file and its folder.
#[derive(Debug)]
pub(in crate::system) struct PlaceWatch(Option<AsyncFd<OwnedFd>>);

impl PlaceWatch {
    /// Sees what happens from now on. Call it inside a runtime.
    pub(in crate::system) fn of(place: &Path) -> Self {
        let watch = watch(place).inspect_err(|error| {
            tracing::debug!(place = %place.display(), %error, "not watched: looked at instead");
        });
        Self(watch.ok().and_then(super::readable))
    }

    /// Returns when something may have become of it.
    pub(in crate::system) async fn changed(&self) {
        let Some(told) = &self.0 else { return sleep(POLL).await };
        match timeout(LOOK, told.readable()).await {
            Err(_elapsed) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "the watch is not awaited");
                sleep(POLL).await;
            }
            Ok(Ok(mut ready)) => {
                empty(ready.get_inner());
                ready.clear_ready();
            }
        }
    }
}

/// The file itself, whose last name may go or be given to another, and the folder, which may be moved.
fn watch(place: &Path) -> io::Result<OwnedFd> {
    let gone = WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF | WatchFlags::DONT_FOLLOW;
    let told = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    inotify::add_watch(&told, place, gone | WatchFlags::ATTRIB)?;
    if let Some(folder) = place.parent() {
        inotify::add_watch(&told, folder, gone | WatchFlags::ONLYDIR)?;
    }
    Ok(told)
}

/// What it was is not read: whoever is told looks at the place.
fn empty(told: &OwnedFd) {
    let mut events = [0_u8; 4096];
    loop {
        match rustix::io::read(told, &mut events) {
            Ok(1..) | Err(Errno::INTR) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
