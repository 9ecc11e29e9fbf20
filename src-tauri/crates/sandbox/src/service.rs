//! The small endpoints: revocation, introspection, userinfo and sign-off.

use serde_json::{Map, Value, json};

use crate::call::{Call, Refusal, Reply};
use crate::clients;
use crate::encode::{fingerprint, unb64};
use crate::pages;
use crate::quirks::{SignWith, UserinfoShape};
use crate::tokens;
use crate::world::{Site, World};

/// RFC 7009. Revoking what is not valid counts towards the lock-out of the client, and of all.
pub(crate) fn revoke(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let client = clients::authenticate(world, call)?;
    let token = call.param("token").unwrap_or_default();
    world.note.client = Some(client);
    world.note.refresh_token_fp = Some(fingerprint(&token));
    let refresh = world.refresh.get(&token).cloned();
    let current = refresh.filter(|record| {
        record.rotated.is_none() && world.grants.get(&record.grant).is_some_and(|g| !g.revoked)
    });
    match (current, world.access.get_mut(&token)) {
        (Some(record), _) => tokens::revoke_grant(world, &record.grant),
        (None, Some(access)) if !access.revoked => access.revoked = true,
        _ => {
            world.stale_revocations += 1;
            if world.quirks.lockout_after.is_some_and(|limit| world.stale_revocations >= limit) {
                for client in &mut world.clients {
                    client.locked_out = true;
                }
            }
        }
    }
    Ok(Reply::empty(200))
}

/// RFC 7662. Honours the session (PingOne documents that it does).
pub(crate) fn introspect(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let client = clients::authenticate(world, call)?;
    world.note.client = Some(client);
    let token = call.param("token").unwrap_or_default();
    let now = world.now();
    let living = |grant: &str| {
        world.grants.get(grant).is_some_and(|grant| {
            !grant.revoked && (!world.quirks.session_bound || world.session(&grant.sid).is_some())
        })
    };
    let access = world.access.get(&token);
    let refresh = world.refresh.get(&token);
    let body = match (access, refresh) {
        (Some(access), _) if access.expires > now && !access.revoked && living(&access.grant) => {
            json!({"active": true, "sub": access.sub, "client_id": access.client,
                "scope": access.scope.join(" "), "aud": access.aud,
                "exp": access.expires / 1000, "token_type": "Bearer"})
        }
        (None, Some(refresh)) if refresh.rotated.is_none() && living(&refresh.grant) => {
            json!({"active": refresh.expires > now, "exp": refresh.expires / 1000})
        }
        _ => json!({"active": false}),
    };
    Ok(Reply::json(200, &body))
}

/// OIDC Core §5.3.
pub(crate) fn userinfo(world: &mut World, site: &Site, call: &Call) -> Reply {
    let now = world.now();
    let token = call.bearer().unwrap_or_default();
    let access = world.access.get(token).filter(|access| access.expires > now && !access.revoked);
    let grant = access.and_then(|access| world.grants.get(&access.grant)).cloned();
    let Some(grant) = grant else {
        world.note.error = Some("invalid_token".into());
        return Reply::json(401, &json!({"error": "invalid_token"}))
            .with("www-authenticate", "Bearer error=\"invalid_token\"");
    };
    world.note.sub = Some(grant.sub.clone());
    let mut claims = tokens::user_claims(world, &grant);
    tokens::overlay(&mut claims, &world.quirks.userinfo_claims);
    let how = match world.quirks.userinfo_shape {
        UserinfoShape::Json => return Reply::json(200, &Value::Object(claims)),
        UserinfoShape::Signed => SignWith::Key,
        UserinfoShape::Forged => SignWith::ForeignKey,
    };
    let mut signed = Map::new();
    signed.insert("iss".to_owned(), json!(site.issuer));
    signed.insert("aud".to_owned(), json!(grant.client));
    signed.extend(claims);
    tokens::overlay(&mut signed, &world.quirks.userinfo_claims);
    let mut reply = Reply::json(200, &Value::Null);
    reply.body = world.keys.sign("JWT", &Value::Object(signed), how);
    reply.retype("application/jwt");
    reply
}

/// Ends the browser's session, known by its cookie or by an ID token of it, and thereby every refresh token in it.
pub(crate) fn end_session(world: &mut World, call: &Call) -> Reply {
    let hinted = call.param("id_token_hint").and_then(|token| {
        let claims: Value = serde_json::from_slice(&unb64(token.split('.').nth(1)?)?).ok()?;
        claims["sid"].as_str().map(str::to_owned)
    });
    if let Some(sid) = hinted.or_else(|| call.cookie(pages::COOKIE).map(str::to_owned)) {
        world.note.sub = world.session(&sid).map(|session| session.sub.clone());
        world.end_sid(&sid);
    }
    let page = pages::message(
        world,
        200,
        "You are signed out",
        "Every application of this browser session is signed out too.",
    );
    page.with("set-cookie", format!("{}=; Path=/; Max-Age=0", pages::COOKIE))
}
