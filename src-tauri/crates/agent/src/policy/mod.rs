//! Policy as code: judges by Cedar what the built-in rules have permitted. The only room that names
//! `cedar-policy`.
//!
//! `language` is our schema, `layer` compiles texts, `facts` puts a request in Cedar's words, `judge` gives the
//! verdict, `rule` turns the config's short form into Cedar, `standing` keeps what is in force, `others` finds the
//! machine's and a repository's, `runs` pins the latter.

mod aim;
mod as_if;
mod facts;
mod judge;
mod kept;
mod language;
mod layer;
mod lint;
mod memo;
mod mentions;
mod moments;
mod nesting;
mod others;
mod problem;
mod rule;
mod runs;
mod standing;
mod tested;
#[cfg(test)]
mod tests;
mod why;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use dagpass_client::wire::ConfigProblem;
use dagpass_core::policy::Action;
use dagpass_core::policy::engine::{Authorizer, Basis, Question, Verdict};
use dagpass_core::principal::Kind;
use dagpass_core::time::Timestamp;

pub(crate) use self::judge::Layers;
use self::layer::Layer;
use self::runs::Runs;
pub(crate) use kept::FILE as KEPT_FILE;
pub use language::SCHEMA;
pub(crate) use others::of_machine;
pub(crate) use problem::Source;
pub(crate) use standing::{News, Standing, Wanted, Whose};

/// Judges by the layers in force. Without any it is not asked.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    stances: RwLock<Stances>,
    runs: Runs,
}

#[derive(Debug, Default)]
struct Stances {
    whole: Stance,
    /// By the machine's policy alone.
    machines: Stance,
    glass: Option<Glass>,
}

/// The person's own policy, and that of a repository, are switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glass {
    pub(crate) reason: String,
    pub(crate) until: Timestamp,
}

impl std::fmt::Display for Glass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let until = jiff::Timestamp::from_second(self.until.as_secs());
        let until = until.map(|until| until.to_string()).unwrap_or_default();
        write!(f, "until {until}: {}", self.reason)
    }
}

/// By what is judged now?
#[derive(Clone, Debug, Default)]
pub(crate) enum Stance {
    /// By nothing: what the built-in rules permit is permitted.
    #[default]
    Open,
    Layers(Arc<Layers>),
    /// There is a policy, and none that could be judged by: no token leaves.
    /// The rest of them judge whatever else is asked.
    Shut {
        why: Arc<str>,
        rest: Option<Arc<Layers>>,
    },
}

impl Stance {
    fn layers(&self) -> &[Arc<Layer>] {
        match self {
            Self::Open | Self::Shut { rest: None, .. } => &[],
            Self::Layers(layers) | Self::Shut { rest: Some(layers), .. } => &layers.all,
        }
    }

    /// `own` is what holds for whoever asks, instead of what holds for everybody.
    fn judge(&self, question: &Question<'_>, own: Option<&Layers>) -> Verdict {
        let is_token = language::group(question.action) == language::TOKENS;
        let layers = match self {
            Self::Shut { why, .. } if is_token => {
                return Verdict::Deny(Basis::default(), told(why, &question.principal.kind));
            }
            Self::Open | Self::Shut { rest: None, .. } => None,
            Self::Layers(layers) | Self::Shut { rest: Some(layers), .. } => Some(&**layers),
        };
        match own.or(layers) {
            Some(layers) => layers.judge(question),
            None => Verdict::Permit(Basis::default()),
        }
    }
}

/// Where a policy lies and what stands in it is the owner's to know.
fn told(why: &str, kind: &Kind) -> String {
    match kind {
        Kind::Owner | Kind::Agent => why.to_owned(),
        Kind::Run(_) | Kind::Container(_) | Kind::Forwarded(_) | Kind::Relay => {
            "the policy does not load, and none is kept".to_owned()
        }
    }
}

impl Engine {
    pub(crate) fn take(&self, stance: Stance) {
        self.stances.write().unwrap_or_else(PoisonError::into_inner).whole = stance;
    }

    /// What stays in force whatever a person switches off.
    pub(crate) fn take_machines(&self, stance: Stance) {
        self.stances.write().unwrap_or_else(PoisonError::into_inner).machines = stance;
    }

    pub(crate) fn stance(&self) -> Stance {
        self.stances.read().unwrap_or_else(PoisonError::into_inner).whole.clone()
    }

    /// Switches all off but the machine's, or on again.
    pub(crate) fn break_glass(&self, glass: Option<Glass>) {
        self.stances.write().unwrap_or_else(PoisonError::into_inner).glass = glass;
    }

    /// Is it over with what was switched off? Told once.
    pub(crate) fn mended(&self, now: Timestamp) -> bool {
        let mut stances = self.stances.write().unwrap_or_else(PoisonError::into_inner);
        stances.glass.take_if(|glass| glass.until <= now).is_some()
    }

    pub(crate) fn broken(&self, now: Timestamp) -> Option<Glass> {
        let stances = self.stances.read().unwrap_or_else(PoisonError::into_inner);
        stances.glass.clone().filter(|glass| now < glass.until)
    }

    /// Is there any policy that could be switched off?
    pub(crate) fn has_any(&self) -> bool {
        !matches!(self.stance(), Stance::Open) || self.runs.has_any()
    }

    /// A run begins in a folder, as the system says: a repository's policy there is its own from now on.
    pub(crate) fn begin_run(
        &self,
        run: &str,
        within: (Option<&str>, Option<&Path>),
    ) -> Result<(), Box<ConfigProblem>> {
        self.runs.begin(run, within)
    }

    pub(crate) fn end_run(&self, run: &str) {
        self.runs.end(run);
    }
}

impl Authorizer for Engine {
    fn is_in_force(&self) -> bool {
        let stances = self.stances.read().unwrap_or_else(PoisonError::into_inner);
        !matches!(stances.whole, Stance::Open) || self.runs.ever_had_any()
    }

    fn judge(&self, question: &Question<'_>) -> Verdict {
        if question.action.is_outside_policy() {
            return Verdict::Permit(Basis::default());
        }
        let (stance, is_broken) = {
            let stances = self.stances.read().unwrap_or_else(PoisonError::into_inner);
            let is_broken = stances.glass.as_ref().is_some_and(|glass| question.now < glass.until);
            // Nobody is kept by his own policy from switching it off, nor from switching it on.
            let machines = is_broken || question.action == Action::BreakGlass;
            (if machines { &stances.machines } else { &stances.whole }.clone(), machines)
        };
        let own = match &question.principal.kind {
            Kind::Run(run) if !is_broken => match self.runs.layers(run, stance.layers()) {
                Ok(own) => own,
                Err(runs::Ended) => {
                    let why = "the run that asks has ended".to_owned();
                    return Verdict::Deny(Basis::default(), why);
                }
            },
            Kind::Run(_)
            | Kind::Agent
            | Kind::Owner
            | Kind::Container(_)
            | Kind::Forwarded(_)
            | Kind::Relay => None,
        };
        stance.judge(question, own.as_deref())
    }
}
