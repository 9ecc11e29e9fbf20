//! Which control finds what in a pack, and what it does not find: SOC 2 (Trust Services Criteria 2017, points
//! of focus of 2022) and ISO/IEC 27001:2022, Annex A. A ledger of one agent is evidence for a part of each at
//! most; whether a control is met is for whoever judges all of it.

use super::tables::Table;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    pub id: &'static str,
    /// In our words.
    pub about: &'static str,
    pub tables: &'static [Table],
    /// What they show of it.
    pub shows: &'static str,
    /// What has to come from elsewhere.
    pub lacks: &'static str,
}

use Table::{Agent, Changes, Refusals, Renewals, Runs, SignIns, Tokens};

pub const CONTROLS: [Control; 15] = [
    Control {
        id: "CC6.1",
        about: "SOC 2: logical access to protected assets is restricted",
        tables: &[SignIns, Tokens, Refusals],
        shows: "each token that left this agent: after whose sign-in, for which audience and scopes, to which program; and each request that went away without one",
        lacks: "what the token was then used for; access that does not pass through this agent; whether the identity provider's and the target's own rules are right",
    },
    Control {
        id: "CC6.2",
        about: "SOC 2: users are registered and authorized before they get credentials",
        tables: &[SignIns],
        shows: "that tokens were had after a sign-in at the identity provider, with what its assertion says of it",
        lacks: "how the person was registered and approved there, and when they were removed: the identity provider's own records",
    },
    Control {
        id: "CC6.3",
        about: "SOC 2: access is given, changed and removed by role and least privilege",
        tables: &[Tokens, SignIns, Changes],
        shows: "the scopes and audience of each token, sign-outs and revocations, and changes of where tokens go",
        lacks: "groups, roles and the rule that gave the access: the record of this version does not name them; reviews of access",
    },
    Control {
        id: "CC6.6",
        about: "SOC 2: access from outside the boundary is protected against",
        tables: &[Refusals, Changes],
        shows: "requests that were turned away at the agent's doors, doors opened for containers and far machines and closed again, callers recorded as remote",
        lacks: "the network's own boundary: firewalls, VPN, the identity provider's log of attempts to sign in",
    },
    Control {
        id: "CC7.2",
        about: "SOC 2: components are monitored for anomalies",
        tables: &[Refusals, Agent, Tokens],
        shows: "a record that is written before a token leaves, and that a change of it is found by; refusals and failures with their reasons",
        lacks: "that anybody looked at it, and alarms: the monitoring process itself",
    },
    Control {
        id: "CC7.3",
        about: "SOC 2: security events are evaluated",
        tables: &[Refusals, Agent, Changes],
        shows: "what there was to evaluate: refusals, failures, changes, and what happened to the record",
        lacks: "the evaluation, who made it, and what came of it",
    },
    Control {
        id: "A.5.15",
        about: "ISO 27001: access control",
        tables: &[Tokens, Refusals],
        shows: "that requests were judged and what each came to",
        lacks: "the access policy and its approval; access beside this agent",
    },
    Control {
        id: "A.5.16",
        about: "ISO 27001: identity management",
        tables: &[SignIns],
        shows: "which identities (issuer and subject) signed in here, and when",
        lacks: "the life cycle of identities: joiners, movers and leavers are the identity provider's",
    },
    Control {
        id: "A.5.17",
        about: "ISO 27001: authentication information",
        tables: &[Renewals, SignIns, Changes],
        shows: "renewals of tokens, revocations, and moves of the store that holds refresh tokens",
        lacks: "passwords and second factors, which this agent never sees; how the store itself is protected",
    },
    Control {
        id: "A.5.18",
        about: "ISO 27001: access rights",
        tables: &[Tokens, SignIns, Changes],
        shows: "rights as they were used (scopes and audiences of tokens that left), sign-outs and revocations",
        lacks: "rights as they were granted and reviewed; groups and rules, which the record of this version does not name",
    },
    Control {
        id: "A.8.2",
        about: "ISO 27001: privileged access rights",
        tables: &[Tokens, Changes],
        shows: "the scopes of each token, and deeds that only the owner of the agent may do",
        lacks: "which scopes are privileged: that is for whoever knows the target; administrators of the machine, who act beside the agent",
    },
    Control {
        id: "A.8.5",
        about: "ISO 27001: secure authentication",
        tables: &[SignIns],
        shows: "for each sign-in what the identity provider asserted: time, method (amr), class (acr), algorithm and key of the signature, and that the token was bound to it",
        lacks: "that the assertion is true: the identity provider's word is recorded, not its own evidence; sign-ins of before version 2 of the record",
    },
    Control {
        id: "A.8.15",
        about: "ISO 27001: logging",
        tables: &[Agent, SignIns, Tokens, Refusals, Changes, Runs],
        shows: "the log itself, byte for byte or by its hashes, under signed checkpoints, with its gaps named",
        lacks: "events that were never written; lines under no checkpoint; that the log is kept as long as it must be",
    },
    Control {
        id: "A.8.16",
        about: "ISO 27001: monitoring activities",
        tables: &[Refusals, Agent],
        shows: "what could be monitored: refusals and failures with count and reason",
        lacks: "that it was monitored, and by whom",
    },
    Control {
        id: "A.8.17",
        about: "ISO 27001: clock synchronization",
        tables: &[Agent],
        shows: "each line's time by this machine's clock (UTC), and each place where the next line is older",
        lacks: "that the clock was right, or synchronized: a clock that was set forward leaves no mark here",
    },
];

impl Control {
    pub fn named(id: &str) -> Option<&'static Self> {
        CONTROLS.iter().find(|control| control.id.eq_ignore_ascii_case(id.trim()))
    }
}
