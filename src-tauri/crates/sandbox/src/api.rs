//! A protected API that takes only tokens of this issuer, and its own log. It checks as a resource
//! server does: by expiry alone for a JWT, by the issuer's memory for a reference token.

use serde_json::json;

use crate::call::{Call, Reply};
use crate::encode::{fingerprint, timestamp};
use crate::log::ApiEntry;
use crate::world::World;

/// Any method on any path under `/api`.
pub(crate) fn serve(world: &mut World, call: &Call) -> Reply {
    let now = world.now();
    let token = call.bearer();
    let access = token.and_then(|token| world.access.get(token));
    let is_jwt = token.is_some_and(|token| token.contains('.'));
    let error = match (token, access) {
        (None, _) => Some("no token"),
        (Some(_), None) => Some("unknown token"),
        (_, Some(access)) if access.expires <= now => Some("the token has expired"),
        (_, Some(access)) if access.refused => Some("the token is not accepted"),
        (_, Some(access)) if access.revoked && !is_jwt => Some("the token was revoked"),
        _ => None,
    };
    let entry = ApiEntry {
        time: timestamp(now),
        method: call.method.clone(),
        path: call.path.clone(),
        token: token.map(fingerprint),
        expiry: access.map(|access| timestamp(access.expires)),
        sub: access.map(|access| access.sub.clone()),
        status: if error.is_some() { 401 } else { 200 },
        error: error.map(str::to_owned),
    };
    let reply = match (error, token) {
        (None, _) => Reply::json(
            200,
            &json!({"path": call.path, "sub": entry.sub, "token": entry.token,
                "expiry": entry.expiry, "time": entry.time}),
        ),
        // Without credentials there is no error code to give (RFC 6750 §3.1).
        (Some(_), None) => Reply::json(401, &json!({"error": "unauthorized"}))
            .with("www-authenticate", "Bearer realm=\"sandbox-api\""),
        (Some(text), Some(_)) => {
            Reply::json(401, &json!({"error": "invalid_token", "error_description": text})).with(
                "www-authenticate",
                format!(
                    "Bearer realm=\"sandbox-api\", error=\"invalid_token\", error_description=\"{text}\""
                ),
            )
        }
    };
    world.api_log.push(entry);
    reply
}
