//! `POST /v1/sign-out`: one session, or all of them, each to its end whoever waits for it. Where no config
//! is known the records themselves are ended (`orphans.rs`).

use std::sync::Arc;

use dagpass_client::wire::{SignOutAsk, SignOutReply, SignedOut};
use dagpass_core::error::Refusal;
use dagpass_core::profile::Profile;
use dagpass_core::request::{Caller, SessionKey};

use super::ended::{broke_off, word};
use super::reply::{self, Reply};
use super::{Api, Asked, deployments, orphans};

pub(super) async fn sign_out(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: SignOutAsk = asked.parse()?;
    if !api.config.is_known() {
        let profiles = orphans::sign_out(api, &ask, asked.caller()).await?;
        return Ok(reply::json(&SignOutReply { profiles }));
    }
    let config = api.config.current();
    let keys = if ask.all {
        config.sessions()
    } else {
        let profile = config.profile(ask.profile.as_deref())?;
        vec![SessionKey { profile: profile.name.clone(), connection: None }]
    };
    let mut reply = SignOutReply::default();
    for key in keys {
        let signed_out = end(api, &key, asked.caller()).await?;
        let end_session_url = match (ask.sso, config.session(&key)) {
            (true, Some(profile)) => end_session_url(api, &profile).await,
            _ => None,
        };
        reply.profiles.push(SignedOut { end_session_url, ..signed_out });
    }
    Ok(reply::json(&reply))
}

/// Ends one session, here and, where it can be told, at Ping. To the end, also where whoever asked for it
/// goes away: what was begun is never half a sign-out.
pub(super) async fn end(
    api: &Arc<Api>,
    key: &SessionKey,
    caller: &Caller,
) -> Result<SignedOut, Refusal> {
    let (own, key, caller) = (api.clone(), key.clone(), caller.clone());
    let ended = api.tasks.detached(async move { ended(&own, &key, &caller).await });
    ended.await.unwrap_or_else(|| Err(broke_off()))
}

async fn ended(api: &Api, key: &SessionKey, caller: &Caller) -> Result<SignedOut, Refusal> {
    let ended = api.broker.sign_out(key, caller).await;
    // After the session: what a deployment gives meanwhile finds nobody signed in, and is given back.
    let deployments = api.broker.log_out(key, caller).await?;
    if key.connection.is_none() {
        let now = api.clock.now();
        api.items.forget(&api.config.current(), &key.profile, now).await;
    }
    Ok(SignedOut {
        profile: key.account(),
        revocation: word(ended?).to_owned(),
        end_session_url: None,
        deployments: deployments::signed_out(deployments),
    })
}

async fn end_session_url(api: &Api, profile: &Profile) -> Option<String> {
    match api.ping.end_session_url(profile).await {
        Ok(url) => url,
        Err(failure) => {
            tracing::warn!(%failure, "the end-session address is not known");
            None
        }
    }
}
