//! What a sign-out came to, in the words of the local API.

use dagpass_client::wire::SignedOut;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::Revocation;

use super::Api;

pub(super) const NOT_SIGNED_IN: &str = "not_signed_in";
pub(super) const PENDING: &str = Revocation::Pending.as_str();
pub(super) const UNCONFIRMED: &str = Revocation::Unconfirmed.as_str();

pub(super) fn word(revocation: Option<Revocation>) -> &'static str {
    match revocation {
        None => NOT_SIGNED_IN,
        Some(revocation) => revocation.as_str(),
    }
}

/// Begun at once, and to the end, also where whoever asked for it goes away: what was begun is never half
/// a sign-out.
pub(super) fn to_its_end<W>(
    api: &Api,
    sign_out: W,
) -> impl Future<Output = Result<SignedOut, Refusal>> + use<W>
where
    W: Future<Output = Result<SignedOut, Refusal>> + Send + 'static,
{
    let ended = api.tasks.detached(sign_out);
    async move { ended.await.unwrap_or_else(|| Err(broke_off())) }
}

fn broke_off() -> Refusal {
    Refusal::new(ErrorCode::ServerError, "the sign-out broke off")
        .hint("run `dagpass status` to see what it came to")
}
