//! What was last put on the record of a config's ways, kept in the state folder: an edit while the agent
//! is off is told at the next start. Holds no secret.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Config;
use super::ways::{Change, Ways};
use crate::system;

/// Beside the ledger.
pub const FILE: &str = "config-told.json";

#[derive(Debug)]
pub struct Told {
    place: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// `None` where nothing was ever told: then nothing has changed either.
    ways: Option<Ways>,
    /// Something could not be put on the record yet.
    owes: bool,
}

impl Told {
    pub fn open(place: PathBuf) -> Self {
        let ways = match std::fs::read(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => {
                let parsed = read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
                parsed.inspect_err(|error| tracing::warn!(%error, "{FILE} cannot be read")).ok()
            }
        };
        Self { place, known: Mutex::new(Known { ways, owes: false }) }
    }

    /// Puts each change on the record by `record`, and remembers where that has gone well. Whatever it
    /// refuses is told again the next time, as it is then.
    pub fn tell<E>(
        &self,
        config: &Config,
        record: impl Fn(&Change) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = Ways::of(config);
        let mut known = self.lock();
        let before = known.ways.clone().unwrap_or_default();
        let told = before.changes(&now).iter().try_for_each(record);
        known.owes = told.is_err();
        told?;
        let after = before.then(&now);
        if known.ways.as_ref() != Some(&after) {
            self.keep(&after);
            known.ways = Some(after);
        }
        Ok(())
    }

    /// Is there a change that the record would not take?
    pub fn owes(&self) -> bool {
        self.lock().owes
    }

    fn keep(&self, ways: &Ways) {
        let text = serde_json::to_vec(ways).map_err(io::Error::from);
        if let Err(error) = text.and_then(|text| system::settle_private(&self.place, &text)) {
            tracing::error!(%error, "{FILE} not written");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
