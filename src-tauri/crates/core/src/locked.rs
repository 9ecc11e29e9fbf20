//! A secret that lives long, in pages of its own: wiped when the last of those that share it goes, and kept out
//! of swap and dumps by whoever was named at the start ([`keep_by`]). Makes no system call itself; where nobody
//! was named, or the system refuses, the pages are wiped all the same.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use zeroize::{Zeroize, Zeroizing};

/// Whom the pages are shown to.
pub trait Keeper: Send + Sync {
    /// How large is a page? A power of two.
    fn page(&self) -> usize;
    /// Nobody else has these pages. `false` where the system would not keep them.
    fn keep(&self, pages: &[u8]) -> bool;
    /// They are wiped, and go back to where memory comes from.
    fn let_go(&self, pages: &[u8]);
}

static KEEPER: OnceLock<&dyn Keeper> = OnceLock::new();
/// How many secrets lie in pages that the system would not keep?
static UNKEPT: AtomicUsize = AtomicUsize::new(0);

/// From here on; the first that is named stays.
pub fn keep_by(keeper: &'static dyn Keeper) {
    KEEPER.get_or_init(|| keeper);
}

/// How many secrets lie now in pages that may be swapped out, because the system would not keep more.
pub fn unkept() -> usize {
    UNKEPT.load(Ordering::Relaxed)
}

/// Where nobody says: as large as pages are on most machines.
const USUAL_PAGE: usize = 4096;

/// Clones share the one copy.
#[derive(Clone)]
pub struct Locked(Arc<Pages>);

struct Pages {
    room: Vec<u8>,
    start: usize,
    span: usize,
    length: usize,
    keeper: Option<&'static dyn Keeper>,
    kept: bool,
}

impl Locked {
    /// A copy in pages of its own; what it is copied from is the caller's to wipe.
    pub fn of(secret: &[u8]) -> Self {
        Self::kept_by(KEEPER.get().copied(), secret)
    }

    fn kept_by(keeper: Option<&'static dyn Keeper>, secret: &[u8]) -> Self {
        let page = keeper.map_or(USUAL_PAGE, |keeper| keeper.page().max(1));
        let span = secret.len().max(1).next_multiple_of(page);
        // Whole pages lie somewhere in it, wherever it begins.
        let mut room = vec![0; span + page];
        let start = room.as_ptr().align_offset(page).min(page);
        if let Some(place) = room.get_mut(start..start + secret.len()) {
            place.copy_from_slice(secret);
        }
        let mut pages = Pages { room, start, span, length: secret.len(), keeper, kept: true };
        if let Some(keeper) = keeper {
            pages.kept = keeper.keep(pages.whole());
            UNKEPT.fetch_add(usize::from(!pages.kept), Ordering::Relaxed);
        }
        Self(Arc::new(pages))
    }

    /// As [`Self::of`]; the text itself is wiped.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self::of(Zeroizing::new(text.into()).as_bytes())
    }

    /// The one greppable way out.
    pub fn expose(&self) -> &[u8] {
        self.0.whole().get(..self.0.length).unwrap_or_default()
    }

    /// Of what was a text.
    pub fn expose_text(&self) -> &str {
        str::from_utf8(self.expose()).unwrap_or_default()
    }
}

impl Pages {
    fn whole(&self) -> &[u8] {
        self.room.get(self.start..self.start + self.span).unwrap_or_default()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.room.as_mut_slice().zeroize();
        if let Some(keeper) = self.keeper {
            keeper.let_go(self.whole());
            UNKEPT.fetch_sub(usize::from(!self.kept), Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps two pages of 64 bytes, and remembers what it saw.
    struct Scarce;

    const PAGE: usize = 64;
    static SEEN: Mutex<Vec<(&str, usize, usize, bool)>> = Mutex::new(Vec::new());

    impl Keeper for Scarce {
        fn page(&self) -> usize {
            PAGE
        }

        fn keep(&self, pages: &[u8]) -> bool {
            note("keep", pages);
            pages.len() <= 2 * PAGE
        }

        fn let_go(&self, pages: &[u8]) {
            note("let go", pages);
        }
    }

    fn note(what: &'static str, pages: &[u8]) {
        let blank = pages.iter().all(|byte| *byte == 0);
        SEEN.lock().unwrap().push((what, pages.as_ptr().align_offset(PAGE), pages.len(), blank));
    }

    #[test]
    fn a_secret_has_whole_pages_of_its_own_and_is_wiped_when_the_last_that_share_it_go() {
        let secret = Locked::kept_by(Some(&Scarce), &[7; 65]);
        let shared = secret.clone();
        assert_eq!(
            (secret.expose(), shared.expose().as_ptr()),
            (&[7; 65][..], secret.expose().as_ptr())
        );
        drop(secret);
        assert_eq!(SEEN.lock().unwrap().len(), 1, "it is shared");
        assert_eq!(unkept(), 0);
        let large = Locked::kept_by(Some(&Scarce), &[7; 129]);
        assert_eq!(unkept(), 1, "said, and no failure");
        assert_eq!(large.expose(), &[7; 129]);
        drop((shared, large));
        assert_eq!(unkept(), 0);
        let seen = SEEN.lock().unwrap().clone();
        let expected = [
            ("keep", 0, 128, false),
            ("keep", 0, 192, false),
            ("let go", 0, 128, true),
            ("let go", 0, 192, true),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_text_comes_back_as_it_was_and_nothing_prints_it() {
        let text = Locked::of_text("canary-ä");
        assert_eq!((text.expose_text(), format!("{text:?}").as_str()), ("canary-ä", "Locked"));
        assert_eq!(Locked::of(&[]).expose(), b"");
    }
}
