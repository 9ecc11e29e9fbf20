//! Makes access, refresh and ID tokens and remembers them. Whether a grant may have them is decided
//! by the token endpoint.

use serde_json::{Map, Value, json};

use crate::encode::{self, b64, fingerprint, random, sha256};
use crate::family::Family;
use crate::groups;
use crate::quirks::{AccessFormat, RefreshAttributes, RefreshFormat, SignWith};
use crate::world::{Site, World};

/// What a person allowed an application. All refresh tokens of one grant are one family.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) sub: String,
    pub(crate) sid: String,
    pub(crate) scope: Vec<String>,
    /// As they were at the sign-in.
    pub(crate) groups: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) auth_time: i64,
    pub(crate) by_device: bool,
    pub(crate) revoked: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    pub(crate) grant: String,
    pub(crate) issued: i64,
    pub(crate) expires: i64,
    /// When a successor was issued.
    pub(crate) rotated: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) grant: String,
    pub(crate) sub: String,
    pub(crate) scope: Vec<String>,
    pub(crate) aud: Value,
    pub(crate) client: String,
    /// Milliseconds since the epoch.
    pub(crate) expires: i64,
    pub(crate) revoked: bool,
    /// The protected API was told not to take it.
    pub(crate) refused: bool,
}

/// What goes into one answer of the token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) grant: String,
    pub(crate) scope: Vec<String>,
    pub(crate) resource: Option<String>,
    pub(crate) id_token: bool,
    /// The text of the field `refresh_token`, where it is there at all.
    pub(crate) refresh: Option<String>,
}

/// The body of a successful answer (RFC 6749 §5.1).
pub(crate) fn issue(world: &mut World, site: &Site, what: &Issue) -> Value {
    let Some(grant) = world.grants.get(&what.grant).cloned() else { return Value::Null };
    let access = access_token(world, site, what);
    world.note.sub = Some(grant.sub.clone());
    world.note.scope = Some(what.scope.join(" "));
    world.note.access_token_fp = Some(fingerprint(&access));
    world.note.new_refresh_token_fp =
        what.refresh.as_deref().filter(|token| !token.is_empty()).map(fingerprint);
    let mut body = Map::new();
    if what.id_token && what.scope.iter().any(|scope| scope == "openid") {
        body.insert("id_token".into(), json!(id_token(world, site, &grant, &access)));
    }
    body.insert("access_token".into(), json!(access));
    body.insert("token_type".into(), json!("Bearer"));
    if !world.quirks.omit_expires_in {
        body.insert("expires_in".into(), json!(world.quirks.at_ttl));
    }
    body.insert("scope".into(), json!(what.scope.join(" ")));
    if let Some(refresh) = &what.refresh {
        body.insert("refresh_token".into(), json!(refresh));
    }
    Value::Object(body)
}

/// A fresh refresh token of a grant.
pub(crate) fn refresh_token(world: &mut World, grant: &str) -> String {
    let now = world.now();
    let token = match world.quirks.rt_format {
        RefreshFormat::Opaque => random(32),
        RefreshFormat::Jwt => {
            let claims = json!({"jti": encode::uuid(), "grant": grant, "typ": "refresh",
                "pad": "x".repeat(world.quirks.rt_pad)});
            world.keys.sign("JWT", &claims, SignWith::Key)
        }
    };
    let expires = now + world.quirks.rt_ttl * 1000;
    let record = Refresh { grant: grant.to_owned(), issued: now, expires, rotated: None };
    world.refresh.insert(token.clone(), record);
    world.hand_out("refresh_token", token)
}

/// Ends a family: its refresh tokens, and its access tokens as far as anybody asks the issuer.
pub(crate) fn revoke_grant(world: &mut World, id: &str) {
    if let Some(grant) = world.grants.get_mut(id) {
        grant.revoked = true;
    }
    for access in world.access.values_mut().filter(|access| access.grant == id) {
        access.revoked = true;
    }
}

/// Claims of a user for userinfo and ID tokens.
pub(crate) fn user_claims(world: &World, grant: &Grant) -> Map<String, Value> {
    let sub = world.quirks.answer_as.as_deref().unwrap_or(&grant.sub);
    let user = world.user(&grant.sub);
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(sub));
    if let Some(user) = user {
        claims.insert("name".into(), json!(user.name));
        claims.insert("email".into(), json!(format!("{}@example.test", user.sub)));
    }
    let groups = match (world.quirks.refresh_attrs, user) {
        (RefreshAttributes::Live, Some(user)) => &user.groups,
        _ => &grant.groups,
    };
    if let Some(value) = groups::claim(groups, world.quirks.groups_shape) {
        claims.insert(world.quirks.groups_claim.clone(), value);
    }
    claims
}

/// Sets what `changes` names and removes what it names as `null`.
pub(crate) fn overlay(claims: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, value) in changes {
        match value {
            Value::Null => drop(claims.remove(name)),
            other => drop(claims.insert(name.clone(), other.clone())),
        }
    }
}

fn access_token(world: &mut World, site: &Site, what: &Issue) -> String {
    let Some(grant) = world.grants.get(&what.grant).cloned() else { return String::new() };
    let now = world.seconds();
    let exp = now + world.quirks.at_ttl;
    let aud = audience(world, what);
    let token = match world.quirks.at_format {
        AccessFormat::Reference => random(24),
        AccessFormat::Jwt => {
            let mut claims = Map::new();
            for name in ["sub", world.quirks.groups_claim.as_str()] {
                if let Some(value) = user_claims(world, &grant).remove(name) {
                    claims.insert(name.to_owned(), value);
                }
            }
            let own = json!({"iss": site.issuer, "aud": aud, "client_id": grant.client, "iat": now,
                "exp": exp, "sid": grant.sid, "scope": what.scope.join(" "), "jti": encode::uuid()});
            claims.extend(own.as_object().cloned().unwrap_or_default());
            world.keys.sign("at+jwt", &Value::Object(claims), SignWith::Key)
        }
    };
    let expires = match world.quirks.at_format {
        AccessFormat::Jwt => exp * 1000,
        AccessFormat::Reference => world.now() + world.quirks.at_ttl * 1000,
    };
    let record = Access {
        grant: what.grant.clone(),
        sub: grant.sub,
        scope: what.scope.clone(),
        aud,
        client: grant.client,
        expires,
        revoked: false,
        refused: false,
    };
    world.access.insert(token.clone(), record);
    world.hand_out("access_token", token)
}

/// PingOne names an array, the others a string: the resource's URL, or its name.
fn audience(world: &World, what: &Issue) -> Value {
    let named = what.resource.clone().or_else(|| {
        what.scope.iter().find_map(|scope| scope.split_once(':').map(|(name, _)| name.to_owned()))
    });
    let name = named.unwrap_or_else(|| world.origin.clone());
    match world.family {
        Family::PingOne => json!([name]),
        Family::PingFederate | Family::PingAm => json!(name),
    }
}

fn id_token(world: &mut World, site: &Site, grant: &Grant, access: &str) -> String {
    let now = world.seconds();
    let mut claims = user_claims(world, grant);
    let own = json!({"iss": site.issuer, "aud": grant.client, "iat": now, "exp": now + 3600,
        "auth_time": grant.auth_time, "sid": grant.sid,
        "at_hash": b64(&sha256(access.as_bytes())[..16])});
    claims.extend(own.as_object().cloned().unwrap_or_default());
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".into(), json!(nonce));
    }
    overlay(&mut claims, &world.quirks.id_token_claims);
    let how = world.quirks.sign_with;
    let token = world.keys.sign("JWT", &Value::Object(claims), how);
    world.hand_out("id_token", token)
}
