//! `POST /v1/purge`: every session signed out, every keychain record gone.

use std::sync::Arc;

use dagpass_client::wire::PurgeReply;
use dagpass_core::error::Refusal;

use super::ended::{NOT_SIGNED_IN, PENDING, UNCONFIRMED};
use super::reply::{self, Reply};
use super::{Api, Asked, orphans, sign_out};

pub(super) async fn purge(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let keys = api.config.current().sessions();
    let ends: Vec<_> = keys.iter().map(|key| sign_out::end(api, key, asked.caller())).collect();
    let mut profiles = Vec::new();
    for end in ends {
        profiles.push(end.await?);
    }
    profiles.extend(orphans::all(api, &keys, asked.caller()).await?);
    let ended = profiles.iter().filter(|one| one.revocation != NOT_SIGNED_IN);
    let mut records: Vec<String> = ended.map(|one| one.profile.clone()).collect();
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
