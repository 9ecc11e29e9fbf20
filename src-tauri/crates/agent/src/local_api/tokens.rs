//! `POST /v1/token` and `POST /v1/airflow/connection`: the wire's words to the broker's and back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use dagpass_client::wire::{ConnectionAsk, TokenAsk, TokenReply};
use dagpass_core::broker::Issued;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::profile::Scopes;
use dagpass_core::request::{Purpose, SessionKey, Target, TokenRequest};
use dagpass_core::token::Fingerprint;
use zeroize::Zeroizing;

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::config::{Config, DeploymentToken};

pub(super) async fn token(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    running(api)?;
    let ask: TokenAsk = asked.parse()?;
    let request = request(&api.config.current(), &ask)?;
    let issued = api.broker.token(&request, &asked.caller_with(ask.context)).await?;
    Ok(reply::json(&token_reply(api, &issued)))
}

pub(super) async fn connection(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: ConnectionAsk = asked.parse()?;
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
        purpose: purpose(&ask.context),
    };
    let issued = api.broker.token(&request, &asked.caller_with(ask.context)).await?;
    Ok(reply::json(&connection.render(issued.access_token())))
}

fn running(api: &Api) -> Result<(), Refusal> {
    if !api.paused.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::TemporarilyUnavailable, "the agent is paused")
        .hint("run `dagpass agent resume`, or resume it from the tray"))
}

fn request(config: &Config, ask: &TokenAsk) -> Result<TokenRequest, Refusal> {
    let (session, mut target) = whose(config, ask)?;
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
        purpose: purpose(&ask.context),
    })
}

fn whose(config: &Config, ask: &TokenAsk) -> Result<(SessionKey, Target), Refusal> {
    if let Some(id) = &ask.connection {
        let found = config.connection(id, ask.env.as_deref());
        let connection = found.map_err(|lookup| lookup.refusal(id))?;
        return Ok((connection.session.clone(), connection.target.clone()));
    }
    let profile = match &ask.airflow {
        None => config.profile(ask.profile.as_deref())?.name.clone(),
        Some(name) => {
            let deployment = config.airflow.get(name).ok_or_else(|| {
                Refusal::new(
                    ErrorCode::NotFound,
                    format!("there is no Airflow deployment `{name}`"),
                )
                .hint("add `[airflow.NAME]` to the config")
            })?;
            if deployment.token == DeploymentToken::Exchange {
                return Err(Refusal::new(
                    ErrorCode::InvalidTarget,
                    format!("an Airflow JWT for `{name}` cannot be had from this version"),
                )
                .hint("set `token = \"direct\"` where the deployment takes Ping's token"));
            }
            deployment.profile.clone()
        }
    };
    Ok((SessionKey { profile, connection: None }, Target::default()))
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
