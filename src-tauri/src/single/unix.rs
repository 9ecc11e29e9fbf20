//! One window a desktop. A lock says who is first, a socket beside it takes what a second start asks
//! for. Not by D-Bus: there is none over ssh, and only our own line can carry the desktop's token by
//! which a window may come to the front. Decides who is first; never trusts a folder of somebody else.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dagpass_client::panel::View;
use dagpass_client::place::{self, Place};
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Builder, Wry};

use crate::view;

/// How long may the first window take until it listens, or answers?
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);
/// How long may one line be?
const LONGEST: u64 = 4096;
const DONE: &str = "done\n";

pub(crate) enum Claim {
    /// We are the first, and this is where the others knock.
    First(UnixListener),
    /// There was one, and it is in front now.
    Raised,
}

/// What a second start asks of the first.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Wish {
    view: Option<View>,
    /// By which the desktop lets a window come to the front: X11's start-up id or Wayland's token.
    token: Option<String>,
}

/// Held until the window is closed.
static HELD: Mutex<Option<Held>> = Mutex::new(None);

struct Held {
    socket: PathBuf,
    _lock: File,
}

pub(crate) fn claim(view: Option<View>) -> Result<Claim, String> {
    let socket = socket().map_err(|error| error.to_string())?;
    let found = claim_at(&socket, &Wish { view, token: token() })
        .map_err(|error| format!("{}: {error}", socket.display()))?;
    let Some((listener, held)) = found else { return Ok(Claim::Raised) };
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
    Ok(Claim::First(listener))
}

/// Nothing where there is one already, which is in front now.
fn claim_at(socket: &Path, wish: &Wish) -> io::Result<Option<(UnixListener, Held)>> {
    private_folder(socket.parent().unwrap_or(Path::new("/")))?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(socket.with_extension("lock"))?;
    let until = Instant::now() + PATIENCE;
    while let Err(taken) = lock.try_lock() {
        match taken {
            TryLockError::Error(error) => return Err(error),
            TryLockError::WouldBlock => match raise(socket, wish) {
                Ok(()) => return Ok(None),
                Err(error) if Instant::now() >= until => return Err(error),
                // It does not listen yet, or it is about to end and we are next.
                Err(_) => std::thread::sleep(LOOK),
            },
        }
    }
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(socket)?;
    Ok(Some((listener, Held { socket: socket.to_owned(), _lock: lock })))
}

/// Asks the first to come to the front. One that is about to end does not answer.
fn raise(socket: &Path, wish: &Wish) -> io::Result<()> {
    let mut first = UnixStream::connect(socket)?;
    first.set_read_timeout(Some(PATIENCE))?;
    first.set_write_timeout(Some(PATIENCE))?;
    writeln!(first, "{}", serde_json::to_string(wish)?)?;
    let mut answer = String::new();
    first.take(LONGEST).read_to_string(&mut answer)?;
    if answer == DONE { Ok(()) } else { Err(io::Error::other("the open window does not answer")) }
}

/// Serves those who come later, on a thread of its own.
pub(crate) fn attend(app: &AppHandle, claim: Claim) -> io::Result<()> {
    let Claim::First(listener) = claim else { return Ok(()) };
    let app = app.clone();
    let serve = move || {
        for visitor in listener.incoming().flatten() {
            // One that says nothing is nobody's loss.
            drop(grant(&visitor, |wish| {
                // A window that is closing would take the wish with it.
                let stands = HELD.lock().unwrap_or_else(PoisonError::into_inner).is_some();
                if stands {
                    view::raise(&app, wish.view, wish.token);
                }
                stands
            }));
        }
    };
    std::thread::Builder::new().name("panel-single".to_owned()).spawn(serve).map(drop)
}

/// No word where it is not granted: whoever asks looks on.
fn grant(visitor: &UnixStream, grants: impl FnOnce(Wish) -> bool) -> io::Result<()> {
    visitor.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(visitor.take(LONGEST)).read_line(&mut line)?;
    if !grants(serde_json::from_str(&line)?) {
        return Ok(());
    }
    let mut visitor = visitor;
    visitor.write_all(DONE.as_bytes())
}

pub(crate) fn plugged(builder: Builder<Wry>) -> Builder<Wry> {
    builder
}

/// The next start is the first, though we may take a moment to end.
pub(crate) fn release() {
    if let Some(held) = HELD.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A later start removes what could not be removed now.
        drop(std::fs::remove_file(held.socket));
    }
}

/// Each desktop has its own: a window on another screen cannot come to the front on this one.
fn socket() -> Result<PathBuf, place::PlaceError> {
    let screen = ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match place::panel_socket()? {
        Place::Socket(path) => Ok(match screen {
            Some(screen) => path.with_file_name(format!("panel{}.sock", plain(&screen))),
            None => path,
        }),
        Place::Pipe(name) => Err(place::PlaceError::NotAbsolute(name)),
    }
}

fn plain(screen: &str) -> String {
    let letters = screen.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    letters.skip_while(|c| *c == '-').fold("-".to_owned(), |name, c| name + c.to_string().as_str())
}

fn token() -> Option<String> {
    ["XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|token| !token.is_empty()))
}

fn private_folder(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let about = std::fs::metadata(folder)?;
    let ours = about.uid() == rustix::process::geteuid().as_raw();
    if ours && about.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::other("its folder is not ours alone"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_start_tells_the_first_what_it_wants_and_a_dead_one_s_socket_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("run/panel-0.sock");
        std::fs::create_dir(folder.path().join("run")).unwrap();
        std::fs::write(&socket, "left by one that was killed").unwrap();
        let (listener, held) = claim_at(&socket, &Wish::default()).unwrap().unwrap();
        let first = std::thread::spawn(move || {
            let (visitor, _) = listener.accept().unwrap();
            let mut heard = None;
            grant(&visitor, |wish| heard.replace(wish).is_none()).unwrap();
            heard
        });
        let wish = Wish { view: Some(View::Doctor), token: Some("t".to_owned()) };
        assert!(claim_at(&socket, &wish).unwrap().is_none());
        assert_eq!(first.join().unwrap(), Some(wish));
        drop(held);
        assert!(claim_at(&socket, &Wish::default()).unwrap().is_some());
    }

    #[test]
    fn a_window_that_is_closing_is_not_raised_but_followed() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("panel-0.sock");
        let (listener, held) = claim_at(&socket, &Wish::default()).unwrap().unwrap();
        let ends = std::thread::spawn(move || {
            let (visitor, _) = listener.accept().unwrap();
            grant(&visitor, |_| false).unwrap();
            drop(held);
        });
        assert!(claim_at(&socket, &Wish::default()).unwrap().is_some());
        ends.join().unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = claim_at(&folder.path().join("panel.sock"), &Wish::default()).err().unwrap();
        assert!(error.to_string().contains("not ours alone"), "{error}");
    }

    #[test]
    fn each_screen_has_a_name_that_is_one_file_name() {
        assert_eq!(plain(":0"), "-0");
        assert_eq!(plain("localhost:10.0"), "-localhost-10-0");
        assert_eq!(plain("../wayland-1"), "-wayland-1");
    }
}
