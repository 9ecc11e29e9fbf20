//! The device grant (RFC 8628): codes, polls and what a person decides on the page.

use serde_json::{Map, json};

use crate::call::{Call, Refusal, Reply};
use crate::clients;
use crate::encode::{self, challenge, uuid};
use crate::family::Endpoint;
use crate::grants::{self, Shown};
use crate::quirks::DevicePkce;
use crate::scopes;
use crate::world::{Site, World};

/// One device code.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) code: String,
    pub(crate) user_code: String,
    pub(crate) client: String,
    pub(crate) scope: Vec<String>,
    pub(crate) resource: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) state: State,
    pub(crate) created: i64,
    pub(crate) expires: i64,
    /// Seconds, raised by `slow_down`.
    pub(crate) interval: i64,
    pub(crate) polls: u32,
    pub(crate) last_poll: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Approved { sub: String, sid: String },
    Denied,
    Used,
}

/// RFC 8628 §3.1.
pub(crate) fn authorization(world: &mut World, site: &Site, call: &Call) -> Result<Reply, Refusal> {
    let client = clients::authenticate(world, call)?;
    world.note.client = Some(client.clone());
    let challenge = call.param("code_challenge");
    match (world.quirks.device_pkce, &challenge) {
        (DevicePkce::Required, None) => {
            return Err(Refusal::new("invalid_request", "code_challenge is required"));
        }
        (DevicePkce::Refused, Some(_)) => {
            return Err(Refusal::new("invalid_request", "unexpected parameter: code_challenge"));
        }
        _ => {}
    }
    if world.quirks.device_response_type && call.param("response_type").is_none() {
        let text = "client_id, scope and response_type are required parameters";
        return Err(Refusal::new("bad_request", text));
    }
    let resource = call.param("resource");
    let scope =
        scopes::requested(world, &call.param("scope").unwrap_or_default(), resource.as_deref())?;
    let now = world.now();
    let code = world.hand_out("device_code", uuid());
    let user_code = encode::user_code();
    let device = Device {
        code: code.clone(),
        user_code: user_code.clone(),
        client,
        scope,
        resource,
        challenge,
        state: State::Pending,
        created: now,
        expires: now + world.quirks.device_ttl * 1000,
        interval: world.quirks.device_interval,
        polls: 0,
        last_poll: None,
    };
    world.devices.push(device);

    let page = format!("{}{}", world.origin, site.place.path(Endpoint::DevicePage));
    let quirks = &world.quirks;
    let uri = quirks.custom_verification_uri.clone().unwrap_or_else(|| page.clone());
    let field = if quirks.legacy_field { "verification_url" } else { "verification_uri" };
    let mut body = Map::new();
    body.insert("device_code".into(), json!(code));
    body.insert("user_code".into(), json!(user_code));
    body.insert(field.into(), json!(uri));
    if quirks.custom_verification_uri.is_none() && !quirks.omit_verification_uri_complete {
        body.insert(format!("{field}_complete"), json!(format!("{page}?user_code={user_code}")));
    }
    body.insert("expires_in".into(), json!(quirks.device_ttl));
    body.insert("interval".into(), json!(quirks.device_interval));
    Ok(Reply::json(200, &body.into()))
}

/// A poll (RFC 8628 §3.4).
pub(crate) fn redeem(
    world: &mut World,
    site: &Site,
    client: &str,
    call: &Call,
) -> Result<Reply, Refusal> {
    let now = world.now();
    let quirks = world.quirks.clone();
    let code = call.param("device_code").unwrap_or_default();
    let Some(device) = world.devices.iter_mut().find(|device| device.code == code) else {
        return Err(Refusal::new("invalid_grant", "unknown device code"));
    };
    device.polls += 1;
    let early = device.last_poll.is_some_and(|last| now - last < device.interval * 1000);
    device.last_poll = Some(now);
    if device.client != client {
        return Err(Refusal::new("invalid_grant", "issued to another client"));
    }
    if device.expires <= now {
        let status = if quirks.am_errors { 401 } else { 400 };
        return Err(Refusal::new("expired_token", "the device code has expired").status(status));
    }
    if quirks.slow_down_after == Some(device.polls) || (quirks.enforce_interval && early) {
        device.interval += 5;
        return Err(Refusal::new("slow_down", "polled too quickly"));
    }
    let (sub, sid) = match device.state.clone() {
        State::Pending => {
            return Err(Refusal::new("authorization_pending", "the user has not decided yet")
                .status(quirks.pending_status));
        }
        State::Denied | State::Used if quirks.am_errors => {
            return Err(Refusal::new("authorization_declined", "declined").status(403));
        }
        State::Denied => return Err(Refusal::new("access_denied", "the user refused")),
        State::Used => {
            return Err(Refusal::new("invalid_grant", "the device code was used before"));
        }
        State::Approved { sub, sid } => (sub, sid),
    };
    if let Some(expected) = &device.challenge
        && challenge(&call.param("code_verifier").unwrap_or_default()) != *expected
    {
        return Err(Refusal::new("invalid_grant", "code_verifier does not match"));
    }
    device.state = State::Used;
    let shown = Shown {
        client: client.to_owned(),
        sub,
        sid,
        scope: device.scope.clone(),
        resource: device.resource.clone(),
        nonce: None,
        by_device: true,
    };
    let mut reply = grants::begin(world, site, shown).1;
    if quirks.device_silent {
        reply.members(|members| members.retain(|name, _| name != "id_token" && name != "scope"));
    }
    Ok(reply)
}

/// Is this poll one of those whose connection is to be dropped?
pub(crate) fn drops_poll(world: &mut World, call: &Call) -> bool {
    let (drop_polls, code) = (world.quirks.drop_polls, call.param("device_code"));
    let device = world.devices.iter_mut().find(|device| Some(&device.code) == code.as_ref());
    match device {
        Some(device) if device.polls < drop_polls => {
            device.polls += 1;
            true
        }
        _ => false,
    }
}

/// The user codes that wait for a person, oldest first.
pub(crate) fn pending(world: &World) -> Vec<String> {
    let now = world.now();
    world
        .devices
        .iter()
        .filter(|device| device.state == State::Pending && device.expires > now)
        .map(|device| device.user_code.clone())
        .collect()
}

/// The open request of a user code, however it was typed.
pub(crate) fn find<'a>(world: &'a mut World, user_code: &str) -> Option<&'a mut Device> {
    let bare = |text: &str| text.replace(['-', ' '], "").to_uppercase();
    let wanted = bare(user_code);
    let now = world.now();
    world.devices.iter_mut().find(|device| {
        bare(&device.user_code) == wanted && device.state == State::Pending && device.expires > now
    })
}

/// A person said yes in the session `sid`.
pub(crate) fn approve(world: &mut World, user_code: &str, sid: &str) -> Result<(), String> {
    let session = world.session(sid).cloned().ok_or("the session has ended")?;
    let device = find(world, user_code).ok_or("no open request has this code")?;
    device.state = State::Approved { sub: session.sub, sid: session.sid };
    Ok(())
}

/// A person said no.
pub(crate) fn deny(world: &mut World, user_code: &str) -> Result<(), String> {
    find(world, user_code).ok_or("no open request has this code")?.state = State::Denied;
    Ok(())
}

/// Approves what has been open for a second, for the demo.
pub(crate) fn auto_approve(world: &mut World, sub: &str) {
    let due = world.now() - 1000;
    let codes: Vec<String> = world
        .devices
        .iter()
        .filter(|device| device.state == State::Pending && device.created <= due)
        .map(|device| device.user_code.clone())
        .collect();
    for code in codes {
        let session = world.session_of(sub).map(|session| session.sid.clone());
        let sid = session.unwrap_or_else(|| world.sign_on(sub));
        if let Err(reason) = approve(world, &code, &sid) {
            tracing::debug!(reason, "a device code was not approved");
        }
    }
}
