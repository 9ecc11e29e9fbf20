//! The policies of repositories, pinned to the runs that began in them: what becomes of the file later is no
//! matter of theirs. A run within a run keeps the outer one's besides its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dagpass_client::wire::ConfigProblem;

use super::judge::Layers;
use super::layer::Layer;
use super::others;
use crate::system;

#[derive(Debug, Default)]
pub(super) struct Runs {
    /// All that go on, with a policy of their own or without.
    all: Mutex<HashMap<String, Pinned>>,
    /// Some run had one since the agent began: whatever is on its way of it is still to be judged.
    ever: AtomicBool,
}

/// It is over, so that nobody knows by what it was to be judged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended;

#[derive(Debug)]
struct Pinned {
    own: Vec<Arc<Layer>>,
    /// With those that hold for everybody, as they were when it was last asked.
    all: Option<(Vec<Arc<Layer>>, Arc<Layers>)>,
}

impl Runs {
    /// Takes what stands at or above the folder that the system says the run begins in.
    pub(super) fn begin(
        &self,
        run: &str,
        (outer, folder): (Option<&str>, Option<&Path>),
    ) -> Result<(), Box<ConfigProblem>> {
        let of_repository = |folder| system::patiently(|| others::of_repository(folder));
        let found = folder.map(of_repository).transpose()?.flatten();
        let mut runs = self.lock();
        let of_outer = outer.and_then(|outer| runs.get(outer)).map(|outer| outer.own.clone());
        let mut own = of_outer.unwrap_or_default();
        if let Some(found) =
            found.filter(|found| own.iter().all(|one| one.sources != found.sources))
        {
            own.push(Arc::new(found));
        }
        if !own.is_empty() {
            self.ever.store(true, Ordering::SeqCst);
        }
        runs.insert(run.to_owned(), Pinned { own, all: None });
        Ok(())
    }

    pub(super) fn end(&self, run: &str) {
        self.lock().remove(run);
    }

    /// Has any run that goes on a policy of its own?
    pub(super) fn has_any(&self) -> bool {
        self.lock().values().any(|pinned| !pinned.own.is_empty())
    }

    pub(super) fn ever_had_any(&self) -> bool {
        self.ever.load(Ordering::SeqCst)
    }

    /// By what it is judged, where it has any of its own. Put together once for as long as neither changes.
    pub(super) fn layers(
        &self,
        run: &str,
        everybodys: &[Arc<Layer>],
    ) -> Result<Option<Arc<Layers>>, Ended> {
        let mut runs = self.lock();
        let pinned = runs.get_mut(run).ok_or(Ended)?;
        if pinned.own.is_empty() {
            return Ok(None);
        }
        let same = |known: &[Arc<Layer>]| {
            known.len() == everybodys.len()
                && known.iter().zip(everybodys).all(|(one, other)| Arc::ptr_eq(one, other))
        };
        if let Some((_, layers)) = pinned.all.as_ref().filter(|(known, _)| same(known)) {
            return Ok(Some(layers.clone()));
        }
        let all = everybodys.iter().chain(&pinned.own).cloned().collect();
        let layers = Arc::new(Layers::new(all));
        pinned.all = Some((everybodys.to_vec(), layers.clone()));
        Ok(Some(layers))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pinned>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
