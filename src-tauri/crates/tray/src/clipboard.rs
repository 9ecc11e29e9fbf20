//! The clipboard. A token is lent to it: marked for clipboard histories to leave out, and taken back
//! after a while unless something else was copied since.

use std::time::Duration;

use arboard::{Clipboard, Error};
use zeroize::Zeroizing;

/// How long does a token stay in the clipboard?
pub(crate) const LENT: Duration = Duration::from_secs(30);

/// Waits until the token is taken back: on X11 the clipboard is served by whoever filled it.
pub(crate) fn lend(token: &str) -> Result<(), Error> {
    let mut clipboard = Clipboard::new()?;
    secretly(&mut clipboard, token)?;
    std::thread::sleep(LENT);
    match clipboard.get_text().map(Zeroizing::new) {
        Ok(now) if *now == token => clipboard.clear(),
        Ok(_) | Err(_) => Ok(()),
    }
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
