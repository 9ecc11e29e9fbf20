//! Exit codes and failures: what, cause, hint. Callers match codes, never text.

use std::io::ErrorKind;

use dagpass_client::ClientError;
use dagpass_client::owner::ForeignHome;
use dagpass_client::wire::ErrorReply;

pub(crate) const CHECK_FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const APPROVAL: u8 = 5;
pub(crate) const UNREACHABLE: u8 = 6;
/// `run` only: the failure is ours, not the child's.
pub(crate) const RUN_FAILED: u8 = 125;
/// And as `env` has it, where its program cannot be begun.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
pub(crate) const NOT_FOUND: u8 = 127;

/// What the shell sees.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) status: u8,
    /// As the manual says it.
    pub(crate) meaning: &'static str,
    /// Error codes that end with it; those that no row has end with [`CHECK_FAILED`].
    codes: &'static [&'static str],
}

/// The manual prints it, and each failure ends by it.
pub(crate) const TABLE: [Exit; 14] = [
    Exit { status: 0, meaning: "Done.", codes: &[] },
    Exit { status: CHECK_FAILED, meaning: "Failed, or a check found something.", codes: &[] },
    Exit {
        status: USAGE,
        meaning: "The command line or the config is wrong, or the home folder is another user's.",
        codes: &["config_invalid", "foreign_home"],
    },
    Exit {
        status: 3,
        meaning: "Somebody has to sign in.",
        codes: &[
            "login_required",
            "interaction_required",
            "consent_required",
            "account_selection_required",
            "invalid_grant",
            "insufficient_user_authentication",
        ],
    },
    Exit { status: 4, meaning: "Denied.", codes: &["access_denied", "quota_exceeded"] },
    Exit {
        status: APPROVAL,
        meaning: "An approval was refused, or nobody gave it in time.",
        codes: &["approval_pending", "approval_refused"],
    },
    Exit {
        status: UNREACHABLE,
        meaning: "Ping, or what else has to be asked, cannot be reached or does not answer yet.",
        codes: &["temporarily_unavailable"],
    },
    Exit {
        status: 7,
        meaning: "No agent runs, or it does not answer.",
        codes: &["not_running", "agent_unreachable"],
    },
    Exit {
        status: 8,
        meaning: "There is no keychain, or the config asks for another store than the one in use.",
        codes: &["keychain_unavailable", "store_changed"],
    },
    Exit { status: 9, meaning: "The keychain is locked.", codes: &["keychain_locked"] },
    Exit { status: 10, meaning: "The agent is paused.", codes: &["agent_paused"] },
    Exit {
        status: RUN_FAILED,
        meaning: "dagpass run failed itself; otherwise it ends as its program does, with 128 and the number of the signal that ended that.",
        codes: &[],
    },
    Exit {
        status: NOT_EXECUTABLE,
        meaning: "dagpass run found the program, and it cannot be run.",
        codes: &[],
    },
    Exit { status: NOT_FOUND, meaning: "dagpass run did not find the program.", codes: &[] },
];

/// Why a command did not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) reply: ErrorReply,
}

impl Failure {
    pub(crate) fn new(code: &str, what: impl Into<String>) -> Self {
        let reply = ErrorReply {
            error: code.to_owned(),
            error_description: what.into(),
            cause: None,
            hint: None,
            approval: None,
        };
        Self { exit: exit_code(code), reply }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { exit: USAGE, ..Self::new("invalid_request", what) }
    }

    pub(crate) fn because(mut self, cause: impl ToString) -> Self {
        self.reply.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.reply.hint = Some(hint.into());
        self
    }

    pub(crate) fn exit(self, exit: u8) -> Self {
        Self { exit, ..self }
    }
}

impl From<ErrorReply> for Failure {
    fn from(reply: ErrorReply) -> Self {
        Self { exit: exit_code(&reply.error), reply }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Refused { reply, .. } => reply.into(),
            ClientError::NotRunning { tried } => {
                let failure = Self::new("not_running", "no agent is running");
                let failure = failure.because(format!("nobody listens at {}", tried.join(" or ")));
                failure.hint("run `dagpass agent start`")
            }
            ClientError::Launch(why) => {
                let failure = Self::new("not_running", "the agent did not start").because(why);
                failure.hint("run `dagpass agent run` to see what it says")
            }
            ClientError::NoPanel => Self::new("not_installed", "the window is not installed")
                .because(text)
                .hint("install the package `dagpass-panel`; `dagpass status` shows the same here"),
            ClientError::Panel(why) => Self::new("no_window", "the window did not open")
                .because(why)
                .hint("run `dagpass status`"),
            ClientError::ForeignHome(home) => home.into(),
            // What helps is in the words: the file is another user's.
            ClientError::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                Self::new("agent_unreachable", text)
            }
            ClientError::TimedOut { .. } | ClientError::Io(_) => {
                Self::new("agent_unreachable", text).hint("run `dagpass agent restart`")
            }
            ClientError::Untrusted { .. } => Self::new("untrusted", text),
            ClientError::Protocol(_) => Self::new("protocol", text),
            ClientError::Place(_) => Self::new("no_place", text).hint("set DAGPASS_SOCKET"),
        }
    }
}

impl From<ForeignHome> for Failure {
    fn from(home: ForeignHome) -> Self {
        Self::new("foreign_home", home.to_string())
            .because("nothing is made in another user's home, and no agent is started for it")
            .hint(home.hint())
    }
}

fn exit_code(code: &str) -> u8 {
    let row = TABLE.iter().find(|row| row.codes.contains(&code));
    row.map_or(CHECK_FAILED, |row| row.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_exit_code_of_the_manual() {
        let table = [
            ("login_required", 3),
            ("interaction_required", 3),
            ("consent_required", 3),
            ("invalid_grant", 3),
            ("insufficient_user_authentication", 3),
            ("access_denied", 4),
            ("approval_pending", 5),
            ("approval_refused", 5),
            ("temporarily_unavailable", 6),
            ("not_running", 7),
            ("agent_unreachable", 7),
            ("agent_paused", 10),
            ("foreign_home", 2),
            ("keychain_unavailable", 8),
            ("keychain_locked", 9),
            ("invalid_scope", 1),
            ("not_found", 1),
            ("config_invalid", 2),
            ("store_changed", 8),
            ("a_word_of_a_later_version", 1),
        ];
        for (code, exit) in table {
            assert_eq!(Failure::new(code, "x").exit, exit, "{code}");
        }
        assert_eq!(Failure::usage("x").exit, 2);
        assert!(TABLE.windows(2).all(|two| two[0].status < two[1].status), "one row a status");
    }

    #[test]
    fn a_client_that_finds_no_agent_says_where_it_looked() {
        let error = ClientError::NotRunning { tried: vec!["/a".into(), "/b".into()] };
        let failure = Failure::from(error);
        assert_eq!(failure.exit, 7);
        assert_eq!(failure.reply.cause.as_deref(), Some("nobody listens at /a or /b"));
    }
}
