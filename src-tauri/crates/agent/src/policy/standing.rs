//! What is in force, and what stands on disk: looked at whenever the config or the file may have changed. A
//! layer that does not load is judged by as it last did; where it never did, no token leaves.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dagpass_client::owner;
use dagpass_client::wire::ConfigProblem;

use super::judge::Layers;
use super::kept::{Kept, KeptLayer, Shelf};
use super::layer::Layer;
use super::others::MACHINE;
use super::problem::Source;
use super::{Engine, Stance, rule};
use crate::config::{POLICY_FILE, PolicyConfig};

/// The engine and what it is to judge by.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) engine: Arc<Engine>,
    shelf: Shelf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// As it was last read, whether it loads or not.
    seen: Option<Vec<Wanted>>,
    /// By what is judged, layer by layer.
    layers: Vec<Arc<Layer>>,
    /// Of what was last put on the record: the digest, or `None` where there was no policy.
    told: Option<Arc<str>>,
    problems: Vec<ConfigProblem>,
    /// Some layer serves as it last did.
    outdated: bool,
    /// A file that was there is gone since the last look: some editors move it away before they write.
    missed: bool,
}

/// A layer as it stands on disk, or why it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) sources: Result<Vec<Source>, ConfigProblem>,
}

/// For a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// `none`, `in_force`, `outdated`: the last good one serves; `shut`: none does, and no token leaves.
    pub(crate) state: &'static str,
    pub(crate) digest: Option<Arc<str>>,
    pub(crate) problems: Vec<ConfigProblem>,
}

/// What a look came to, where it was anything new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Another policy: its digest before and now.
    Changed { before: Option<Arc<str>>, now: Option<Arc<str>> },
    /// It does not load.
    Wrong(ConfigProblem),
}

impl Standing {
    /// With what was in force in an earlier life of the agent.
    pub(crate) fn open(place: PathBuf) -> Self {
        let shelf = Shelf::at(place);
        let digest = shelf.read().digest;
        let told = Some(digest).filter(|digest| !digest.is_empty()).map(Arc::from);
        let state = Mutex::new(State { told, ..State::default() });
        Self { engine: Arc::default(), shelf, state }
    }

    /// What the person's config and the file beside it say. `config` is where the config stands.
    pub(crate) fn of_person(&self, policy: &PolicyConfig, config: &Path) -> Vec<Wanted> {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut wanted = Vec::new();
        if let Some(source) = rule::cedar(policy, config) {
            let name = name(config).unwrap_or_else(|| "config.toml".to_owned());
            wanted.push(Wanted { name, sources: Ok(vec![source]) });
        }
        let path = self.path(policy, config);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && policy.file.is_none() => None,
            read => Some(read),
        };
        if let Some(read) = text {
            let file = path.display().to_string();
            let unread = |error: io::Error| ConfigProblem {
                file: file.clone(),
                message: format!("cannot be read: {}", owner::why(&path, &error)),
                ..ConfigProblem::default()
            };
            let sources =
                read.map_err(unread).map(|text| vec![Source { file: file.clone(), text }]);
            let name = name(&path).unwrap_or_else(|| POLICY_FILE.to_owned());
            wanted.push(Wanted { name, sources });
        }
        wanted
    }

    /// Where the file is, or would be.
    pub(crate) fn path(&self, policy: &PolicyConfig, config: &Path) -> PathBuf {
        policy.file.clone().unwrap_or_else(|| config.with_file_name(POLICY_FILE))
    }

    /// By what is judged; `None` where there is no policy, or none that loads.
    pub(crate) fn layers(&self) -> Option<Arc<Layers>> {
        match self.engine.stance() {
            Stance::Open => None,
            Stance::Layers(layers) => Some(layers),
            Stance::Shut { rest, .. } => rest,
        }
    }

    /// What is wrong with it, where it is not taken.
    pub(crate) fn check(wanted: &[Wanted]) -> Vec<ConfigProblem> {
        let wrong = |one: &Wanted| match &one.sources {
            Ok(sources) => Layer::compile(&one.name, sources.clone()).err().unwrap_or_default(),
            Err(problem) => vec![problem.clone()],
        };
        wanted.iter().flat_map(wrong).collect()
    }

    /// Takes what is wanted, top layer first. It is in force once `tell` has put it on the record.
    pub(crate) fn look<E>(
        &self,
        wanted: Vec<Wanted>,
        tell: impl Fn(&News) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut state = self.lock();
        if state.seen.as_ref() == Some(&wanted) {
            state.missed = false;
            return Ok(false);
        }
        let fewer = state.seen.as_ref().is_some_and(|seen| wanted.len() < seen.len());
        if fewer && !std::mem::replace(&mut state.missed, true) {
            return Ok(false);
        }
        let kept = self.shelf.read();
        let mut found = Found::default();
        for one in &wanted {
            found.take(one, &state.layers, &kept);
        }
        let mut machines = Found::default();
        for one in wanted.iter().filter(|one| one.name == MACHINE) {
            machines.take(one, &state.layers, &kept);
        }
        let stance = found.stance();
        let now = match &stance {
            Stance::Layers(layers) => Some(layers.digest.clone()),
            Stance::Open | Stance::Shut { .. } => None,
        };
        // Until it is on the record, nothing is judged by less than this.
        if state.seen.is_none() && !wanted.is_empty() {
            let why = "the policy's change is not on the record".into();
            self.engine.take(Stance::Shut { why, rest: None });
        }
        if let Some(problem) = found.problems.first().filter(|_| found.problems != state.problems) {
            tell(&News::Wrong(problem.clone()))?;
        }
        if now != state.told && !found.shut {
            tell(&News::Changed { before: state.told.clone(), now: now.clone() })?;
            state.told = now.clone();
        }
        self.engine.take(stance);
        self.engine.take_machines(machines.stance());
        if !found.shut {
            let layers = found.layers.iter().map(|layer| KeptLayer::of(layer)).collect();
            self.shelf.keep(&Kept { digest: now.unwrap_or_default().to_string(), layers });
        }
        *state = State {
            seen: Some(wanted),
            layers: found.layers,
            told: state.told.clone(),
            problems: found.problems,
            outdated: found.outdated,
            missed: false,
        };
        Ok(true)
    }

    pub(crate) fn shown(&self) -> Shown {
        let state = self.lock();
        let (word, digest) = match self.engine.stance() {
            Stance::Open => ("none", None),
            Stance::Shut { .. } => ("shut", None),
            Stance::Layers(layers) => {
                (if state.outdated { "outdated" } else { "in_force" }, Some(layers.digest.clone()))
            }
        };
        Shown { state: word, digest, problems: state.problems.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all that is wanted comes to.
#[derive(Debug, Default)]
struct Found {
    layers: Vec<Arc<Layer>>,
    problems: Vec<ConfigProblem>,
    outdated: bool,
    shut: bool,
}

impl Found {
    fn take(&mut self, wanted: &Wanted, serving: &[Arc<Layer>], kept: &Kept) {
        let problems = match &wanted.sources {
            Ok(sources) => match Layer::compile(&wanted.name, sources.clone()) {
                Ok(layer) => return self.layers.push(Arc::new(layer)),
                Err(problems) => problems,
            },
            Err(problem) => vec![problem.clone()],
        };
        self.problems.extend(problems);
        let serves = serving.iter().find(|layer| layer.name == wanted.name).cloned();
        let kept = kept.layers.iter().find(|layer| layer.name == wanted.name);
        let last_good = serves.or_else(|| kept.and_then(KeptLayer::compiled).map(Arc::new));
        match last_good {
            Some(layer) => {
                self.outdated = true;
                self.layers.push(layer);
            }
            None => self.shut = true,
        }
    }

    fn stance(&self) -> Stance {
        match (self.shut, self.layers.as_slice()) {
            (true, layers) => {
                let told = self.problems.first().map(ToString::to_string).unwrap_or_default();
                let why = format!("the policy does not load, and none is kept: {told}").into();
                let rest = (!layers.is_empty()).then(|| Arc::new(Layers::new(layers.to_vec())));
                Stance::Shut { why, rest }
            }
            (false, []) => Stance::Open,
            (false, layers) => Stance::Layers(Arc::new(Layers::new(layers.to_vec()))),
        }
    }
}
