//! `POST /v1/sign-in/callback`: the callback URL that a person copied from a browser which could not reach
//! us. Hands it to the sign-in under way and tells what that made of it; decides nothing itself.

use tokio::sync::oneshot;

use dagpass_client::wire::PastedCallback;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::sign_in::{Arrival, Verdict};

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::callback;

pub(super) async fn pasted(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let pasted: PastedCallback = asked.parse()?;
    let (key, profile) = api.config.current().session_named(Some(&pasted.profile))?;
    let Some(way) = api.sign_ins.way_to(&profile.issuer) else {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "no sign-in is under way")
            .hint(format!("run `{} --no-open`", key.login())));
    };
    let not_one = || {
        Refusal::new(ErrorCode::InvalidRequest, "that is not the callback URL of this sign-in")
            .hint("copy the whole address from the browser's address bar")
    };
    let answer = callback::pasted(&pasted.url).ok_or_else(not_one)?;
    let (verdict, judged) = oneshot::channel();
    way.send(Arrival { answer, verdict }).await.map_err(|_gone| not_one())?;
    match judged.await {
        Ok(Verdict::SignedIn { .. }) => Ok(reply::json(&serde_json::json!({ "signed_in": true }))),
        Ok(Verdict::Failed { code, description }) => {
            Err(Refusal::new(code, "the sign-in failed").because(description))
        }
        Ok(Verdict::NotThisFlow) | Err(_) => Err(not_one()),
    }
}
