//! What is shown on the desktop beside the menu: a few words, and what can be done about them with one
//! click. Data alone; `desktop/` shows it in the system's own way.

use crate::menu::Action;

/// Which notice it is: another of the same key takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Somebody has to sign in there.
    SignIn { issuer: String },
    /// A session ends soon.
    Ends { profile: String },
    /// It is signed out without anybody asking, soon or by now.
    Logout { profile: String },
    /// Its tokens go elsewhere, or by another way.
    Config { profile: String },
    /// A rule asks the person about a request.
    Approval { id: String },
    /// A token lies in a file.
    Found { fingerprint: String },
    /// What to type on another device.
    Code { profile: String },
    /// The answer to a click.
    Word,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) key: Key,
    pub(crate) title: String,
    pub(crate) text: String,
    /// The first is what a click on the notice itself means.
    pub(crate) choices: Vec<Choice>,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) label: &'static str,
    pub(crate) action: Action,
}

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(target_os = "macos", expect(dead_code, reason = "no notice has a button"))]
pub(crate) enum Answer {
    Chosen(Key, Action),
    /// By the person or by its age.
    Closed(Key),
}

impl Notice {
    /// Words without a button.
    pub(crate) fn word(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: Key::Word, title: title.into(), text: text.into(), choices: Vec::new() }
    }
}
