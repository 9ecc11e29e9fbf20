//! The two providers as the matrix needs them: hold a request, let it go, and tell what was presented,
//! issued and answered. Decides nothing of what is right.

use std::sync::Arc;

use dagpass_sandbox::{Family as Product, Options, Sandbox};

use super::steps::{Step, Work};
use crate::idp::{Family, Idp, Setting};
use crate::world::World;

/// Seconds an access token lives there.
const LIFE: u32 = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    Independent,
    Sandbox,
}

impl Ground {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Independent => "the independent provider",
            Self::Sandbox => "the sandbox",
        }
    }

    /// A replayed refresh token ends its family at both.
    pub(super) fn start(self, step: Step) -> Box<dyn Provider> {
        match self {
            Self::Independent => {
                // Opaque access tokens are the ones it exchanges.
                let opaque = step.work() == Work::Exchange;
                let family = if opaque { Family::PingFederate } else { Family::PingOne };
                Box::new(Idp::start(Setting { access: LIFE, ..Setting::of(family) }))
            }
            Self::Sandbox => {
                let sandbox = Sandbox::start(Product::PingOne, Options::default());
                sandbox.quirks(|quirks| {
                    quirks.at_ttl = LIFE.into();
                    quirks.device_interval = 1;
                });
                Box::new(Arc::new(sandbox))
            }
        }
    }
}

/// Which request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Keys,
    Code,
    Device,
    Refresh,
    Exchange,
    Revocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Delivered(u16),
    /// Its client was gone before the provider acted.
    Unserved,
    /// The provider acted, and nobody ever had its answer.
    Undelivered,
}

/// One request for or with a token, tokens as fingerprints.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) place: Place,
    pub(super) client: String,
    pub(super) presented: Option<String>,
    pub(super) issued: Option<String>,
    pub(super) answer: Answer,
}

pub(super) trait Provider: Send {
    fn issuer(&self) -> String;
    fn client_id(&self) -> String;
    /// A profile `prod` here; `more` may open tables of its own.
    fn config(&self, more: &str) -> String;
    /// The next request of that kind waits.
    fn hold(&self, place: Place, when: When);
    fn holds(&self) -> bool;
    fn release(&self);
    /// Until nothing is held and everything that came in was answered.
    fn wait_answered(&self);
    /// A person signs in at that address; gives where the browser is sent then.
    fn authorize(&self, url: &str) -> String;
    fn approve(&self, user_code: &str);
    fn call_api(&self, token: &str) -> u16;
    /// In order, since the start. `killed`: the client of what was held is gone.
    fn calls(&self, killed: bool) -> Vec<Call>;
    fn give_secrets(&self, world: &World);
}
