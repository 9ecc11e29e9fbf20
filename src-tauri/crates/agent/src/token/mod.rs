//! What a token that was issued says of itself, whoever issued it: its claims, and when it ends. Believes
//! nothing: to verify is for the room that knows the issuer.

pub(crate) mod claims;
pub(crate) mod lifetime;
