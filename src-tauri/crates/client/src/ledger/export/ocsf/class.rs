//! Which class of OCSF a record is of, and which of its activities.

use crate::ledger::Line;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// What this version knows no class for.
    Base,
    Finding,
    Authentication,
    Entity,
    Access,
    Lifecycle,
    Api,
}

/// Its number and its name, as the class has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Activity(pub(super) u8, pub(super) &'static str);

pub(super) const NO_RECORD: Activity = Activity(0, "Unknown");
pub(super) const CHECKPOINT: Activity = Activity(OTHER, "Checkpoint");
/// The name says which.
const OTHER: u8 = 99;

impl Class {
    pub(super) const fn named(self) -> (u16, &'static str) {
        match self {
            Self::Base => (0, "Base Event"),
            Self::Finding => (2004, "Detection Finding"),
            Self::Authentication => (3002, "Authentication"),
            Self::Entity => (3004, "Entity Management"),
            Self::Access => (3005, "User Access Management"),
            Self::Lifecycle => (6002, "Application Lifecycle"),
            Self::Api => (6003, "API Activity"),
        }
    }

    pub(super) const fn category(self) -> (u16, &'static str) {
        match self {
            Self::Base => (0, "Uncategorized"),
            Self::Finding => (2, "Findings"),
            Self::Authentication | Self::Entity | Self::Access => {
                (3, "Identity & Access Management")
            }
            Self::Lifecycle | Self::Api => (6, "Application Activity"),
        }
    }
}

pub(super) fn of(line: &Line) -> (Class, Activity) {
    match &*line.event {
        "sign-in" => (Class::Authentication, Activity(1, "Logon")),
        "sign-out" | "sign-out-everywhere" => (Class::Authentication, Activity(2, "Logoff")),
        "refresh" => (Class::Authentication, Activity(OTHER, "Refresh")),
        "exchange" => (Class::Authentication, Activity(OTHER, "Exchange")),
        "decision" | "issue" | "approval-asked" | "approval-expired" => {
            (Class::Api, asked(line.action.as_deref()))
        }
        // What was asked for was not looked at.
        "refused" => (Class::Api, Activity(0, "Unknown")),
        "run" => (Class::Api, Activity(OTHER, "Run")),
        "evidence" => (Class::Api, Activity(1, "Create")),
        "door-opened" | "approval-answered" => (Class::Access, Activity(1, "Assign Privileges")),
        "door-closed" | "revocation" | "approval-revoked" | "lease-revoked" => {
            (Class::Access, Activity(2, "Revoke Privileges"))
        }
        "config-change" | "client-credential" => (Class::Entity, Activity(3, "Update")),
        "ledger-pruned" => (Class::Entity, Activity(4, "Delete")),
        "agent-start" => (Class::Lifecycle, Activity(3, "Start")),
        "agent-stop" => (Class::Lifecycle, Activity(4, "Stop")),
        "ledger-lost" | "ledger-altered" | "ledger-forked" | "token-found" => {
            (Class::Finding, Activity(1, "Create"))
        }
        "ledger-mended" => (Class::Finding, Activity(3, "Close")),
        _ => (Class::Base, Activity(OTHER, "Other")),
    }
}

/// A token is read: the agent has it, or gets it.
fn asked(action: Option<&str>) -> Activity {
    match action {
        Some(
            "sign-in" | "begin-run" | "open-door" | "begin-relay" | "make-evidence" | "enter-proxy",
        ) => Activity(1, "Create"),
        Some(
            "write-config" | "finish-sign-in" | "change-client" | "unlock" | "use-store" | "pause"
            | "resume" | "tell-of-run" | "tell-of-leak" | "set-login-item" | "approve"
            | "break-glass",
        ) => Activity(3, "Update"),
        Some(
            "sign-out" | "purge" | "end-run" | "close-door" | "revoke-approval" | "revoke-lease"
            | "prune-ledger",
        ) => Activity(4, "Delete"),
        Some("stop") => Activity(OTHER, "Stop"),
        Some(_) | None => Activity(2, "Read"),
    }
}
