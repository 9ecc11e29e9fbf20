//! One request to an upstream on the path of every request for a token: judged, leased, on the record with its
//! method and path, and then the token is there. What a config's own limits close is on the record as denied.

use std::sync::Arc;

use tokio::time::timeout;

use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::broker::Issued;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::Action;
use dagpass_core::principal::Principal;
use dagpass_core::request::{Through, TokenRequest};
use dagpass_core::token::Fingerprint;

use super::super::patience::{self, Awaited, SHORT};
use super::super::{Api, tokens};
use crate::config::Upstream;

/// What takes nobody's judgement: whether anything is sent now, and what the config closes.
pub(super) fn admits(
    api: &Api,
    who: (&Principal, &Upstream),
    through: &Through,
) -> Result<(), Refusal> {
    stands(api)?;
    within_limits(api, who, through)
}

fn stands(api: &Api) -> Result<(), Refusal> {
    tokens::running(api)?;
    match api.is_ending() {
        true => Err(Refusal::new(ErrorCode::TemporarilyUnavailable, "the agent is ending")),
        false => Ok(()),
    }
}

/// A token that is on the record as sent there.
pub(super) async fn token(
    api: &Api,
    (principal, upstream): (&Principal, &Upstream),
    through: Through,
) -> Result<Issued, Refusal> {
    // It may have turned while the upstream was connected to.
    stands(api)?;
    let request = TokenRequest { through: Some(through), ..wanted(upstream) };
    let action = Action::Proxy;
    let caller = principal.caller.clone();
    let awaited = Awaited { action, request: request.clone(), caller };
    let asked = async {
        api.broker.read_to_judge(principal, action, &request).await?;
        let permit = api.broker.permit(principal, action, request)?;
        api.broker.token(permit, principal).await
    };
    match timeout(SHORT, asked).await {
        Ok(issued) => issued,
        Err(_elapsed) => Err(patience::over(api, &awaited)),
    }
}

fn wanted(upstream: &Upstream) -> TokenRequest {
    TokenRequest {
        connection: upstream.connection.clone(),
        env: upstream.env.clone(),
        table_env: upstream.env.clone(),
        ..TokenRequest::new(upstream.session.clone(), upstream.target.clone())
    }
}

/// The upstream refused that token: is there another? Issues none.
pub(super) async fn is_renewed(
    api: &Api,
    upstream: &Upstream,
    refused: &Issued,
) -> Result<bool, Refusal> {
    let rejected = Some(Fingerprint::of(refused.access_token().expose()));
    let request = TokenRequest { rejected, ..wanted(upstream) };
    timeout(SHORT, api.broker.renew(&request)).await.unwrap_or(Ok(false))
}

/// And its successor as well, so that the next refusal costs nothing at Ping.
pub(super) async fn refused_again(api: &Api, upstream: &Upstream, refused: &Issued) {
    let rejected = Some(Fingerprint::of(refused.access_token().expose()));
    let request = TokenRequest { rejected, renewed: true, ..wanted(upstream) };
    if let Err(refusal) = api.broker.renew(&request).await {
        tracing::debug!(%refusal, "a token that an upstream refused twice");
    }
}

fn within_limits(
    api: &Api,
    (principal, upstream): (&Principal, &Upstream),
    through: &Through,
) -> Result<(), Refusal> {
    let name = &upstream.name;
    let reason = if !upstream.takes_method(&through.method) {
        format!("upstream `{name}` takes no {}", through.method)
    } else if !upstream.takes_path(&through.path) {
        format!("upstream `{name}` does not take this path")
    } else {
        return Ok(());
    };
    let mut record = Record::new(Event::Decision, Outcome::Denied, &principal.caller);
    record.action = Some(Action::Proxy);
    record.session = Some(&upstream.session);
    record.connection = upstream.connection.as_deref();
    record.through = Some(through);
    record.error = Some(ErrorCode::AccessDenied.as_str());
    record.reason = Some(&reason);
    // Nothing leaves, so there is nothing to hold back where this cannot be written.
    if let Err(failure) = api.witness.record(&record) {
        tracing::error!(%failure, "who was denied is not on the record");
    }
    Err(Refusal::new(ErrorCode::AccessDenied, "the request was denied")
        .because(reason)
        .hint("`methods` and `paths` of the config say which it takes"))
}

/// Whose run it is, for a person's eyes.
pub(super) fn run_of(principal: &Principal) -> Option<String> {
    let capability = principal.caller.capability.clone();
    capability.filter(|id| id.starts_with(super::super::runs::PREFIX))
}

/// As the config has it now.
pub(super) fn named(api: &Api, name: &str) -> Option<Arc<Upstream>> {
    api.config.current().upstreams.get(name).cloned()
}
