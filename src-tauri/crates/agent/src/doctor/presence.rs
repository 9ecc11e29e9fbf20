//! Who tells of the person, where `[logout]` wants to be told.

use dagpass_client::wire::Finding;

use super::{hint, ok, problem, skipped};
use crate::config::Config;
use crate::presence::Tells;

/// What an earlier life of the agent left of those that it signed out.
pub(super) fn unread(why: &str) -> Finding {
    let told = format!("who was signed out before is not known: {why}");
    hint(
        problem("logout", None, told),
        "mend the file, or sign in anew; `dagpass status` shows who has to",
    )
}

/// What was ended is ended; after a restart nobody would hear why.
pub(super) fn unwritten(why: Option<&str>) -> Option<Finding> {
    let detail = format!("a sign-out is not written down for the next start: {}", why?);
    let fix = "make room there, or mend what is in its way: it is tried again every two seconds";
    Some(hint(problem("logout", None, detail), fix))
}

/// One finding a key; none where none is set. `tells` is not known before somebody was asked.
pub(super) fn told(config: &Config, tells: Option<&Tells>) -> Vec<Finding> {
    let found = |key: &crate::config::WatchKey| {
        let name = &key.key;
        match tells.map(|tells| tells.of(key.wanted)) {
            None => {
                skipped("logout", None, format!("`{name}`: nobody was asked yet who tells of it"))
            }
            Some(Ok(who)) => ok("logout", None, format!("`{name}`: told by {who}")),
            Some(Err(missing)) => {
                let fix = "bring it back, or leave the line out; `after` needs nobody to tell";
                hint(problem("logout", None, format!("`{name}` does nothing now: {missing}")), fix)
            }
        }
    };
    config.logout.watched().iter().map(found).collect()
}
