//! `POST /v1/token` and `POST /v1/airflow/connection`: the wire's words to the broker's and back.

use std::time::Duration;

use dagpass_client::wire::{ConnectionAsk, TokenAsk, TokenReply};
use dagpass_core::broker::Issued;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::profile::Scopes;
use dagpass_core::request::{Purpose, SessionKey, Target, TokenRequest};
use dagpass_core::token::Fingerprint;
use zeroize::Zeroizing;

use super::reply::{self, Reply};
use super::{Api, Asked, store_use};
use crate::config::{Config, DeploymentToken};

pub(super) async fn token(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let mut ask: TokenAsk = asked.parse()?;
    ask.env = ask.env.or_else(|| asked.env.clone());
    let issued = issue(api, asked, ask).await?;
    Ok(reply::json(&token_reply(api, &issued)))
}

/// A token for one of our own routes, as the caller would have got it.
pub(super) async fn issue(api: &Api, asked: &Asked, ask: TokenAsk) -> Result<Issued, Refusal> {
    running(api)?;
    let request = request(&api.config.current(), &ask)?;
    api.broker.token(&request, &asked.caller_with(ask.context)).await
}

pub(super) async fn connection(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let mut ask: ConnectionAsk = asked.parse()?;
    ask.env = ask.env.or_else(|| asked.env.clone());
    let config = api.config.current();
    let connection = config
        .connection(&ask.conn_id, ask.env.as_deref())
        .map_err(|lookup| lookup.refusal(&ask.conn_id))?;
    running(api)?;
    let request = TokenRequest {
        session: connection.session.clone(),
        target: connection.target.clone(),
        min_ttl: None,
        rejected: None,
        renewed: false,
        connection: Some(connection.id.clone()),
        deployment: None,
        purpose: purpose(&ask.context),
    };
    let issued = api.broker.token(&request, &asked.caller_with(ask.context)).await?;
    Ok(reply::json(&connection.render(issued.access_token())))
}

pub(super) fn running(api: &Api) -> Result<(), Refusal> {
    if !api.is_paused() {
        return store_use::agrees(api);
    }
    Err(Refusal::new(ErrorCode::TemporarilyUnavailable, "the agent is paused")
        .hint("run `dagpass agent resume`, or resume it from the tray"))
}

pub(super) fn request(config: &Config, ask: &TokenAsk) -> Result<TokenRequest, Refusal> {
    let Wanted { session, mut target, deployment } = wanted(config, ask)?;
    if let Some(scopes) = &ask.scopes {
        target.scopes = Some(scopes.iter().cloned().collect::<Scopes>());
    }
    if ask.resource.is_some() {
        target.resource.clone_from(&ask.resource);
    }
    let rejected = match &ask.rejected {
        None => None,
        Some(text) => Some(Fingerprint::parse(text).ok_or_else(|| {
            Refusal::new(ErrorCode::InvalidRequest, "`rejected` is no SHA-256 in hex")
        })?),
    };
    Ok(TokenRequest {
        session,
        target,
        min_ttl: ask.min_ttl.map(Duration::from_secs),
        rejected,
        renewed: ask.renewed,
        connection: ask.connection.clone(),
        deployment,
        purpose: purpose(&ask.context),
    })
}

/// Which token is meant.
struct Wanted {
    session: SessionKey,
    target: Target,
    deployment: Option<String>,
}

fn wanted(config: &Config, ask: &TokenAsk) -> Result<Wanted, Refusal> {
    if let Some(id) = &ask.connection {
        let found = config.connection(id, ask.env.as_deref());
        let connection = found.map_err(|lookup| lookup.refusal(id))?;
        return Ok(Wanted {
            session: connection.session.clone(),
            target: connection.target.clone(),
            deployment: None,
        });
    }
    if let Some(wanted) = &ask.airflow {
        let deployment = config.deployment(wanted)?;
        let narrowed = ask.scopes.is_some() || ask.resource.is_some();
        if narrowed && deployment.token == DeploymentToken::Exchange {
            let what = "a deployment's own token has neither scopes nor a resource";
            return Err(Refusal::new(ErrorCode::InvalidRequest, what));
        }
        return Ok(Wanted {
            session: deployment.session(),
            target: deployment.target(),
            deployment: Some(deployment.name.clone()),
        });
    }
    let profile = config.profile(ask.profile.as_deref())?.name.clone();
    let session = SessionKey { profile, connection: None };
    Ok(Wanted { session, target: Target::default(), deployment: None })
}

fn purpose(context: &std::collections::BTreeMap<String, String>) -> Purpose {
    let parse = context.get("purpose").is_some_and(|purpose| purpose == "dag-parse");
    if parse { Purpose::DagParse } else { Purpose::Use }
}

fn token_reply(api: &Api, issued: &Issued) -> TokenReply {
    let now = api.clock.now();
    TokenReply {
        access_token: Zeroizing::new(issued.access_token().expose().to_owned()),
        token_type: issued.set.token_type.clone(),
        expires_in: i64::try_from(now.until(issued.set.expires_at).as_secs()).unwrap_or(i64::MAX),
        expires_at: issued.set.expires_at.as_secs(),
        scope: issued.set.scope.as_ref().map(ToString::to_string),
        short_lived: issued.short_lived,
    }
}
