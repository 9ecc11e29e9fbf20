//! `[notifications]`: what the desktop shows by itself.

use super::raw::RawNotifications;
use super::section::At;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notifications {
    pub sign_in: bool,
    pub session_end: bool,
}

impl Default for Notifications {
    fn default() -> Self {
        Self { sign_in: true, session_end: true }
    }
}

pub(super) fn notifications(at: At<RawNotifications>) -> Notifications {
    let wanted = |asked: Option<At<bool>>| asked.is_none_or(|asked| asked.value);
    let all = wanted(at.value.enabled);
    Notifications {
        sign_in: all && wanted(at.value.sign_in),
        session_end: all && wanted(at.value.session_end),
    }
}
