//! `/v1/audit/ship`: how far the ledger is shipped; a POST ships what is due first, or once more from a line on.

use std::time::Duration;

use dagpass_client::wire::ShipAsk;
use dagpass_core::error::{ErrorCode, Refusal};
use hyper::Method;
use tokio::time::timeout;

use super::reply::{self, Reply};
use super::{Api, Asked};

pub(super) const PATH: &str = "/v1/audit/ship";

/// How long is waited for a collector before it is told how far it is? It goes on without us.
const PATIENCE: Duration = Duration::from_secs(25);

pub(super) async fn answer(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    if asked.method == Method::POST {
        let ask: ShipAsk = asked.parse()?;
        if api.config.current().ship.is_none() {
            let refusal = Refusal::new(ErrorCode::InvalidRequest, "the config names no collector");
            return Err(refusal.hint("set `otlp` under `[audit.ship]`"));
        }
        if let Some(seq) = ask.from {
            let found = api.shipping.go_back(seq).await.map_err(|error| {
                let what = "how far the ledger is shipped cannot be set";
                Refusal::new(ErrorCode::ServerError, what).because(error.to_string())
            })?;
            if !found {
                let what = format!("no line has the number {seq} or a higher one");
                return Err(Refusal::new(ErrorCode::NotFound, what));
            }
        }
        let shipping = api.shipping.clone();
        let shipped = tokio::spawn(async move { shipping.ship_now().await });
        if timeout(PATIENCE, shipped).await.is_err() {
            tracing::debug!("the ledger is still being shipped");
        }
    }
    Ok(reply::json(&api.shipping.status().await))
}
