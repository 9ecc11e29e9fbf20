//! What is in force, and what stands on disk: looked at whenever the config or the file may have changed. A
//! layer that does not load is judged by as it last did; where it never did, no token leaves.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dagpass_client::owner;
use dagpass_client::wire::ConfigProblem;

use super::judge::Layers;
use super::kept::{Kept, KeptLayer, Shelf};
use super::layer::Layer;
use super::problem::Source;
use super::{Engine, Stance, rule};
use crate::config::{POLICY_FILE, PolicyConfig};
use crate::system::{self, MISSED};

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
    layers: Vec<(Whose, Arc<Layer>)>,
    /// Of what was last put on the record: the digest, or `None` where there was no policy.
    told: Option<Arc<str>>,
    problems: Vec<ConfigProblem>,
    /// Some layer serves as it last did.
    outdated: bool,
    /// Since when a file that was there is gone: some editors move it away before they write.
    missed: Option<Instant>,
}

/// Whose a layer is, whatever it is called. From the top down.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Whose {
    Machine,
    PersonRules,
    #[default]
    PersonFile,
}

/// A layer as it stands on disk, or why it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) whose: Whose,
    pub(crate) name: String,
    pub(crate) sources: Result<Vec<Source>, ConfigProblem>,
    /// It is not by those who may say so, where anybody may put one there: told, and not judged by.
    pub(crate) is_foreign: bool,
}

impl Wanted {
    pub(crate) fn new(
        whose: Whose,
        name: String,
        sources: Result<Vec<Source>, ConfigProblem>,
    ) -> Self {
        Self { whose, name, sources, is_foreign: false }
    }
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
            let name = match &policy.rules_file {
                Some(machines) => machines.display().to_string(),
                None => name(config).unwrap_or_else(|| "config.toml".to_owned()),
            };
            let whose = Whose::PersonRules;
            wanted.push(Wanted::new(whose, name, Ok(vec![source])));
        }
        let path = self.path(policy, config);
        let text = match system::read_text(&path).transpose() {
            None if policy.file.is_some() => Some(Err(io::ErrorKind::NotFound.into())),
            read => read,
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
            wanted.push(Wanted::new(Whose::PersonFile, name, sources));
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

    /// Why no token leaves, where that is for want of a policy that loads.
    pub(crate) fn shut(&self) -> Option<Arc<str>> {
        match self.engine.stance() {
            Stance::Open | Stance::Layers(_) => None,
            Stance::Shut { why, .. } => Some(why),
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
        now: Instant,
        tell: impl Fn(&News) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut state = self.lock();
        let wanted = state.and_missed(wanted, now, &self.shelf);
        if state.seen.as_ref() == Some(&wanted) {
            return Ok(false);
        }
        let kept = self.shelf.read();
        let mut found = Found::default();
        for one in &wanted {
            found.take(one, &state.layers, &kept);
        }
        let mut machines = Found::default();
        for one in wanted.iter().filter(|one| one.whose == Whose::Machine) {
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
            // The machine's is not for the person's folder: what lies there is the person's to write.
            let own = found.layers.iter().filter(|(whose, _)| *whose != Whose::Machine);
            let layers = own.map(|(whose, layer)| KeptLayer::of(*whose, layer)).collect();
            self.shelf.keep(&Kept::new(now.unwrap_or_default().to_string(), layers));
        }
        *state = State {
            seen: Some(wanted),
            layers: found.layers,
            told: state.told.clone(),
            problems: found.problems,
            outdated: found.outdated,
            missed: state.missed,
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

impl State {
    /// With what was there a moment ago, in an earlier life of the agent too.
    fn and_missed(&mut self, mut wanted: Vec<Wanted>, now: Instant, shelf: &Shelf) -> Vec<Wanted> {
        let before = match &self.seen {
            Some(seen) => seen.clone(),
            None => shelf.read().layers.iter().map(KeptLayer::wanted).collect(),
        };
        // The config was read whole, and says that there are no rules.
        let is_file = |one: &Wanted| one.whose != Whose::PersonRules && !one.is_foreign;
        let is_gone = |one: &Wanted| wanted.iter().all(|other| other.whose != one.whose);
        let gone: Vec<Wanted> =
            before.into_iter().filter(|one| is_file(one) && is_gone(one)).collect();
        if gone.is_empty() {
            self.missed = None;
            return wanted;
        }
        let since = *self.missed.get_or_insert(now);
        if now.saturating_duration_since(since) < MISSED {
            wanted.extend(gone);
            wanted.sort_by_key(|one| one.whose);
        }
        wanted
    }
}

/// What all that is wanted comes to.
#[derive(Debug, Default)]
struct Found {
    layers: Vec<(Whose, Arc<Layer>)>,
    problems: Vec<ConfigProblem>,
    outdated: bool,
    shut: bool,
}

impl Found {
    fn take(&mut self, wanted: &Wanted, serving: &[(Whose, Arc<Layer>)], kept: &Kept) {
        let whose = wanted.whose;
        let problems = match &wanted.sources {
            Ok(sources) => match Layer::compile(&wanted.name, sources.clone()) {
                Ok(layer) => return self.layers.push((whose, Arc::new(layer))),
                Err(problems) => problems,
            },
            Err(problem) => vec![problem.clone()],
        };
        self.problems.extend(problems);
        if wanted.is_foreign {
            return;
        }
        let serves = serving.iter().find(|(of, _)| *of == whose).map(|(_, layer)| layer.clone());
        let kept = kept.layers.iter().find(|layer| layer.whose == whose);
        // Nobody but the machine's own file says what the machine's policy is.
        let kept = kept.filter(|_| whose != Whose::Machine);
        let last_good = serves.or_else(|| kept.and_then(KeptLayer::compiled).map(Arc::new));
        match last_good {
            Some(layer) => {
                self.outdated = true;
                self.layers.push((whose, layer));
            }
            None => self.shut = true,
        }
    }

    fn stance(&self) -> Stance {
        let layers: Vec<Arc<Layer>> = self.layers.iter().map(|(_, layer)| layer.clone()).collect();
        match (self.shut, layers.as_slice()) {
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
