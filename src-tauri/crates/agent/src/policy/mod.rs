//! Policy as code: judges by Cedar what the built-in rules have permitted. The only room that names
//! `cedar-policy`.
//!
//! `language` is our schema, `layer` compiles texts, `facts` puts a request in Cedar's words, `judge` gives the
//! verdict, `rule` turns the config's short form into Cedar, `standing` keeps what is in force.

mod as_if;
mod facts;
mod judge;
mod kept;
mod language;
mod layer;
mod lint;
mod memo;
mod mentions;
mod problem;
mod rule;
mod standing;
mod tested;
#[cfg(test)]
mod tests;
mod why;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use dagpass_core::policy::engine::{Authorizer, Basis, Question, Verdict};

pub(crate) use self::judge::Layers;
pub(crate) use kept::FILE as KEPT_FILE;
pub use language::SCHEMA;
pub(crate) use problem::Source;
pub(crate) use standing::{News, Standing, Wanted};

/// Judges by the layers in force. Without any it is not asked.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    in_force: AtomicBool,
    stance: RwLock<Stance>,
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

impl Engine {
    pub(crate) fn take(&self, stance: Stance) {
        let judges = !matches!(stance, Stance::Open);
        *self.stance.write().unwrap_or_else(PoisonError::into_inner) = stance;
        self.in_force.store(judges, Ordering::Release);
    }

    pub(crate) fn stance(&self) -> Stance {
        self.stance.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Authorizer for Engine {
    fn is_in_force(&self) -> bool {
        self.in_force.load(Ordering::Acquire)
    }

    fn judge(&self, question: &Question<'_>) -> Verdict {
        if language::is_outside(question.action) {
            return Verdict::Permit(Basis::default());
        }
        match self.stance() {
            Stance::Open => Verdict::Permit(Basis::default()),
            Stance::Layers(layers) => layers.judge(question),
            Stance::Shut { why, .. } if language::group(question.action) == language::TOKENS => {
                Verdict::Deny(Basis::default(), why.to_string())
            }
            Stance::Shut { rest: Some(rest), .. } => rest.judge(question),
            Stance::Shut { rest: None, .. } => Verdict::Permit(Basis::default()),
        }
    }
}
