//! Notices by the script runner that every macOS has: words, and no button of ours can be in them.

use std::sync::mpsc::Sender;

use dagpass_client::limited;

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
        if let Err(why) = notify(&notice.title, &notice.text) {
            let (title, text) = (&notice.title, &notice.text);
            tracing::warn!(title, text, why, "not shown on the desktop");
        }
    }

    /// What was shown is gone, or its reader's to close.
    pub(crate) fn withdraw(&self, _key: &Key) {}
}

/// The texts go in as arguments, never as script.
fn notify(what: &str, more: &str) -> Result<(), String> {
    const SCRIPT: &str = "on run {what, more}\ndisplay notification more with title \"dagpass\" subtitle what\nend run";
    let mut script = std::process::Command::new("/usr/bin/osascript");
    script.args(["-e", SCRIPT, what, more]);
    match limited::status(&mut script, limited::SERVICE_LIMIT) {
        Ok(ended) if ended.success() => Ok(()),
        Ok(ended) => Err(ended.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
