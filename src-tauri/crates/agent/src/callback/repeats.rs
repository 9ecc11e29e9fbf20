//! What the flow made of a callback, for whoever brings the same one again: a browser that fetched it
//! ahead, or a page that was read anew. The flow sees each once. A callback is known by its fingerprint.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_core::sign_in::Verdict;
use dagpass_core::token::Fingerprint;
use tokio::sync::watch;

use super::page::Page;

/// How many different callbacks are remembered?
const REMEMBERED: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<Vec<Seen>>);

#[derive(Debug)]
struct Seen {
    callback: Fingerprint,
    page: watch::Receiver<Option<Page>>,
}

/// `None` in the channel: it is not decided yet.
pub(super) enum Brought {
    First(watch::Sender<Option<Page>>),
    Again(watch::Receiver<Option<Page>>),
}

impl Repeats {
    pub(super) fn brought(&self, query: &str) -> Brought {
        let callback = Fingerprint::of(query);
        let mut seen = self.seen();
        if let Some(before) = seen.iter().find(|before| before.callback == callback) {
            return Brought::Again(before.page.clone());
        }
        if seen.len() >= REMEMBERED {
            let foreign = seen.iter().position(|before| !is_the_flows_own(&before.page.borrow()));
            seen.remove(foreign.unwrap_or(0));
        }
        let (decided, page) = watch::channel(None);
        seen.push(Seen { callback, page });
        Brought::First(decided)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen().is_empty()
    }

    /// Waits for what is still being decided; did one of them end the flow?
    pub(super) async fn ended_the_flow(&self) -> bool {
        let pages: Vec<_> = self.seen().iter().map(|seen| seen.page.clone()).collect();
        for mut page in pages {
            let page = page.wait_for(Option::is_some).await;
            if page.is_ok_and(|page| is_the_flows_own(&page)) {
                return true;
            }
        }
        false
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_the_flows_own(page: &Option<Page>) -> bool {
    matches!(page, Some(Page::Verdict(Verdict::SignedIn { .. } | Verdict::Failed { .. })))
}
