//! What a sign-out came to, in the words of the local API.

use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::Revocation;

pub(super) const NOT_SIGNED_IN: &str = "not_signed_in";
pub(super) const PENDING: &str = Revocation::Pending.as_str();
pub(super) const UNCONFIRMED: &str = Revocation::Unconfirmed.as_str();

pub(super) fn word(revocation: Option<Revocation>) -> &'static str {
    match revocation {
        None => NOT_SIGNED_IN,
        Some(revocation) => revocation.as_str(),
    }
}

pub(super) fn broke_off() -> Refusal {
    Refusal::new(ErrorCode::ServerError, "the sign-out broke off")
        .hint("run `dagpass status` to see what it came to")
}
