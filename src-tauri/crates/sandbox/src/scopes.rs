//! Which scopes may be asked for together. Decides by names only: `api:read` belongs to resource `api`.

use std::collections::BTreeSet;

use crate::call::Refusal;
use crate::encode::uuid;
use crate::family::Family;
use crate::world::World;

/// The scopes of a request, checked against what the product allows.
pub(crate) fn requested(
    world: &World,
    text: &str,
    resource: Option<&str>,
) -> Result<Vec<String>, Refusal> {
    let scope: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    let resources: BTreeSet<&str> =
        scope.iter().filter_map(|scope| scope.split_once(':').map(|(name, _)| name)).collect();
    let mixes = resource.is_some()
        && world.family == Family::PingOne
        && scope.iter().any(|s| s == "openid");
    if world.quirks.one_resource && (resources.len() > 1 || mixes) {
        let text =
            format!("May not request scopes for multiple resources (Correlation ID: {})", uuid());
        return Err(Refusal::new("invalid_scope", &text));
    }
    if scope.iter().any(|scope| scope == "forbidden") {
        return Err(Refusal::new("invalid_scope", "At least one scope is not granted: forbidden"));
    }
    Ok(scope)
}

/// A refresh may only narrow (RFC 6749 §6).
pub(crate) fn narrowed(granted: &[String], asked: Option<&str>) -> Result<Vec<String>, Refusal> {
    let Some(asked) = asked else { return Ok(granted.to_vec()) };
    let scope: Vec<String> = asked.split_ascii_whitespace().map(str::to_owned).collect();
    if scope.iter().all(|name| granted.contains(name)) {
        Ok(scope)
    } else {
        Err(Refusal::new("invalid_scope", "The requested scope exceeds the scope that was granted"))
    }
}
