//! What becomes of a session that is ended without anybody asking: what runs in flight at that moment goes
//! on for a while, nobody else is served, and whoever asks hears why.

use std::collections::BTreeSet;

use crate::logout::{Reason, Rules};
use crate::principal::{Kind, Principal};
use crate::time::Timestamp;

impl Rules {
    /// Whoever looks next lets a run in flight go on.
    pub(crate) fn leaves_to_the_grace(&self, principal: &Principal) -> bool {
        !self.grace.is_zero() && matches!(principal.kind, Kind::Run(_))
    }
}

/// Nobody is signed in any more, and some runs go on until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindUp {
    pub reason: Reason,
    pub at: Timestamp,
    pub until: Timestamp,
    /// Those that were in flight, by their public names. Their own runs are among them.
    pub runs: BTreeSet<String>,
}

impl WindUp {
    /// A run within one of them goes on with it; one that began since is none of them.
    fn lets(&self, principal: &Principal, now: Timestamp) -> bool {
        let run = match &principal.kind {
            Kind::Run(id) => principal.root.as_ref().unwrap_or(id),
            Kind::Agent | Kind::Owner | Kind::Container(_) | Kind::Forwarded(_) | Kind::Relay => {
                return false;
            }
        };
        // Those that knew it by its own name were there; of the others it is the outermost.
        now < self.until && self.runs.contains(run)
    }
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out {
    pub reason: Reason,
    pub at: Timestamp,
}

/// How a session went, where nobody asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Winding(WindUp),
    Done(Out),
}

impl Gone {
    pub(crate) fn out(&self) -> Out {
        match self {
            Self::Winding(wind_up) => Out { reason: wind_up.reason, at: wind_up.at },
            Self::Done(out) => *out,
        }
    }

    /// Is this one not served, though something is still kept?
    pub(crate) fn shuts_out(&self, principal: &Principal, now: Timestamp) -> bool {
        match self {
            Self::Winding(wind_up) => !wind_up.lets(principal, now),
            Self::Done(_) => true,
        }
    }
}
