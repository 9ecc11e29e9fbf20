//! The policies of repositories, pinned to the runs that began in them: what becomes of the file later is no
//! matter of theirs. A run within a run keeps the outer one's besides its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dagpass_client::wire::ConfigProblem;

use super::judge::Layers;
use super::layer::Layer;
use super::others;

#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<HashMap<String, Pinned>>);

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
        let found = folder.map(others::of_repository).transpose()?.flatten();
        let mut runs = self.lock();
        let of_outer = outer.and_then(|outer| runs.get(outer)).map(|outer| outer.own.clone());
        let mut own = of_outer.unwrap_or_default();
        if let Some(found) =
            found.filter(|found| own.iter().all(|one| one.sources != found.sources))
        {
            own.push(Arc::new(found));
        }
        if !own.is_empty() {
            runs.insert(run.to_owned(), Pinned { own, all: None });
        }
        Ok(())
    }

    pub(super) fn end(&self, run: &str) {
        self.lock().remove(run);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// By what it is judged, where it has any of its own. Put together once for as long as neither changes.
    pub(super) fn layers(&self, run: &str, everybodys: &[Arc<Layer>]) -> Option<Arc<Layers>> {
        let mut runs = self.lock();
        let pinned = runs.get_mut(run)?;
        let same = |known: &[Arc<Layer>]| {
            known.len() == everybodys.len()
                && known.iter().zip(everybodys).all(|(one, other)| Arc::ptr_eq(one, other))
        };
        if let Some((_, layers)) = pinned.all.as_ref().filter(|(known, _)| same(known)) {
            return Some(layers.clone());
        }
        let all = everybodys.iter().chain(&pinned.own).cloned().collect();
        let layers = Arc::new(Layers::new(all));
        pinned.all = Some((everybodys.to_vec(), layers.clone()));
        Some(layers)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pinned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
