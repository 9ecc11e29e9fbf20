//! The Unix socket and private files, for Linux and macOS alike. Never binds over what is not a dead
//! socket of our own, and never leaves a file that another user may read.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

pub use dagpass_client::bind::private_dir;
use dagpass_client::bind::{clear_stale, dir_with_mode};
use dagpass_client::owner;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::{Instant, sleep_until};

use super::process::{PlaceWatch, SOCKET_PATH_LIMIT, Watched};
use super::{FileMark, Lasting, Peer};

pub(super) mod files;

/// How many callers may wait to be accepted?
const BACKLOG: u32 = 1024;
/// How soon after it was bound is a socket given up for lost? Whoever takes it away again and again (a
/// container may) keeps nobody busy.
const SPACING: Duration = Duration::from_secs(2);

/// Our end of one connection.
pub type LocalStream = UnixStream;

/// The listening socket; its file goes when this is dropped.
#[derive(Debug)]
pub struct LocalListener {
    socket: UnixListener,
    place: PathBuf,
    /// Device and inode of the file we made.
    made: (u64, u64),
}

impl LocalListener {
    /// Binds at `place`, in a folder that only we may enter. Call it inside a runtime.
    pub fn bind(place: &Path) -> io::Result<Self> {
        let folder = place.parent().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the socket's path has no folder")
        })?;
        private_dir(folder)?;
        check_length(place)?;
        clear_stale(place)?;
        Self::bind_in(folder, place, 0o600)
    }

    /// Binds at `place` for callers of other users, in a folder made by [`mounted_dir`]. Who is let in
    /// is then decided on each peer. Whatever stands there is replaced: a container may have put it.
    pub fn bind_mounted(place: &Path) -> io::Result<Self> {
        let above = place.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
        private_dir(above)?;
        check_length(place)?;
        Self::bind_in(above, place, 0o666)
    }

    /// Complete before it has its name: bound, given its mode and listening in `private`, where nobody
    /// else can put a link in its stead, and only then moved to `place`.
    fn bind_in(private: &Path, place: &Path, mode: u32) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Shorter than any name of ours: the limit is on this path too.
        let unnamed = private.join(format!(".s{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        clear_stale(&unnamed)?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(&unnamed)?;
        let stood = fs::set_permissions(&unnamed, Permissions::from_mode(mode))
            .and_then(|()| identity(&unnamed))
            .and_then(|made| Ok((made, socket.listen(BACKLOG)?)))
            .and_then(|stood| fs::rename(&unnamed, place).map(|()| stood));
        let (made, socket) = stood.inspect_err(|_| remove_quietly(&unnamed))?;
        Ok(Self { socket, place: place.to_owned(), made })
    }

    /// The next connection and who made it. The caller closes it unread where it is not ours.
    pub async fn accept(&self) -> io::Result<(LocalStream, Peer)> {
        let (stream, _) = self.socket.accept().await?;
        let seen = stream.peer_cred()?;
        let pid = seen.pid().and_then(|pid| u32::try_from(pid).ok());
        let watched = Watched::peer_of(&stream);
        Ok((stream, Peer { watched, ..Peer::of(Some(seen.uid()), pid) }))
    }

    /// Is the file still ours?
    pub(super) fn is_reachable(&self) -> bool {
        is_at(&self.place, self.made)
    }

    /// Returns once the file is not ours any more: a cleaner of temporary folders may take it; then bind
    /// again. Call it inside a runtime.
    pub fn lost(&self) -> impl Future<Output = ()> + use<> {
        let (place, made) = (self.place.clone(), self.made);
        // Before the first look, so that nothing falls between.
        let watch = PlaceWatch::of(&place);
        let soonest = Instant::now() + SPACING;
        async move {
            while is_at(&place, made) {
                watch.changed().await;
            }
            sleep_until(soonest).await;
        }
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        if !self.is_reachable() {
            return;
        }
        if let Err(error) = fs::remove_file(&self.place) {
            tracing::warn!(place = %self.place.display(), %error, "socket not removed");
        }
    }
}

/// The user the agent runs as.
pub fn own_uid() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

/// Makes a folder that others may enter but not list, inside one that is ours alone: on this machine
/// nobody else gets so far, and a container into which it is mounted sees this folder's mode.
pub fn mounted_dir(path: &Path) -> io::Result<()> {
    private_dir(path.parent().unwrap_or(Path::new("/")))?;
    dir_with_mode(path, 0o711)
}

/// Replaces the file whole or not at all: temporary file with mode 0600, fsync, rename, fsync.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::PowerLoss, 0o600)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// What was renamed, made or removed in it: else that itself may be lost with the power.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// As [`write_private`], for what is true only while we run: nobody waits for the disk.
pub fn write_passing(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::ThisRun, 0o600)
}

/// For a file in a [`mounted_dir`], which a container's user reads. True while we run.
pub fn write_mounted(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::ThisRun, 0o644)
}

fn replace(path: &Path, bytes: &[u8], lasting: Lasting, mode: u32) -> io::Result<()> {
    replaced(path, bytes, lasting, mode).map_err(|error| owner::named(path, error))
}

fn replaced(path: &Path, bytes: &[u8], lasting: Lasting, mode: u32) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    write_new(&temporary, bytes, (lasting, mode))
        .and_then(|()| fs::rename(&temporary, path))
        .inspect_err(|_| remove_quietly(&temporary))
}

fn remove_quietly(temporary: &Path) {
    if let Err(error) = fs::remove_file(temporary) {
        tracing::debug!(%error, "temporary file not removed");
    }
}

/// Opens a file of ours to write at its end, made where there is none; nobody else may read it.
pub fn open_record(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused(path, "is no file"));
    }
    if Some(found.uid()) != own_uid() {
        return Err(refused(path, &format!("belongs to uid {}, not to us", found.uid())));
    }
    if found.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Which file is open, and how long it is.
pub fn mark_of(file: &File) -> io::Result<FileMark> {
    Ok(mark(&file.metadata()?))
}

/// Which file stands at this path, and how long it is.
pub fn mark_at(path: &Path) -> io::Result<FileMark> {
    Ok(mark(&fs::metadata(path)?))
}

/// By which a file is told from one that was put in its place: when it was made, or, where nobody knows, its
/// number. Neither changes when the machine starts again.
pub fn identity_at(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    let made = found.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let named = match made.filter(|made| !made.is_zero()) {
        Some(made) => format!("made-{}.{:09}", made.as_secs(), made.subsec_nanos()),
        None => format!("number-{}", mark(&found).id.1),
    };
    if found.is_file() { Ok(named) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn mark(found: &fs::Metadata) -> FileMark {
    FileMark { id: (found.dev(), found.ino()), length: found.len() }
}

/// Reads a file that holds a secret; refuses one that anybody else may read.
pub fn read_private(path: &Path) -> io::Result<Vec<u8>> {
    let named = |error| owner::named(path, error);
    let mut file = File::open(path).map_err(named)?;
    let found = file.metadata().map_err(named)?;
    if Some(found.uid()) != own_uid() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, owner::belongs(path, found.uid())));
    }
    if found.mode() & 0o077 != 0 {
        let mode = found.mode() & 0o7777;
        return Err(refused(path, &format!("may be read by others (mode {mode:04o}); use 0600")));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(refused(path, "names no file"));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(hidden))
}

/// The mode goes by the handle: in a folder that others write to, the name may be a link by then.
fn write_new(path: &Path, bytes: &[u8], (lasting, mode): (Lasting, u32)) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Left by a dead process that had our pid.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?
        }
        opened => opened?,
    };
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    match lasting {
        Lasting::PowerLoss => file.sync_all(),
        Lasting::ThisRun => Ok(()),
    }
}

fn check_length(place: &Path) -> io::Result<()> {
    let length = place.as_os_str().len();
    if length < SOCKET_PATH_LIMIT {
        return Ok(());
    }
    let most = SOCKET_PATH_LIMIT - 1;
    Err(refused(place, &format!("is {length} bytes long; a socket's path may have {most}")))
}

fn is_at(place: &Path, made: (u64, u64)) -> bool {
    identity(place).is_ok_and(|now| now == made)
}

fn identity(place: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(place)?;
    Ok((found.dev(), found.ino()))
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{} {why}", path.display()))
}

/// Resolves when the system, the session or a person asks the process to end. Listens from the call
/// on, so that a signal before the first poll is not lost.
pub fn told_to_end() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let signals = kinds.map(signal);
    async move {
        let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
