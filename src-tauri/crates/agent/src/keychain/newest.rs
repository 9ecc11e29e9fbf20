//! Which record counts where the keychain has several under one account.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dagpass_core::ports::StoreFailure;
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use zeroize::Zeroizing;

use super::record;

/// The newest record among the items of one account.
pub(super) struct Newest {
    pub(super) session: StoredSession,
    pub(super) text: Zeroizing<String>,
    /// How many items there are, the damaged ones too.
    pub(super) among: usize,
}

impl Newest {
    /// `None` where there is no item. Damaged ones count only where no other is there.
    pub(super) fn of(items: &[Zeroizing<Vec<u8>>]) -> Result<Option<Self>, StoreFailure> {
        let mut newest: Option<Self> = None;
        let mut damage = None;
        for item in items {
            match decode_text(item) {
                Ok(session)
                    if newest.as_ref().is_none_or(|best| age(&best.session) < age(&session)) =>
                {
                    let text = Zeroizing::new(String::from_utf8_lossy(item).into_owned());
                    newest = Some(Self { session, text, among: items.len() });
                }
                Ok(_) => {}
                Err(failure) => damage = Some(failure),
            }
        }
        match (newest, damage) {
            (None, Some(failure)) => Err(failure),
            (newest, _) => Ok(newest),
        }
    }
}

/// Which of two records is newer: a later sign-in, or a later save of the same one.
pub(super) fn age(session: &StoredSession) -> (Timestamp, u64) {
    (session.signed_in_at, session.generation)
}

fn decode_text(text: &[u8]) -> Result<StoredSession, StoreFailure> {
    let plain = STANDARD.decode(text.trim_ascii()).map(Zeroizing::new).map_err(|_| {
        StoreFailure::Corrupt("the keychain item is not a record of dagpass".to_owned())
    })?;
    record::decode(&plain)
}
