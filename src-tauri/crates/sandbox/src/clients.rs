//! Who is calling: client authentication at the token and neighbouring endpoints (RFC 6749 §2.3).

use crate::call::{Call, Refusal};
use crate::encode;
use crate::world::World;

/// The authenticated client's id.
pub(crate) fn authenticate(world: &World, call: &Call) -> Result<String, Refusal> {
    let basic = call.authorization.as_deref().and_then(encode::basic);
    let (id, secret) = match basic {
        Some((id, secret)) => (id, Some(secret)),
        None => (call.param("client_id").unwrap_or_default(), call.param("client_secret")),
    };
    let client = world
        .client(&id)
        .ok_or_else(|| Refusal::new("invalid_client", "Unknown client or client disabled"))?;
    if client.locked_out {
        return Err(Refusal::new("invalid_client", "The client is locked out"));
    }
    if client.secret.is_some_and(|known| secret.as_deref() != Some(known)) {
        return Err(Refusal::new("invalid_client", "Invalid client or client credentials"));
    }
    Ok(client.id.clone())
}

/// The name that people see.
pub(crate) fn name(world: &World, id: &str) -> &'static str {
    world.client(id).map_or("an application", |client| client.name)
}
