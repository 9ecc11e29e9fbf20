//! Token exchange (RFC 8693): another audience or scope for an access token of ours.

use serde_json::json;

use crate::call::{Call, Refusal, Reply};
use crate::scopes;
use crate::tokens::{self, Issue};
use crate::world::{Site, World};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

pub(crate) fn exchange(world: &mut World, site: &Site, call: &Call) -> Result<Reply, Refusal> {
    if call.param("subject_token_type").as_deref() != Some(ACCESS_TOKEN) {
        return Err(Refusal::new("invalid_request", "subject_token_type must be an access token"));
    }
    let token = call.param("subject_token").unwrap_or_default();
    let now = world.now();
    let subject = world
        .access
        .get(&token)
        .filter(|access| access.expires > now && !access.revoked)
        .cloned()
        .ok_or_else(|| Refusal::new("invalid_grant", "the subject token is not active"))?;
    let asked = call.param("scope").unwrap_or_else(|| subject.scope.join(" "));
    if call.param("scope").is_some_and(|scope| scope.split(' ').any(|name| name == "openid")) {
        return Err(Refusal::new("invalid_scope", "openid cannot be exchanged for"));
    }
    let scope: Vec<String> = scopes::requested(world, &asked, None)?
        .into_iter()
        .filter(|name| name != "openid" && name != "offline_access")
        .collect();
    let resource = call.param("resource").or_else(|| call.param("audience"));
    let what = Issue { grant: subject.grant, scope, resource, id_token: false, refresh: None };
    let mut body = tokens::issue(world, site, &what);
    if let Some(members) = body.as_object_mut() {
        members.insert("issued_token_type".into(), json!(ACCESS_TOKEN));
    }
    Ok(Reply::json(200, &body))
}
