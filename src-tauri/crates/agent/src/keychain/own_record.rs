//! What of our own lies among the sessions' records, in their form: bytes that somebody's key or secret is made of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dagpass_core::profile::{EndpointOverrides, Issuer, Scopes};
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use dagpass_core::token::RefreshToken;
use zeroize::Zeroizing;

/// Of whom they are, to which hosts they may go beside the issuer's, and since when.
pub(super) fn of(
    bytes: &[u8],
    (issuer, client_id, endpoints): (Issuer, &str, Option<EndpointOverrides>),
    since: Timestamp,
) -> StoredSession {
    let text = Zeroizing::new(STANDARD.encode(bytes));
    StoredSession {
        issuer,
        client_id: client_id.to_owned(),
        endpoints,
        identity: None,
        nonce: None,
        granted: Scopes::default(),
        refresh_token: Some(RefreshToken::new(text.as_str())),
        refresh_expires_at: None,
        signed_in_at: since,
        generation: 1,
        id_token_hint: None,
        ended: None,
    }
}

/// `None` where that is none of ours.
pub(super) fn bytes(record: &StoredSession) -> Option<Zeroizing<Vec<u8>>> {
    let text = record.refresh_token.as_ref()?;
    STANDARD.decode(text.expose()).ok().map(Zeroizing::new)
}
