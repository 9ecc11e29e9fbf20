//! The key by which a client proves itself (`private-key-jwt`): P-256 (ES256), made on this machine. The public
//! half is shown to whoever registers it; the private one leaves this room for the store alone.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dagpass_client::wire::ClientJwk;
use dagpass_core::locked::Locked;
use dagpass_core::token::Secret;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

const ALGORITHM: &EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
/// An uncompressed point (SEC 1 §2.3.3): a mark, then both coordinates.
const POINT: usize = 65;

/// PKCS#8, in pages of its own.
pub(crate) struct ClientKey(Locked);

impl ClientKey {
    pub(crate) fn made() -> Result<Self, String> {
        let made = EcdsaKeyPair::generate_pkcs8(ALGORITHM, &SystemRandom::new());
        let made = made.map_err(|_| "no key could be made".to_owned())?;
        Self::read(made.as_ref()).ok_or_else(|| "the key that was made is none".to_owned())
    }

    /// `None` where these bytes are no key of ours.
    pub(crate) fn read(pkcs8: &[u8]) -> Option<Self> {
        EcdsaKeyPair::from_pkcs8(ALGORITHM, pkcs8).ok()?;
        Some(Self(Locked::of(pkcs8)))
    }

    /// For the store.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        self.0.expose()
    }

    /// RFC 7517, named by its thumbprint (RFC 7638).
    pub(crate) fn public(&self) -> Result<ClientJwk, String> {
        let pair = self.pair()?;
        let point = pair.public_key().as_ref();
        let coordinates = point.strip_prefix(&[4]).filter(|_| point.len() == POINT);
        let (x, y) = coordinates.map(|both| both.split_at(both.len() / 2)).ok_or("no point")?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Ok(ClientJwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x,
            y,
            kid: URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)),
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
        })
    }

    /// A JWT over `claims` (RFC 7515 §3.1).
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<Secret<String>, String> {
        let head = Head { alg: "ES256", typ: "JWT", kid: self.public()?.kid };
        let part = |json: serde_json::Result<Vec<u8>>| {
            json.map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|error| error.to_string())
        };
        let (head, body) = (part(serde_json::to_vec(&head))?, part(serde_json::to_vec(claims))?);
        let text = format!("{head}.{body}");
        let signature = self.pair()?.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.map_err(|_| "it could not sign".to_owned())?;
        Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    fn pair(&self) -> Result<EcdsaKeyPair, String> {
        EcdsaKeyPair::from_pkcs8(ALGORITHM, self.0.expose()).map_err(|_| "it is none".to_owned())
    }
}

#[derive(Serialize)]
struct Head {
    alg: &'static str,
    typ: &'static str,
    kid: String,
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_it_signs_is_verified_by_the_half_that_is_shown() {
        crate::http::install_crypto();
        let key = ClientKey::made().unwrap();
        let again = ClientKey::read(key.pkcs8()).unwrap();
        let shown = again.public().unwrap();
        let jwk: Jwk = serde_json::from_value(serde_json::to_value(&shown).unwrap()).unwrap();
        assert_eq!(jwk.thumbprint(ThumbprintHash::SHA256).unwrap(), shown.kid);
        let jwt = key.sign(&json!({ "iss": "c", "aud": "i", "exp": 4_000_000_000_i64 })).unwrap();
        let mut wanted = Validation::new(Algorithm::ES256);
        wanted.set_audience(&["i"]);
        let read = jsonwebtoken::decode::<Value>(
            jwt.expose().as_bytes(),
            &DecodingKey::from_jwk(&jwk).unwrap(),
            &wanted,
        );
        let read = read.unwrap();
        assert_eq!((read.header.kid, &read.claims["iss"]), (Some(shown.kid), &json!("c")));
        assert!(ClientKey::read(b"no key").is_none());
    }
}
