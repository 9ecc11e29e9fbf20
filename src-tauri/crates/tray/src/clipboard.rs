//! The clipboard. A token is lent to it: marked for clipboard histories to leave out, and taken back
//! after a while, or when the icon goes, unless something else was copied since.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arboard::{Clipboard, Error};
use zeroize::Zeroizing;

/// How long does a token stay in the clipboard?
pub(crate) const LENT: Duration = Duration::from_secs(30);
/// How long may the desktop take to give one back at the end?
const LAST: Duration = Duration::from_secs(1);

/// What is lent now, and whether it is to come back at once.
#[derive(Debug)]
struct Loans {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct State {
    lent: usize,
    over: bool,
}

static LOANS: Loans = Loans::new();

impl Loans {
    const fn new() -> Self {
        Self { state: Mutex::new(State { lent: 0, over: false }), changed: Condvar::new() }
    }

    /// Lends, waits, takes back: all of it, or nothing once it is over.
    fn run<E>(
        &self,
        lend: impl FnOnce() -> Result<(), E>,
        take_back: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        {
            let mut state = self.state();
            if state.over {
                return Ok(());
            }
            state.lent += 1;
        }
        let done = lend().and_then(|()| {
            let (state, _) = self
                .changed
                .wait_timeout_while(self.state(), LENT, |state| !state.over)
                .unwrap_or_else(PoisonError::into_inner);
            drop(state);
            take_back()
        });
        self.state().lent -= 1;
        self.changed.notify_all();
        done
    }

    /// Returns when all is back, or cannot be had back in time.
    fn end(&self) {
        let until = Instant::now() + LAST;
        let mut state = self.state();
        state.over = true;
        self.changed.notify_all();
        while state.lent > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!("a copied token may still be in the clipboard");
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the token is taken back: on X11 the clipboard is served by whoever filled it.
pub(crate) fn lend(token: &str) -> Result<(), Error> {
    let clipboard = Mutex::new(Clipboard::new()?);
    let open = || clipboard.lock().unwrap_or_else(PoisonError::into_inner);
    LOANS.run(
        || secretly(&mut open(), token),
        || {
            let now = open().get_text().map(Zeroizing::new);
            match now {
                Ok(now) if *now == token => open().clear(),
                Ok(_) | Err(_) => Ok(()),
            }
        },
    )
}

/// The icon goes: what was lent comes back, as nobody would be there to take it later.
pub(crate) fn take_back() {
    LOANS.end();
}

/// Words that are no secret.
pub(crate) fn keep(text: &str) -> Result<(), Error> {
    let mut clipboard = Clipboard::new()?;
    clipboard.set_text(text)?;
    std::thread::sleep(LENT);
    Ok(())
}

#[cfg(target_os = "linux")]
fn secretly(clipboard: &mut Clipboard, token: &str) -> Result<(), Error> {
    use arboard::SetExtLinux as _;
    clipboard.set().exclude_from_history().text(token)
}

#[cfg(windows)]
fn secretly(clipboard: &mut Clipboard, token: &str) -> Result<(), Error> {
    use arboard::SetExtWindows as _;
    clipboard.set().exclude_from_monitoring().text(token)
}

#[cfg(target_os = "macos")]
fn secretly(clipboard: &mut Clipboard, token: &str) -> Result<(), Error> {
    use arboard::SetExtApple as _;
    clipboard.set().exclude_from_history().text(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_back_when_the_end_has_come_and_nothing_is_lent_after() {
        static LOANS: Loans = Loans::new();
        let board = Mutex::new(String::new());
        let text = || board.lock().unwrap();
        let (told, lent) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let lend = || {
                    text().push_str("token");
                    told.send(()).map_err(|_| ())
                };
                LOANS.run(lend, || {
                    text().clear();
                    Ok(())
                })
            });
            lent.recv().unwrap();
            assert_eq!(*text(), "token");
            LOANS.end();
            assert_eq!(*text(), "");
        });
        LOANS.run(|| Err("lent"), || Err("taken back")).unwrap();
    }
}
