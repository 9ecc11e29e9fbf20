//! How the clients of the config's profiles prove themselves to their issuers.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// `GET /v1/clients`: of each profile, and of each connection that signs in by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientList {
    pub clients: Vec<ClientShown>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientShown {
    /// What a person types to sign in with it.
    pub profile: String,
    pub issuer: String,
    pub client_id: String,
    /// The config's word: `none`, `secret-basic`, `secret-post`, `private-key-jwt`.
    pub client_auth: String,
    /// Since when this machine has what proves it; epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// The half of its key that is registered at the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwk: Option<ClientJwk>,
    /// Why the store does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// RFC 7517 §4, RFC 7518 §6.2: a public key, named by its thumbprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientJwk {
    pub kty: String,
    pub crv: String,
    pub x: String,
    pub y: String,
    pub kid: String,
    pub alg: String,
    #[serde(rename = "use")]
    pub usage: String,
}

/// RFC 7517 §5: what an issuer's administrator pastes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientJwks {
    pub keys: Vec<ClientJwk>,
}

/// `PUT /v1/clients`: what proves one of them changes. The answer is [`ClientShown`].
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientAsk {
    pub profile: String,
    pub change: ClientChange,
    /// With `secret`: what the issuer's administrator gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Zeroizing<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientChange {
    /// Nothing changes; a key is made where the client needs one and has none.
    #[default]
    MakeKey,
    /// Another key in the place of the one before.
    NewKey,
    Secret,
    Forget,
}

impl std::fmt::Debug for ClientAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ClientAsk");
        shown.field("profile", &self.profile).field("change", &self.change).finish_non_exhaustive()
    }
}
