//! `POST /v1/runs`: a capability for one process tree, which dies with it. It attributes and
//! narrows; it is no sandbox, since the socket stands open to every process of the same user.

use std::sync::Arc;

use dagpass_client::wire::{RunAsk, RunReply};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::request::Narrowing;

use super::capability::{Holder, random};
use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::system;

const PREFIX: &str = "run-";

/// The run a path names: `/v1/runs/ID`.
pub(super) fn id(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/v1/runs/")?;
    is_run(id).then_some(id)
}

pub(super) fn is_run(id: &str) -> bool {
    id.strip_prefix(PREFIX).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
}

pub(super) fn grant(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: RunAsk = asked.parse()?;
    let whole = asked.caller.pid.filter(|pid| ask.pid.is_none_or(|named| named == *pid));
    let (pid, started_at) = match (ask.pid, whole) {
        (_, Some(own)) => (own, asked.started_at),
        (Some(named), None) => (named, system::started_at(named)),
        (None, None) => {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "whose run is it?")
                .because("the request names no `pid`, and the connection does not show one"));
        }
    };
    if !system::process_alive(pid, started_at) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, format!("there is no process {pid}")));
    }
    let id = format!("{PREFIX}{}", &random()[..16]);
    let capability = api.capabilities.grant(Holder {
        id: id.clone(),
        narrowed_to: narrowing(api, asked, &ask)?,
        env: ask.env,
    });
    let (watch, ended) = (api.clone(), id.clone());
    tokio::spawn(async move {
        system::ended(pid, started_at).await;
        watch.capabilities.revoke(&ended);
    });
    Ok(reply::json(&RunReply { id, capability }))
}

/// A run inside a run gets no more than the outer one has.
fn narrowing(api: &Api, asked: &Asked, ask: &RunAsk) -> Result<Option<Narrowing>, Refusal> {
    if ask.profiles.is_empty() {
        return Ok(asked.caller.narrowed_to.clone());
    }
    let config = api.config.current();
    let outer = asked.caller.narrowed_to.clone().unwrap_or_default();
    let mut profiles = Vec::new();
    for name in &ask.profiles {
        profiles.push(config.profile(Some(name))?.name.clone());
    }
    profiles.retain(|name| outer.covers_profile(name));
    Ok(Some(Narrowing { profiles: Some(profiles), ..outer }))
}

pub(super) fn end(api: &Api, path: &str) -> Result<Reply, Refusal> {
    let revoked = id(path).is_some_and(|id| api.capabilities.revoke(id));
    if revoked {
        return Ok(reply::json(&serde_json::json!({ "ended": true })));
    }
    Err(Refusal::new(ErrorCode::NotFound, "there is no such run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_s_path_is_its_id_and_nothing_more() {
        assert_eq!(id("/v1/runs/run-abc"), Some("run-abc"));
        for other in ["/v1/runs", "/v1/runs/", "/v1/runs/run-", "/v1/runs/run-a/b", "/v1/runs/x"] {
            assert_eq!(id(other), None, "{other}");
        }
    }
}
