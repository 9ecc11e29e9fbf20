//! `POST /v1/sign-out`: one session, or all of them, each to its end whoever waits for it. Where no config
//! is known the records themselves are ended (`orphans.rs`).

use std::sync::Arc;

use dagpass_client::wire::{SignOutAsk, SignOutReply, SignedOut};
use dagpass_core::error::Refusal;
use dagpass_core::logout::Out;
use dagpass_core::ports::Revocation;
use dagpass_core::request::{Caller, SessionKey};
use dagpass_core::session::SessionState;
use dagpass_core::sign_out::Unasked;
use dagpass_core::token::IdToken;
use tokio::time::{Instant, timeout_at};

use super::ended::{NOT_SIGNED_IN, UNCONFIRMED, to_its_end, word};
use super::reply::{self, Reply};
use super::{Api, Asked, deployments, end_session, everywhere, orphans, patience};

pub(super) async fn sign_out(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: SignOutAsk = asked.parse()?;
    // Before anything is waited for. Who asks before its session's turn has come begins another, which ends
    // with that session.
    let leases_ended = ask.all.then(|| api.broker.end_all_leases() as u64);
    let ended = match (api.config.is_known(), ask.all) {
        (true, _) => named(api, asked, &ask).await,
        (false, true) => Ok(everywhere::others(api, &[], asked.caller()).await),
        (false, false) => orphans::sign_out(api, &ask, asked.caller()).await,
    };
    let (profiles, missing) = match ended {
        Ok(profiles) => (profiles, None),
        Err(refusal) => (Vec::new(), Some(refusal)),
    };
    let outstanding = everywhere::outstanding(api, &ask, &profiles);
    let reply = SignOutReply { profiles, leases_ended, outstanding };
    if ask.all {
        everywhere::record(api, asked.caller(), (&reply, missing.as_ref()));
    }
    missing.map_or_else(|| Ok(reply::json(&reply)), Err)
}

async fn named(api: &Arc<Api>, asked: &Asked, ask: &SignOutAsk) -> Result<Vec<SignedOut>, Refusal> {
    let config = api.config.current();
    let keys = if ask.all {
        config.sessions()
    } else {
        vec![config.session_named(ask.profile.as_deref())?.0]
    };
    let hints = hints(api, ask, &keys).await;
    let before: Vec<u64> = keys.iter().map(|key| api.broker.sign_outs(key)).collect();
    let ends: Vec<_> = keys.iter().map(|key| end(api, key, asked.caller())).collect();
    let until = Instant::now() + patience::SHORT;
    let mut profiles = Vec::new();
    for (((key, end), hint), before) in keys.iter().zip(ends).zip(hints).zip(before) {
        let ended =
            timeout_at(until, end).await.unwrap_or_else(|_elapsed| so_far(api, key, before));
        let signed_out = match ended {
            // What one keychain record costs is not the others' to pay.
            Err(refusal) if ask.all => everywhere::failed(key, &refusal),
            ended => ended?,
        };
        let end_session_url = match (ask.sso, config.session(key)) {
            (true, Some(profile)) => end_session::address(api, &profile, hint, until).await,
            _ => None,
        };
        profiles.push(SignedOut { end_session_url, ..signed_out });
    }
    if ask.all {
        profiles.extend(everywhere::others(api, &keys, asked.caller()).await);
    }
    Ok(profiles)
}

/// What Ping wants to see, before it is forgotten with the sessions. A browser on another machine cannot be
/// sent on from here, and nothing else carries an ID token.
async fn hints(api: &Api, ask: &SignOutAsk, keys: &[SessionKey]) -> Vec<Option<IdToken>> {
    let mut hints = Vec::new();
    for key in keys {
        let known = ask.sso && !ask.remote && api.broker.load_session(key).await.is_ok();
        let view = known.then(|| api.broker.session(key).ok()).flatten();
        hints.push(view.and_then(|view| view.id_token_hint()));
    }
    hints
}

/// Ends one session, here and, where it can be told, at Ping.
pub(super) fn end(
    api: &Arc<Api>,
    key: &SessionKey,
    caller: &Caller,
) -> impl Future<Output = Result<SignedOut, Refusal>> + use<> {
    let (own, key, caller) = (api.clone(), key.clone(), caller.clone());
    to_its_end(api, async move { ended(&own, &key, &caller).await })
}

/// As [`end`], where nobody asked for it: who ends it, why, and what the record says of that.
pub(super) fn end_because(
    api: &Arc<Api>,
    key: &SessionKey,
    (caller, out, told): (Caller, Out, String),
) -> impl Future<Output = Result<SignedOut, Refusal>> + use<> {
    let (own, key) = (api.clone(), key.clone());
    to_its_end(api, async move {
        let revoked = match own.broker.sign_out_because(&key, &caller, (out, &told)).await {
            // What hangs on the session is whoever's who signed in since.
            Ok(Unasked::NotMeant) => return Ok(not_signed_in(&key)),
            Ok(Unasked::Done(revocation)) => Ok(revocation),
            Err(refusal) => Err(refusal),
        };
        rest(&own, &key, &caller, revoked).await
    })
}

fn not_signed_in(key: &SessionKey) -> SignedOut {
    SignedOut {
        profile: key.account(),
        revocation: NOT_SIGNED_IN.to_owned(),
        ..SignedOut::default()
    }
}

/// Ping keeps a sign-out, which goes on. It is one here already, unless it waits behind a refresh: nobody is signed
/// in, or it was counted since. Of a client another may have begun by now.
fn so_far(api: &Api, key: &SessionKey, before: u64) -> Result<SignedOut, Refusal> {
    let view = api.broker.session(key)?;
    let is_out = matches!(view.state, SessionState::SignedOut);
    if !is_out && api.broker.sign_outs(key) == before {
        return Err(patience::of_a_deed());
    }
    Ok(SignedOut {
        profile: key.account(),
        client: !view.profile.kind.signs_in(),
        revocation: UNCONFIRMED.to_owned(),
        ..SignedOut::default()
    })
}

async fn ended(api: &Api, key: &SessionKey, caller: &Caller) -> Result<SignedOut, Refusal> {
    let revoked = api.broker.sign_out(key, caller).await;
    rest(api, key, caller, revoked).await
}

/// What hangs on the session.
async fn rest(
    api: &Api,
    key: &SessionKey,
    caller: &Caller,
    revoked: Result<Option<Revocation>, Refusal>,
) -> Result<SignedOut, Refusal> {
    // After the session: what a deployment gives meanwhile finds nobody signed in, and is given back.
    let deployments = api.broker.log_out(key, caller).await?;
    if key.connection.is_none() {
        let now = api.clock.now();
        api.items.forget(&api.config.current(), &key.profile, now).await;
    }
    let view = api.broker.session(key);
    Ok(SignedOut {
        profile: key.account(),
        client: view.is_ok_and(|view| !view.profile.kind.signs_in()),
        revocation: word(revoked?).to_owned(),
        deployments: deployments::signed_out(deployments),
        ..SignedOut::default()
    })
}
