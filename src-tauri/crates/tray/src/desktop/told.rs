//! Notices on the systems where no button of ours can be in one: what answers a click is shown, what
//! nobody asked for goes as far as the system lets it without a window of its own.

use std::sync::mpsc::Sender;

use crate::attend::Told;
use crate::notice::{Key, Notice};

#[derive(Debug)]
pub(crate) struct Notices;

impl Notices {
    /// Nothing is ever answered, so nobody is told.
    pub(crate) fn new(_tell: Sender<Told>) -> Self {
        Self
    }

    pub(crate) fn show(&self, notice: &Notice) {
        let asked_for = matches!(notice.key, Key::Word | Key::Code { .. });
        let shown = super::notify(&notice.title, &notice.text, asked_for);
        if let Err(why) = shown {
            let (title, text) = (&notice.title, &notice.text);
            tracing::warn!(title, text, why, "not shown on the desktop");
        }
    }

    /// What was shown is gone, or its reader's to close.
    pub(crate) fn withdraw(&self, _key: &Key) {}
}
