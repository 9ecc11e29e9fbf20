//! A sign-out that nobody asks for: told while it can still be helped, and once it is done.

use std::collections::HashSet;

use dagpass_client::wire::ProfileStatus;

use super::{Deed, ways};
use crate::notice::{Key, Notice};
use crate::view::has_session;

/// Ping's own end is told by its horizon, fifteen minutes ahead.
const BY_HORIZON: &str = "session-ended";

/// `warned` are those whose coming end is shown.
pub(super) fn seen(
    warned: &mut HashSet<String>,
    (before, now): (&[ProfileStatus], &[ProfileStatus]),
) -> Vec<Deed> {
    let mut deeds = Vec::new();
    for one in now {
        let key = || Key::Logout { profile: one.name.clone() };
        let was = before.iter().find(|was| was.name == one.name);
        let coming = one.logout.as_ref().filter(|coming| coming.reason != BY_HORIZON);
        let gone = one.state == "signed_out" && was.is_some_and(has_session);
        match (coming, one.reason.as_ref().filter(|_| gone)) {
            (Some(coming), _) if warned.insert(one.name.clone()) => {
                let title = format!("{} is signed out soon", one.name);
                deeds.push(show(key(), title, &coming.text, Vec::new()));
            }
            (None, Some(reason)) => {
                warned.remove(&one.name);
                let title = format!("{} was signed out", one.name);
                deeds.push(show(key(), title, reason, ways(&one.name)));
            }
            (None, None) if warned.remove(&one.name) => deeds.push(Deed::Withdraw(key())),
            (Some(_), _) | (None, None) => {}
        }
    }
    deeds
}

fn show(key: Key, title: String, text: &str, choices: Vec<crate::notice::Choice>) -> Deed {
    let mut text = text.replace('`', "");
    text.push('.');
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Deed::Show(Notice { key, title, text, choices })
}
