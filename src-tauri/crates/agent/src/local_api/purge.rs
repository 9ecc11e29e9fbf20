//! `POST /v1/purge`: every session signed out, every keychain record gone.

use std::sync::Arc;

use dagpass_client::wire::PurgeReply;
use dagpass_core::error::Refusal;

use super::ended::{NOT_SIGNED_IN, PENDING, UNCONFIRMED};
use super::reply::{self, Reply};
use super::{Api, Asked, orphans, sign_out};

pub(super) async fn purge(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let keys = api.config.current().sessions();
    let (mut profiles, mut records) = (Vec::new(), Vec::new());
    if !api.config.is_known() {
        profiles = orphans::all(api, asked.caller()).await?;
        records.extend(profiles.iter().map(|ended| ended.profile.clone()));
    }
    let ends: Vec<_> = keys.iter().map(|key| sign_out::end(api, key, asked.caller())).collect();
    for end in ends {
        let ended = end.await?;
        if ended.revocation != NOT_SIGNED_IN {
            records.push(ended.profile.clone());
        }
        profiles.push(ended);
    }
    let others = api.store.purge().await.map_err(|failure| orphans::refusal(&failure))?;
    records.extend(others);
    for profile in &mut profiles {
        // Its token went with the records: nobody is left to revoke it later.
        if profile.revocation == PENDING {
            UNCONFIRMED.clone_into(&mut profile.revocation);
        }
    }
    Ok(reply::json(&PurgeReply { profiles, records }))
}
