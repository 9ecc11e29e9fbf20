//! A word to the person who clicked, in the desktop's own way.

use crate::desktop;

/// Says it; where the desktop takes no notices, the log has it.
pub(crate) fn tell(what: &str, more: &str) {
    if let Err(why) = desktop::notify(what, more) {
        tracing::warn!(what, more, why, "not shown on the desktop");
    }
}
