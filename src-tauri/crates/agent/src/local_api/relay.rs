//! `POST /v1/relay`: the rest of this connection is carried for somebody in another system. Marks it so
//! that what it asks is judged and recorded as that.

use dagpass_client::wire::RelayAsk;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::Narrowing;

use super::reply::{self, Reply};
use super::{Api, Asked};

pub(super) fn begin(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: RelayAsk = asked.parse()?;
    let config = api.config.current();
    let mut profiles = Vec::new();
    for name in &ask.profiles {
        profiles.push(config.profile(Some(name))?.name.clone());
    }
    let known = config.connection_ids();
    if let Some(unknown) = ask.connections.iter().find(|id| !known.contains(id)) {
        let what = format!("there is no connection `{unknown}`");
        return Err(Refusal::new(ErrorCode::NotFound, what).hint("see `dagpass config show`"));
    }
    let narrowing = Narrowing {
        profiles: (!profiles.is_empty()).then_some(profiles),
        connections: (!ask.connections.is_empty()).then_some(ask.connections),
    };
    if !asked.visit.begin_relay(narrowing) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "this connection is a relay already"));
    }
    Ok(reply::json(&serde_json::json!({ "relayed": true })))
}
