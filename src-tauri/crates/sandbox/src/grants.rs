//! The token endpoint: which grant is good for which tokens.

use crate::authorize::Code;
use crate::call::{Call, Refusal, Reply};
use crate::clients;
use crate::device;
use crate::encode::{challenge, fingerprint, uuid};
use crate::exchange;
use crate::quirks::RefreshPolicy;
use crate::refresh;
use crate::tokens::{self, Grant, Issue};
use crate::world::{Site, World};

pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// `POST` on the token endpoint.
pub(crate) fn token(world: &mut World, site: &Site, call: &Call) -> Result<Reply, Refusal> {
    let grant = call.param("grant_type").unwrap_or_default();
    world.note.grant = Some(short(&grant).to_owned());
    world.note.refresh_token_fp = call.param("refresh_token").as_deref().map(fingerprint);
    if !call.is_post() {
        return Err(Refusal::new("invalid_request", "the token endpoint takes POST").status(405));
    }
    let client = clients::authenticate(world, call)?;
    world.note.client = Some(client.clone());
    proof(world, call)?;
    match grant.as_str() {
        "authorization_code" => authorization_code(world, site, &client, call),
        "refresh_token" => refresh::refresh(world, site, &client, call),
        DEVICE_CODE => device::redeem(world, site, &client, call),
        TOKEN_EXCHANGE => exchange::exchange(world, site, call),
        _ => Err(Refusal::new("unsupported_grant_type", "unsupported grant_type")),
    }
}

/// What the log and fault rules call a grant.
pub(crate) fn short(grant: &str) -> &str {
    match grant {
        DEVICE_CODE => "device_code",
        TOKEN_EXCHANGE => "token_exchange",
        other => other,
    }
}

/// What a sign-in has shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) client: String,
    pub(crate) sub: String,
    pub(crate) sid: String,
    pub(crate) scope: Vec<String>,
    pub(crate) resource: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) by_device: bool,
}

/// Starts a family and answers with its first tokens.
pub(crate) fn begin(world: &mut World, site: &Site, shown: Shown) -> (String, Reply) {
    if world.quirks.single_rt_per_session {
        let older: Vec<String> = world
            .grants
            .iter()
            .filter(|(_, grant)| grant.sid == shown.sid && grant.client == shown.client)
            .map(|(id, _)| id.clone())
            .collect();
        for id in older {
            tokens::revoke_grant(world, &id);
        }
    }
    let id = uuid();
    let auth_time = world.session(&shown.sid).map_or_else(|| world.seconds(), |s| s.auth_time);
    let groups = world.user(&shown.sub).map(|user| user.groups.clone()).unwrap_or_default();
    let grant = Grant {
        client: shown.client,
        sub: shown.sub,
        sid: shown.sid,
        scope: shown.scope.clone(),
        groups,
        nonce: shown.nonce,
        auth_time,
        by_device: shown.by_device,
        revoked: false,
    };
    world.grants.insert(id.clone(), grant);
    let lasting = match world.quirks.rt_policy {
        RefreshPolicy::Always => true,
        RefreshPolicy::Never => false,
        RefreshPolicy::NeedsOfflineAccess => shown.scope.iter().any(|s| s == "offline_access"),
    };
    let refresh = lasting.then(|| tokens::refresh_token(world, &id));
    let id_token = !shown.by_device || world.quirks.device_id_token;
    let what = Issue {
        grant: id.clone(),
        scope: shown.scope,
        resource: shown.resource,
        id_token,
        refresh,
    };
    let body = tokens::issue(world, site, &what);
    (id, Reply::json(200, &body))
}

fn authorization_code(
    world: &mut World,
    site: &Site,
    client: &str,
    call: &Call,
) -> Result<Reply, Refusal> {
    let refused = |text: &str| Err(Refusal::new("invalid_grant", text));
    let value = call.param("code").unwrap_or_default();
    let Some(code) = world.codes.get(&value).cloned() else {
        return refused("unknown authorization code");
    };
    if let Some(grant) = &code.grant {
        tokens::revoke_grant(world, grant);
        return refused("the authorization code was used before");
    }
    let Code { request, sub, sid, expires, .. } = code;
    if expires <= world.now() {
        return refused("the authorization code has expired");
    }
    if request.client != client
        || call.param("redirect_uri").as_deref() != Some(&request.redirect_uri)
    {
        return refused("the authorization code was issued for another client or redirect_uri");
    }
    let verifier = call.param("code_verifier").unwrap_or_default();
    if challenge(&verifier) != request.challenge {
        return refused("code_verifier does not match");
    }
    let shown = Shown {
        client: client.to_owned(),
        sub,
        sid,
        scope: request.scope,
        resource: call.param("resource").or(request.resource),
        nonce: request.nonce,
        by_device: false,
    };
    let (grant, reply) = begin(world, site, shown);
    if let Some(code) = world.codes.get_mut(&value) {
        code.grant = Some(grant);
    }
    Ok(reply)
}

/// RFC 9449, as far as a client meets it: is a proof there, and does it carry the nonce? The proof's
/// signature is not checked and tokens are not bound.
fn proof(world: &World, call: &Call) -> Result<(), Refusal> {
    if !world.quirks.require_dpop {
        return Ok(());
    }
    let Some(proof) = &call.dpop else {
        return Err(Refusal::new("invalid_dpop_proof", "a DPoP proof is required"));
    };
    let claims = proof.split('.').nth(1).and_then(crate::encode::unb64).unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap_or_default();
    if world.quirks.use_dpop_nonce && claims["nonce"] != world.dpop_nonce.as_str() {
        let mut refusal = Refusal::new("use_dpop_nonce", "a nonce must be used in the DPoP proof");
        refusal.nonce = Some(world.dpop_nonce.clone());
        return Err(refusal);
    }
    Ok(())
}
