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
    /// Every session and every lease of this machine.
    SignOutEverywhere,
    /// Into the clipboard, which is cleared after a while.
    CopyToken {
        profile: String,
    },
    CopyCode {
        code: String,
    },
    /// A person's word on what a rule asks about.
    Answer {
        id: String,
        answer: &'static str,
    },
    Pause,
    Resume,
    /// The window, at that view; raised as it is where none is named.
    OpenPanel {
        view: Option<View>,
    },
    Quit,
}

impl Action {
    /// What an item is called on the desktop: a click that comes late, on a menu that has changed since,
    /// means what it meant or nothing.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::SignIn { profile, way: Way::Browser } => format!("sign-in {profile}"),
            Self::SignIn { profile, way: Way::Code } => format!("sign-in-code {profile}"),
            Self::SignOut { profile } => format!("sign-out {profile}"),
            Self::SignOutEverywhere => "sign-out-everywhere".to_owned(),
            Self::CopyToken { profile } => format!("copy-token {profile}"),
            Self::CopyCode { code } => format!("copy-code {code}"),
            Self::Answer { id, answer } => format!("answer {answer} {id}"),
            Self::Pause => "pause".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::OpenPanel { view: None } => "open".to_owned(),
            Self::OpenPanel { view: Some(view) } => format!("open {view}"),
            Self::Quit => "quit".to_owned(),
        }
    }
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
