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

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::{BufRead, BufReader, ErrorKind, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use crate::system::{Peer, pin};

    /// Whom nobody is, and who may do nothing that root may.
    const NOBODY: libc::uid_t = 65534;

    /// For this thread alone.
    fn become_nobody() {
        for call in [libc::SYS_setresgid, libc::SYS_setresuid] {
            // SAFETY: takes plain numbers; these calls of the kernel are about the calling thread.
            let done = unsafe { libc::syscall(call, NOBODY, NOBODY, NOBODY) };
            assert_eq!(done, 0);
        }
    }

    /// The kernel makes a process whose program its user may not read as hard to look at as one that
    /// asked for it (prctl(2), `PR_SET_DUMPABLE`).
    #[test]
    fn a_hardened_process_of_the_same_user_has_no_executable() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("shell");
        fs::copy("/bin/sh", &program).unwrap();
        let is_root = rustix::process::getuid().is_root();
        let looked = move |mode: u32| {
            fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
            let program = program.clone();
            let look = move || {
                let mut shell = Command::new(&program);
                shell.stdin(Stdio::piped()).stdout(Stdio::piped()).current_dir("/");
                if is_root {
                    shell.uid(NOBODY).gid(NOBODY);
                }
                let mut shell = loop {
                    match shell.spawn() {
                        // Another test's child has the file's writer until it runs its own program.
                        Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => continue,
                        started => break started.unwrap(),
                    }
                };
                writeln!(shell.stdin.as_mut().unwrap(), "echo here").unwrap();
                let mut line = String::new();
                BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
                if is_root {
                    become_nobody();
                }
                let peer = Peer { pid: Some(shell.id()), uid: Some(NOBODY), ..Peer::default() };
                let facts = pin(&peer.examined()).unwrap().facts();
                shell.kill().unwrap();
                shell.wait().unwrap();
                facts
            };
            std::thread::spawn(look).join().unwrap()
        };
        let open = looked(0o755);
        assert!(open.executable.as_ref().is_some_and(|one| one.sha256.is_some()), "{open:?}");
        let hardened = looked(0o111);
        assert_eq!((hardened.executable.as_ref(), hardened.cwd.as_ref()), (None, None));
        assert_eq!(hardened.uid, Some(NOBODY), "the connection says whose it is");
    }
}
