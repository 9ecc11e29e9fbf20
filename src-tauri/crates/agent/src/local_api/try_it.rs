//! `POST /v1/try`: can a token be had? Obtained and recorded as any other, described, and dropped here.

use std::collections::BTreeMap;
use std::time::Instant;

use dagpass_client::wire::{AudienceShown, NotVisible, TokenAsk, TryAsk, TryReply};
use dagpass_core::broker::Issued;
use dagpass_core::error::Refusal;
use dagpass_core::policy::Action;
use dagpass_core::policy::facts::Declared;
use dagpass_core::profile::Scopes;
use dagpass_core::request::TokenRequest;

use super::reply::{self, Reply};
use super::{Api, Asked, tokens};

pub(super) async fn try_it(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: TryAsk = asked.parse()?;
    let begun = Instant::now();
    let tried = obtain(api, asked, ask).await;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let nothing = TryReply {
        ok: false,
        served: None,
        expires_at: None,
        scopes: Vec::new(),
        audience: AudienceShown::NotVisible(NotVisible::NotVisible),
        fingerprint: None,
        took_ms,
        error: None,
    };
    Ok(reply::json(&match tried {
        Ok((issued, scopes)) => TryReply {
            ok: true,
            served: Some(issued.served.as_str().to_owned()),
            expires_at: Some(issued.set.expires_at.as_secs()),
            scopes: scopes.iter().map(str::to_owned).collect(),
            audience: issued.set.audience.clone().map_or(nothing.audience, AudienceShown::Seen),
            fingerprint: Some(issued.access_token().fingerprint().short().to_owned()),
            ..nothing
        },
        Err(refusal) => TryReply { error: Some(reply::error_reply(&refusal)), ..nothing },
    }))
}

async fn obtain(api: &Api, asked: &Asked, ask: TryAsk) -> Result<(Issued, Scopes), Refusal> {
    tokens::running(api)?;
    let context = BTreeMap::from([(Declared::PURPOSE.to_owned(), "try".to_owned())]);
    let TryAsk { profile, connection, env, airflow } = ask;
    let ask = TokenAsk { profile, connection, env, airflow, context, ..TokenAsk::default() };
    let principal = asked.declaring(ask.context.clone());
    let request = tokens::request(&api.config.current(), &principal, (Action::Try, &ask))?;
    let issued = tokens::obtain(api, asked, &principal, (Action::Try, request.clone())).await?;
    let scopes = issued.set.scope.clone().or_else(|| granted(api, &request));
    Ok((issued, scopes.unwrap_or_default()))
}

/// A server that leaves the scope out gave what was asked for (RFC 6749 §5.1).
fn granted(api: &Api, request: &TokenRequest) -> Option<Scopes> {
    if request.deployment.is_some() {
        return None;
    }
    request.target.scopes.clone().or_else(|| {
        let view = api.broker.session(&request.session).ok()?;
        view.state.stored().map(|stored| stored.granted.clone())
    })
}
