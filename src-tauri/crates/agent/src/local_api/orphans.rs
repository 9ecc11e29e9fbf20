//! Sessions whose records are kept while no config in force names them: signed out by what the record
//! itself says of its issuer and client. So a wrong config keeps nobody's token.

use std::sync::Arc;

use dagpass_client::wire::{SignOutAsk, SignedOut};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::{RefreshTokenStore, Revocation, StoreFailure};
use dagpass_core::request::{Caller, SessionKey};

use super::Api;
use super::deployments;
use super::ended::{self, to_its_end};

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

pub(super) async fn all(
    api: &Arc<Api>,
    named: &[SessionKey],
    caller: &Caller,
) -> Result<Vec<SignedOut>, Refusal> {
    let (others, unlisted) = others(api, named).await;
    let ends: Vec<_> = others.iter().map(|key| end(api, key, caller)).collect();
    let mut ended = Vec::new();
    for end in ends {
        ended.push(end.await?);
    }
    unlisted.map_or(Ok(ended), Err)
}

/// Of sessions that the config in force does not name: a profile that was removed leaves its record. Where those
/// cannot be listed there are still the ones that memory has.
pub(super) async fn others(api: &Api, named: &[SessionKey]) -> (Vec<SessionKey>, Option<Refusal>) {
    let (mut others, unlisted) = match api.store.sessions().await {
        Ok(kept) => (kept, None),
        Err(failure) => (Vec::new(), Some(refusal(&failure))),
    };
    others.extend(api.broker.unnamed());
    others.retain(|key| !named.contains(key));
    others.sort();
    others.dedup();
    (others, unlisted)
}

async fn kept(api: &Api) -> Result<Vec<SessionKey>, Refusal> {
    let (kept, unlisted) = others(api, &[]).await;
    unlisted.map_or(Ok(kept), Err)
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
    let loaded = api.store.load(key).await.map(|loaded| loaded.session);
    let is_corrupt = matches!(loaded, Err(StoreFailure::Corrupt(_)));
    let stored = match loaded {
        Ok(stored) => stored,
        // Memory may have its token all the same.
        Err(failure) if is_corrupt || is_in_memory(api, key) => {
            tracing::warn!(%failure, session = key.account(), "the record is not read");
            None
        }
        Err(failure) => return Err(refusal(&failure)),
    };
    let revoked = api.broker.sign_out_unnamed(key, stored.as_ref(), caller).await;
    // After the session, as for one that is named.
    let deployments = api.broker.log_out(key, caller).await?;
    let revoked = match revoked? {
        // What cannot be read cannot be revoked either; it still goes.
        None if is_corrupt => {
            api.store.forget(key).await.map_err(|failure| refusal(&failure))?;
            Some(Revocation::Unconfirmed)
        }
        revoked => revoked,
    };
    Ok(SignedOut {
        profile: key.account(),
        revocation: ended::word(revoked).to_owned(),
        deployments: deployments::signed_out(deployments),
        ..SignedOut::default()
    })
}

fn is_in_memory(api: &Api, key: &SessionKey) -> bool {
    api.broker.unnamed().contains(key)
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
