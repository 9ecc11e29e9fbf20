//! The control routes: what the Rust API does, over HTTP in JSON, so that any process can drive the
//! sandbox. On loopback only, like all of it, and never part of what the client under test may call.
//!
//! `GET`: `info log api-log quirks secrets users replayed devices refreshes most-refreshing`. `POST`:
//! `quirks` (any subset of the switches), `faults` (one [`Fault`]), `clear-faults`, `release`, `approve`
//! `{user_code, user}`, `deny` `{user_code}`, `authorize` `{url, user}` -> `{location}`, `sign-on` `{user}`,
//! `end-session` `{sub}`, `groups` `{sub, groups}`, `roll-over` `{hard}`, `advance` `{seconds}`, `refuse` `{token}`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::authorize;
use crate::call::{Call, Reply};
use crate::device;
use crate::family::{Endpoint, route};
use crate::faults::Fault;
use crate::sandbox::Shared;
use crate::world::{CLIENT_ID, World};

pub(crate) const PREFIX: &str = "/__control";

/// One field for everything that the commands take.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Body {
    user: String,
    user_code: String,
    sub: String,
    url: String,
    groups: Vec<String>,
    hard: bool,
    seconds: i64,
    token: String,
}

/// `GET` shows, `POST` acts.
pub(crate) fn serve(shared: &Shared, call: &Call) -> Reply {
    let name = call.path.trim_start_matches(PREFIX).trim_matches('/');
    let answer = match call.method.as_str() {
        "GET" => shared.with(|world| show(world, name)),
        "POST" => act(shared, name, &call.body),
        _ => Err("GET or POST".to_owned()),
    };
    match answer {
        Ok(body) => Reply::json(200, &body),
        Err(reason) => Reply::json(400, &json!({"error": reason})),
    }
}

fn show(world: &mut World, name: &str) -> Result<Value, String> {
    Ok(match name {
        "" | "info" => info(world),
        "log" => json!(world.log),
        "api-log" => json!(world.api_log),
        "quirks" => json!(world.quirks),
        "secrets" => json!(world.secrets),
        "users" => json!(world.users),
        "replayed" => json!(world.replayed()),
        "most-refreshing" => json!(world.most_refreshing),
        "devices" => json!(device::pending(world)),
        "refreshes" => json!(world.log.iter().filter(|entry| entry.is_refresh()).count()),
        other => return Err(format!("nothing is called {other}")),
    })
}

/// What the binary prints at start.
pub(crate) fn info(world: &World) -> Value {
    json!({
        "issuer": world.main_site().issuer,
        "control": format!("{}{PREFIX}", world.origin),
        "api": format!("{}/api", world.origin),
        "client_id": CLIENT_ID,
        "family": world.family,
    })
}

fn act(shared: &Shared, name: &str, body: &str) -> Result<Value, String> {
    let said = |error: serde_json::Error| error.to_string();
    let text = if body.trim().is_empty() { "{}" } else { body };
    match name {
        "quirks" => {
            let patch: Value = serde_json::from_str(text).map_err(said)?;
            return shared.with(|world| {
                world.quirks = world.quirks.patched(patch).map_err(said)?;
                Ok(json!(world.quirks))
            });
        }
        "faults" => {
            let fault: Fault = serde_json::from_str(text).map_err(said)?;
            shared.with(|world| world.faults.add(fault));
            return Ok(json!({}));
        }
        "release" => {
            shared.release();
            return Ok(json!({}));
        }
        _ => {}
    }
    let body: Body = serde_json::from_str(text).map_err(said)?;
    shared.with(|world| command(world, name, body))
}

fn command(world: &mut World, name: &str, body: Body) -> Result<Value, String> {
    match name {
        "clear-faults" => world.faults.clear(),
        "approve" => {
            world.user(&body.user).ok_or("no such user")?;
            let session = world.session_of(&body.user).map(|session| session.sid.clone());
            let sid = session.unwrap_or_else(|| world.sign_on(&body.user));
            device::approve(world, &body.user_code, &sid)?;
        }
        "deny" => device::deny(world, &body.user_code)?,
        "authorize" => {
            let (path, query) = authorize::query_of(&body.url).ok_or("not a URL")?;
            let found = route(world.family, &path);
            let (place, _) = found
                .filter(|(_, e)| *e == Endpoint::Authorize)
                .ok_or("not an authorization URL")?;
            let site = world.site(place);
            let location = authorize::authorize_as(world, &site, &body.user, &query)?;
            return Ok(json!({"location": location}));
        }
        "sign-on" => return Ok(json!({"sid": world.sign_on(&body.user)})),
        "end-session" => world.end_sessions(&body.sub),
        "groups" => {
            let groups: Vec<&str> = body.groups.iter().map(String::as_str).collect();
            world.set_groups(&body.sub, &groups);
        }
        "roll-over" => world.keys.roll_over(body.hard),
        "advance" => world.advanced += body.seconds * 1000,
        "refuse" => world.refuse(&body.token),
        other => return Err(format!("nothing is called {other}")),
    }
    Ok(json!({}))
}
