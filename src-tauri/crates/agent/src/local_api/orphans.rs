//! Sessions whose records are kept while no config in force names them: signed out by what the record
//! itself says of its issuer and client. So a wrong config keeps nobody's token.

use std::sync::Arc;

use dagpass_client::wire::{SignOutAsk, SignedOut};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::{RefreshTokenStore, StoreFailure};
use dagpass_core::request::{Caller, SessionKey};

use super::Api;
use super::ended::{self, NOT_SIGNED_IN, UNCONFIRMED, to_its_end};

/// The one named, or the only one.
pub(super) async fn sign_out(
    api: &Arc<Api>,
    ask: &SignOutAsk,
    caller: &Caller,
) -> Result<Vec<SignedOut>, Refusal> {
    let kept = kept(api).await?;
    let own: Vec<&SessionKey> = kept.iter().filter(|key| key.connection.is_none()).collect();
    let key = match (ask.profile.as_deref(), own.as_slice()) {
        (Some(name), _) => kept.iter().find(|key| key.account() == name),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    // Without a record there is nothing to end; then the config's own fault is what is to be told.
    let Some(key) = key else {
        return Err(match api.config.current().session_named(ask.profile.as_deref()) {
            Err(refusal) if own.len() > 1 => refusal.hint("name a profile, or `--all`"),
            Err(refusal) => refusal,
            Ok(_) => Refusal::new(ErrorCode::TemporarilyUnavailable, "the config has just changed")
                .hint("run it again"),
        });
    };
    Ok(vec![end(api, key, caller).await?])
}

pub(super) async fn all(api: &Arc<Api>, caller: &Caller) -> Result<Vec<SignedOut>, Refusal> {
    let ends: Vec<_> = kept(api).await?.iter().map(|key| end(api, key, caller)).collect();
    let mut ended = Vec::new();
    for end in ends {
        ended.push(end.await?);
    }
    Ok(ended)
}

/// Of sessions that the config in force does not name: a profile that was removed leaves its record.
pub(super) async fn others(api: &Api, named: &[SessionKey]) -> Result<Vec<SessionKey>, Refusal> {
    let mut kept = kept(api).await?;
    kept.retain(|key| !named.contains(key));
    Ok(kept)
}

async fn kept(api: &Api) -> Result<Vec<SessionKey>, Refusal> {
    api.store.sessions().await.map_err(|failure| refusal(&failure))
}

pub(super) fn end(
    api: &Arc<Api>,
    key: &SessionKey,
    caller: &Caller,
) -> impl Future<Output = Result<SignedOut, Refusal>> + use<> {
    let (own, key, caller) = (api.clone(), key.clone(), caller.clone());
    to_its_end(api, async move { ended(&own, &key, &caller).await })
}

async fn ended(api: &Api, key: &SessionKey, caller: &Caller) -> Result<SignedOut, Refusal> {
    let revocation = match api.store.load(key).await.map(|loaded| loaded.session) {
        Ok(Some(stored)) => ended::word(api.broker.sign_out_unknown(key, &stored, caller).await?),
        Ok(None) => NOT_SIGNED_IN,
        // What cannot be read cannot be revoked either; it still goes.
        Err(StoreFailure::Corrupt(_)) => {
            api.store.forget(key).await.map_err(|failure| refusal(&failure))?;
            UNCONFIRMED
        }
        Err(failure) => return Err(refusal(&failure)),
    };
    Ok(SignedOut {
        profile: key.account(),
        revocation: revocation.to_owned(),
        ..SignedOut::default()
    })
}

pub(super) fn refusal(failure: &StoreFailure) -> Refusal {
    let (code, hint) = match failure {
        StoreFailure::PassphraseNeeded(_) | StoreFailure::Locked(_) => {
            (ErrorCode::KeychainLocked, "run `dagpass agent unlock`, then again")
        }
        StoreFailure::OutOfReach(_) => (
            ErrorCode::KeychainUnavailable,
            "run `dagpass agent restart` in a terminal of your desktop, then again",
        ),
        StoreFailure::Unavailable(_) | StoreFailure::TimedOut(_) | StoreFailure::Corrupt(_) => {
            (ErrorCode::KeychainUnavailable, "run `dagpass doctor`")
        }
    };
    Refusal::new(code, "the stored sessions cannot be ended or removed")
        .because(failure.to_string())
        .hint(hint)
}
