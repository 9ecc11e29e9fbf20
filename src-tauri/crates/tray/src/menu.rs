//! What a menu is made of, as data, and what a click on an item means.

use dagpass_client::panel::View;

/// One row of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Words that cannot be clicked.
    Text(String),
    Item {
        label: String,
        action: Action,
    },
    Menu {
        label: String,
        entries: Vec<Entry>,
    },
    Line,
}

/// What a person asks of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    SignIn {
        profile: String,
        way: Way,
    },
    SignOut {
        profile: String,
    },
    /// Into the clipboard, which is cleared after a while.
    CopyToken {
        profile: String,
    },
    CopyCode {
        code: String,
    },
    Pause,
    Resume,
    /// The window, at that view; raised as it is where none is named.
    OpenPanel {
        view: Option<View>,
    },
    Quit,
}

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Browser,
    /// With a code on another device (RFC 8628).
    Code,
}

impl Entry {
    pub(crate) fn item(label: impl Into<String>, action: Action) -> Self {
        Self::Item { label: label.into(), action }
    }
}
