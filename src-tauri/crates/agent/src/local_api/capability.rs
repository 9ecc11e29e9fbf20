//! Capabilities: 256 random bits that a client presents. Kept hashed; a run's one dies with its
//! process. A request with a capability is judged by it alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use dagpass_core::lanes::{Lane, Within};
use dagpass_core::principal::{Kind, Mark, Narrowing};
use dagpass_core::profile::ProfileName;

use crate::random::random;

/// Those that are good now, by the SHA-256 of what is presented: a look-up by hash compares no
/// secret byte by byte.
#[derive(Debug, Default)]
pub(super) struct Capabilities(Mutex<HashMap<[u8; 32], Holder>>);

/// Who presents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// A public name for the ledger: `endpoint`, or that of the run or the door.
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) narrowing: Narrowing,
    pub(super) env: Option<String>,
    /// Of a run within a run, and the outermost of them.
    pub(super) parent: Option<String>,
    pub(super) root: Option<String>,
    pub(super) lane: Lane,
    /// Of a run: what it lives as long as.
    pub(super) process: Option<Mark>,
}

impl Holder {
    /// Narrowed by nothing.
    pub(super) fn new(id: String, kind: Kind) -> Self {
        Self {
            id,
            kind,
            narrowing: Narrowing::default(),
            env: None,
            parent: None,
            root: None,
            lane: Lane::Free,
            process: None,
        }
    }
}

impl Capabilities {
    /// Makes one. The value is returned once and kept nowhere.
    pub(super) fn grant(&self, holder: Holder) -> Zeroizing<String> {
        let capability = Zeroizing::new(random());
        self.table().insert(hash(&capability), holder);
        capability
    }

    /// As [`grant`](Self::grant), where `fits` says so of those that there are.
    pub(super) fn grant_if<E>(
        &self,
        holder: Holder,
        fits: impl FnOnce(&mut dyn Iterator<Item = &Holder>) -> Result<(), E>,
    ) -> Result<Zeroizing<String>, E> {
        let capability = Zeroizing::new(random());
        let mut table = self.table();
        fits(&mut table.values())?;
        table.insert(hash(&capability), holder);
        Ok(capability)
    }

    pub(super) fn holder(&self, presented: &str) -> Option<Holder> {
        self.table().get(&hash(presented)).cloned()
    }

    /// With all that was granted under it. `true` where there was one of that name.
    pub(super) fn revoke(&self, id: &str) -> bool {
        let mut table = self.table();
        let before = table.len();
        let mut gone = vec![id.to_owned()];
        while let Some(id) = gone.pop() {
            table.retain(|_, holder| holder.id != id);
            let children = table.values().filter(|holder| holder.parent.as_ref() == Some(&id));
            gone.extend(children.map(|holder| holder.id.clone()));
        }
        table.len() < before
    }

    /// Runs that may ask for that profile's tokens, by their public names.
    pub(super) fn runs_on(&self, profile: &ProfileName) -> BTreeSet<String> {
        let table = self.table();
        let asks = |one: &&Holder| {
            matches!(one.kind, Kind::Run(_)) && one.narrowing.covers_profile(profile)
        };
        table.values().filter(asks).map(|one| one.id.clone()).collect()
    }

    pub(super) fn is_run(&self, id: &str) -> bool {
        self.table().values().any(|one| one.id == id && matches!(one.kind, Kind::Run(_)))
    }

    /// The processes that runs in a lane began with.
    pub(super) fn roots(&self) -> Vec<(Mark, Vec<Within>)> {
        let table = self.table();
        let root = |holder: &Holder| {
            let within = holder.lane.within();
            (!within.is_empty()).then_some((holder.process?, within.to_vec()))
        };
        table.values().filter_map(root).collect()
    }

    /// The runs that go on in that lane, by their public names.
    pub(super) fn runs_in(&self, lane: &str) -> Vec<String> {
        let table = self.table();
        let is_in = |holder: &&Holder| {
            matches!(holder.kind, Kind::Run(_))
                && holder.lane.names().iter().any(|one| **one == *lane)
        };
        let mut runs: Vec<String> =
            table.values().filter(is_in).map(|holder| holder.id.clone()).collect();
        runs.sort();
        runs
    }

    /// Does a run of that name go on in that lane?
    pub(super) fn is_within(&self, id: &str, lane: &Lane) -> bool {
        self.table().values().any(|holder| holder.id == id && holder.lane == *lane)
    }

    /// Is it `ancestor` itself, or was it granted under it?
    pub(super) fn descends(&self, id: &str, ancestor: &str) -> bool {
        let table = self.table();
        let mut at = Some(id.to_owned());
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = table.values().find(|holder| holder.id == id).and_then(|one| one.parent.clone());
        }
        false
    }

    fn table(&self) -> MutexGuard<'_, HashMap<[u8; 32], Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(capability: &str) -> [u8; 32] {
    Sha256::digest(capability.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn run(id: &str, parent: Option<&str>) -> Holder {
        let parent = parent.map(str::to_owned);
        Holder { parent, ..Holder::new(id.to_owned(), Kind::Run(id.to_owned())) }
    }

    #[test]
    fn a_capability_is_256_bits_and_dies_when_revoked() {
        let capabilities = Capabilities::default();
        let capability = capabilities.grant(run("run-1", None));
        assert_eq!(URL_SAFE_NO_PAD.decode(capability.as_bytes()).unwrap().len(), 32);
        assert_eq!(capabilities.holder(&capability), Some(run("run-1", None)));
        assert_eq!(capabilities.holder("guess"), None);
        assert!(capabilities.revoke("run-1"));
        assert_eq!(capabilities.holder(&capability), None);
        assert!(!capabilities.revoke("run-1"));
    }

    #[test]
    fn what_was_granted_under_a_run_ends_with_it() {
        let capabilities = Capabilities::default();
        let outer = capabilities.grant(run("run-1", None));
        let other = capabilities.grant(run("run-2", None));
        let inner = capabilities.grant(run("run-3", Some("run-1")));
        let inmost = capabilities.grant(run("run-4", Some("run-3")));
        for (id, ancestor, expected) in [
            ("run-4", "run-1", true),
            ("run-1", "run-1", true),
            ("run-1", "run-4", false),
            ("run-2", "run-1", false),
            ("run-9", "run-1", false),
        ] {
            assert_eq!(capabilities.descends(id, ancestor), expected, "{id} {ancestor}");
        }
        assert!(capabilities.revoke("run-1"));
        for gone in [&outer, &inner, &inmost] {
            assert_eq!(capabilities.holder(gone), None);
        }
        assert!(capabilities.holder(&other).is_some());
    }

    #[test]
    fn the_table_holds_no_capability_in_clear() {
        let capabilities = Capabilities::default();
        let capability = capabilities.grant(Holder::new("endpoint".into(), Kind::Owner));
        assert!(!format!("{capabilities:?}").contains(capability.as_str()));
    }
}
