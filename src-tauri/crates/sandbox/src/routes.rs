//! From a path to what answers it, and into the log. Decides nothing about tokens.

use crate::api;
use crate::authorize;
use crate::call::{Call, Refusal, Reply};
use crate::device;
use crate::encode::{fingerprint, http_date};
use crate::family::{Endpoint, metadata, route};
use crate::faults::Kind;
use crate::grants;
use crate::log::Entry;
use crate::pages;
use crate::quirks::ErrorShape;
use crate::service;
use crate::world::World;

/// The fault this request meets, if it is one for the issuer or the API.
pub(crate) fn fault(world: &mut World, call: &Call) -> Option<Kind> {
    let (_, endpoint) = route(world.family, &call.path)?;
    let grant = call.param("grant_type");
    let grant = grant.as_deref().map(grants::short);
    let polls = endpoint == Endpoint::Token && grant == Some("device_code");
    if polls && device::drops_poll(world, call) {
        return Some(Kind::ResetBefore);
    }
    world.faults.meet(endpoint, grant)
}

/// Serves a request and logs it.
pub(crate) fn serve(world: &mut World, call: &Call, fault: Option<&Kind>) -> Reply {
    let Some((place, endpoint)) = route(world.family, &call.path) else {
        return pages::message(
            world,
            404,
            "Nothing is here",
            "This path belongs to no endpoint of the sandbox.",
        );
    };
    let now = world.now();
    world.note = Entry::new(now, endpoint, call);
    let site = world.site(place);
    let reply = match endpoint {
        Endpoint::Discovery => {
            Ok(Reply::json(200, &metadata(&site.place, &world.origin, &world.quirks)))
        }
        Endpoint::Jwks => Ok(Reply::json(200, &world.keys.jwks())),
        Endpoint::Authorize => Ok(match call.param("flow") {
            Some(_) if call.is_post() => pages::sign_in::submitted(world, &site, call),
            _ => authorize::authorize(world, &site, call),
        }),
        Endpoint::DevicePage => Ok(pages::device::serve(world, &site, call)),
        Endpoint::Par => authorize::push(world, call),
        Endpoint::Token => grants::token(world, &site, call),
        Endpoint::DeviceAuthorization => device::authorization(world, &site, call),
        Endpoint::Userinfo => Ok(service::userinfo(world, &site, call)),
        Endpoint::Introspect => service::introspect(world, call),
        Endpoint::Revoke => service::revoke(world, call),
        Endpoint::EndSession => Ok(service::end_session(world, call)),
        Endpoint::Api => Ok(api::serve(world, call)),
    };
    let reply = reply.unwrap_or_else(|refusal| refused(world, &refusal));
    if endpoint != Endpoint::Api {
        world.note.status = reply.status;
        world.note.fault = fault.map(Kind::name);
        world.log.push(world.note.clone());
    }
    reply.with("date", http_date(now / 1000))
}

/// Logs a request that a fault kept from being served.
pub(crate) fn note_unserved(world: &mut World, call: &Call, kind: &Kind, status: u16) {
    let Some((_, endpoint)) = route(world.family, &call.path) else { return };
    let mut entry = Entry::new(world.now(), endpoint, call);
    entry.grant = call.param("grant_type").map(|grant| grants::short(&grant).to_owned());
    entry.client = call.param("client_id");
    let presented = call.param("refresh_token").or_else(|| call.param("token"));
    entry.refresh_token_fp = presented.as_deref().map(fingerprint);
    entry.fault = Some(kind.name());
    entry.status = status;
    world.log.push(entry);
}

fn refused(world: &mut World, refusal: &Refusal) -> Reply {
    world.note.error = Some(refusal.error.clone());
    refusal.reply(world.quirks.error_shape == ErrorShape::Platform)
}
