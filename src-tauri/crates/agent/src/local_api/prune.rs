//! `/v1/audit/prune`: which lines of the ledger are older than they are kept; a POST removes them.

use dagpass_client::wire::PruneAsk;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::time::Timestamp;
use url::form_urlencoded;

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::ledger::Wish;

pub(super) const PATH: &str = "/v1/audit/prune";

/// What would go.
pub(super) async fn plan(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let mut query = form_urlencoded::parse(asked.query.as_bytes());
    let before = query.find(|(name, _)| name == "before").map(|(_, value)| value.parse());
    let before = before.transpose().map_err(|_| no_time())?;
    let before = when(api, &PruneAsk { before })?;
    let plan = api.pruning.planned(before).await.map_err(|why| unpruned(&why))?;
    Ok(reply::json(&plan))
}

pub(super) async fn prune(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: PruneAsk = asked.parse()?;
    let before = when(api, &ask)?;
    let wish = match ask.before {
        Some(_) => Wish::Asked,
        None => Wish::Retain,
    };
    let pruned = api.pruning.prune(before, wish, asked.caller(), &api.store).await;
    Ok(reply::json(&pruned.map_err(|why| unpruned(&why))?))
}

fn when(api: &Api, ask: &PruneAsk) -> Result<Timestamp, Refusal> {
    let now = api.clock.now();
    match (ask.before, api.config.current().retain) {
        (Some(before), _) => Ok(Timestamp::from_millis(before).min(now)),
        (None, Some(retain)) => Ok(now.minus(retain)),
        (None, None) => {
            let what = "the config keeps the ledger's lines for ever";
            Err(Refusal::new(ErrorCode::InvalidRequest, what)
                .hint("name a day by `--before`, or set `retain` under `[audit]`"))
        }
    }
}

fn no_time() -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, "`before` is no time in epoch milliseconds")
}

fn unpruned(why: &str) -> Refusal {
    Refusal::new(ErrorCode::NotRecorded, "the ledger is not pruned")
        .because(why)
        .hint("run `dagpass doctor`; what was not removed is removed another time")
}
