//! `POST /v1/sign-out`: one session, or all of them, each to its end whoever waits for it. Where no config
//! is known the records themselves are ended (`orphans.rs`).

use std::sync::Arc;

use dagpass_client::wire::{SignOutAsk, SignOutReply, SignedOut};
use dagpass_core::error::Refusal;
use dagpass_core::profile::Profile;
use dagpass_core::request::{Caller, SessionKey};
use dagpass_core::session::SessionState;
use tokio::time::{Instant, timeout_at};

use super::ended::{UNCONFIRMED, to_its_end, word};
use super::reply::{self, Reply};
use super::{Api, Asked, deployments, orphans, patience};

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
        vec![config.session_named(ask.profile.as_deref())?.0]
    };
    let ends: Vec<_> = keys.iter().map(|key| end(api, key, asked.caller())).collect();
    let until = Instant::now() + patience::SHORT;
    let mut reply = SignOutReply::default();
    for (key, end) in keys.iter().zip(ends) {
        let signed_out = match timeout_at(until, end).await {
            Ok(ended) => ended?,
            Err(_elapsed) => so_far(api, key)?,
        };
        let end_session_url = match (ask.sso, config.session(key)) {
            (true, Some(profile)) => end_session_url(api, &profile, until).await,
            _ => None,
        };
        reply.profiles.push(SignedOut { end_session_url, ..signed_out });
    }
    Ok(reply::json(&reply))
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

/// Ping keeps a sign-out, which goes on. It is one here already, unless it waits behind a refresh.
fn so_far(api: &Api, key: &SessionKey) -> Result<SignedOut, Refusal> {
    let view = api.broker.session(key)?;
    if !matches!(view.state, SessionState::SignedOut) {
        return Err(patience::of_a_deed());
    }
    Ok(SignedOut {
        profile: key.account(),
        revocation: UNCONFIRMED.to_owned(),
        end_session_url: None,
        deployments: Vec::new(),
    })
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

async fn end_session_url(api: &Api, profile: &Profile, until: Instant) -> Option<String> {
    let found = timeout_at(until, api.ping.end_session_url(profile)).await.ok()?;
    found.unwrap_or_else(|failure| {
        tracing::warn!(%failure, "the end-session address is not known");
        None
    })
}
