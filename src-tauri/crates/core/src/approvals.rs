//! What a person has to be asked first: one answer for a process tree, a program, a connection, an audience,
//! scopes and a rule.

use crate::policy::Denied;
use crate::policy::engine::{Basis, Question};

/// What was asked and answered.
#[derive(Debug, Default)]
pub(crate) struct Approvals;

impl Approvals {
    /// `Ok` with what the permit rests on, where it is approved.
    pub(crate) fn settle(&self, _: &Question<'_>, basis: Basis) -> Result<Basis, Denied> {
        let rules = basis.rules.join(", ");
        let reason = format!("the rule `{rules}` asks for an approval, and nobody gave one");
        Err(Denied { reason, basis })
    }
}
