//! The refresh grant: rotation, grace, replay and what ends a family.

use crate::call::{Call, Refusal, Reply};
use crate::quirks::{RefreshScope, Replay, Rotate, Unrotated};
use crate::scopes;
use crate::tokens::{self, Issue};
use crate::world::{Site, World};

/// RFC 6749 §6.
pub(crate) fn refresh(
    world: &mut World,
    site: &Site,
    client: &str,
    call: &Call,
) -> Result<Reply, Refusal> {
    let token = call.param("refresh_token").unwrap_or_default();
    let now = world.now();
    let Some(record) = world.refresh.get(&token).cloned() else { return Err(unknown(world)) };
    let Some(grant) = world.grants.get(&record.grant).cloned() else { return Err(unknown(world)) };
    let session_over = world.quirks.session_bound && world.session(&grant.sid).is_none();
    if grant.client != client || grant.revoked || session_over {
        return Err(unknown(world));
    }
    if record.expires <= now {
        return Err(dead());
    }
    if record.rotated.is_some_and(|at| now - at >= world.quirks.grace * 1000) {
        if world.quirks.replay == Replay::RevokeFamily {
            tokens::revoke_grant(world, &record.grant);
        }
        return Err(unknown(world));
    }
    let named = call.param("scope");
    let named = match world.quirks.refresh_scope {
        RefreshScope::Required if named.is_none() => {
            return Err(Refusal::new("invalid_request", "scope is a required parameter"));
        }
        RefreshScope::Lessens => named.or_else(|| Some("openid".to_owned())),
        RefreshScope::Whole | RefreshScope::Required => named,
    };
    let scope = scopes::narrowed(&grant.scope, named.as_deref())?;
    if world.quirks.refuse_narrowing && scope.len() < grant.scope.len() {
        return Err(Refusal::new("invalid_scope", "the scope of a refresh cannot be narrowed"));
    }
    let resource = call.param("resource").or_else(|| call.param("aud"));
    let checked = scope.join(" ");
    scopes::requested(world, &checked, None)?;

    let rotates = match world.quirks.rotate {
        Rotate::Always => true,
        Rotate::Never => false,
        Rotate::Interval => now - record.issued >= world.quirks.rotate_interval * 1000,
    };
    let refresh = if rotates {
        if let Some(old) = world.refresh.get_mut(&token) {
            old.rotated.get_or_insert(now);
        }
        Some(tokens::refresh_token(world, &record.grant))
    } else {
        match world.quirks.unrotated {
            Unrotated::Absent => None,
            Unrotated::Empty => Some(String::new()),
            Unrotated::Same => Some(token),
        }
    };
    let id_token = !grant.by_device || world.quirks.device_id_token;
    if let Some(grant) = world.grants.get_mut(&record.grant) {
        // The nonce belongs to the first ID token (OIDC Core §12.2 lets it go).
        grant.nonce = None;
    }
    let what = Issue { grant: record.grant, scope, resource, id_token, refresh };
    let body = tokens::issue(world, site, &what);
    Ok(Reply::json(200, &body))
}

/// PingAM's public ancestor calls an unknown or rotated token an invalid request.
fn unknown(world: &World) -> Refusal {
    if world.quirks.am_errors {
        Refusal::new("invalid_request", "RefreshToken does not exist")
    } else {
        dead()
    }
}

fn dead() -> Refusal {
    Refusal::new("invalid_grant", "unknown, invalid, or expired refresh token")
}
