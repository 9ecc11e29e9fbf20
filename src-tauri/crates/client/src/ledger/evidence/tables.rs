//! Where a line stands: in one table each, so that the tables together are all lines of the period.

use serde::Serialize;

use super::super::Line;
use super::super::log::Hash;

/// One line of the period that is a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// In the ledger's file, counted from 1.
    pub line: u64,
    /// Its hash in the log's tree; not of a line that could be guessed from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf: Option<Hash>,
    pub record: Line,
}

impl Entry {
    /// What only a verifier needs stands in the raw line.
    pub fn new(line: u64, leaf: Option<Hash>, record: Line) -> Self {
        Self { line, leaf, record: Line { salt: None, prev: String::new(), ..record } }
    }
}

/// What a table is of, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Who signed in and out, and what was revoked.
    SignIns,
    /// Tokens that left.
    Tokens,
    /// Whoever went away with nothing, and whatever failed.
    Refusals,
    /// Tokens renewed, and refresh tokens rotated with them.
    Renewals,
    /// Deeds: of a person or the agent, permitted before they are done.
    Changes,
    /// What Airflow told of its runs.
    Runs,
    /// The agent and the ledger themselves.
    Agent,
    /// Looked at, asked, and what this version has no word for.
    Other,
}

impl Table {
    pub const ALL: [Self; 8] = [
        Self::SignIns,
        Self::Tokens,
        Self::Refusals,
        Self::Renewals,
        Self::Changes,
        Self::Runs,
        Self::Agent,
        Self::Other,
    ];

    /// Its file is named so.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIns => "sign-ins",
            Self::Tokens => "tokens",
            Self::Refusals => "refusals",
            Self::Renewals => "renewals",
            Self::Changes => "changes",
            Self::Runs => "runs",
            Self::Agent => "agent",
            Self::Other => "other",
        }
    }

    pub fn of(line: &Line) -> Self {
        let ok = line.outcome == "ok" || line.outcome.is_empty();
        match &*line.event {
            "sign-in" | "sign-out" | "sign-out-everywhere" | "revocation" => Self::SignIns,
            // What Airflow says of its task is no failure of the agent's.
            "run" => Self::Runs,
            "agent-start" | "agent-stop" | "ledger-lost" | "ledger-altered" | "ledger-forked"
            | "ledger-mended" | "ledger-pruned" => Self::Agent,
            _ if !ok => Self::Refusals,
            "issue" => Self::Tokens,
            "refresh" | "exchange" => Self::Renewals,
            "config-change" | "door-opened" | "door-closed" | "evidence" | "approval-answered"
            | "approval-revoked" | "lease-revoked" | "token-found" | "client-credential" => {
                Self::Changes
            }
            "decision" if line.action.as_deref().is_some_and(is_deed) => Self::Changes,
            _ => Self::Other,
        }
    }
}

/// What changes something, of all that can be asked of the agent.
fn is_deed(action: &str) -> bool {
    const DEEDS: [&str; 24] = [
        "approve",
        "begin-relay",
        "begin-run",
        "break-glass",
        "change-client",
        "close-door",
        "end-run",
        "enter-proxy",
        "finish-sign-in",
        "make-evidence",
        "open-door",
        "pause",
        "prune-ledger",
        "purge",
        "resume",
        "revoke-approval",
        "revoke-lease",
        "set-login-item",
        "sign-in",
        "sign-out",
        "stop",
        "unlock",
        "use-store",
        "write-config",
    ];
    DEEDS.contains(&action)
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    entries: [Vec<Entry>; Table::ALL.len()],
}

impl Tables {
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut tables = Self::default();
        for entry in entries {
            tables.entries[Table::of(&entry.record) as usize].push(entry);
        }
        tables
    }

    pub fn table(&self, table: Table) -> &[Entry] {
        &self.entries[table as usize]
    }

    pub fn records(&self) -> usize {
        self.entries.iter().map(Vec::len).sum()
    }
}
