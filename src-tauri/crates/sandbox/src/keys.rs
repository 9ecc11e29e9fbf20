//! Signing keys and the JWS form. Signs well or badly, as told; verifies nothing.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::encode::{b64, uuid};
use crate::quirks::SignWith;

/// The keys of one issuer, newest last.
#[derive(Debug)]
pub(crate) struct Keys {
    /// How many keys were made so far.
    made: usize,
    current: Key,
    /// Still in the JWKS after a roll-over with overlap.
    former: Vec<Key>,
    /// Never in the JWKS.
    foreign: Option<Key>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { made: 1, current: Key::new(0), former: Vec::new(), foreign: None }
    }

    /// The JSON Web Key Set (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> Value {
        let keys: Vec<Value> =
            std::iter::once(&self.current).chain(&self.former).map(Key::jwk).collect();
        json!({"keys": keys})
    }

    /// A new key signs from now on; the old one stays in the set unless `hard`.
    pub(crate) fn roll_over(&mut self, hard: bool) {
        let next = self.next();
        let old = std::mem::replace(&mut self.current, next);
        self.former.clear();
        if !hard {
            self.former.push(old);
        }
    }

    fn next(&mut self) -> Key {
        self.made += 1;
        Key::new(self.made - 1)
    }

    /// The compact form (RFC 7515 §7.1). `next_key` rolls over at its first use.
    pub(crate) fn sign(&mut self, typ: &str, claims: &Value, how: SignWith) -> String {
        let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": typ});
        let kid = self.current.kid.clone();
        match how {
            SignWith::Key => self.current.jws(&header("RS256", &kid), claims),
            SignWith::None => format!("{}.", unsigned(&header("none", &kid), claims)),
            SignWith::Hs256 => {
                let input = unsigned(&header("HS256", &kid), claims);
                let key = hmac::Key::new(hmac::HMAC_SHA256, &self.current.public_der());
                let tag = hmac::sign(&key, input.as_bytes());
                format!("{input}.{}", b64(tag.as_ref()))
            }
            SignWith::UnknownKid => self.current.jws(&header("RS256", &uuid()), claims),
            SignWith::NextKey => {
                if self.former.is_empty() {
                    self.roll_over(false);
                }
                let kid = self.current.kid.clone();
                self.current.jws(&header("RS256", &kid), claims)
            }
            SignWith::ForeignKey => {
                let foreign = self.foreign.take().unwrap_or_else(|| self.next());
                self.foreign.insert(foreign).jws(&header("RS256", &kid), claims)
            }
        }
    }
}

#[derive(Debug)]
struct Key {
    kid: String,
    pair: Arc<RsaKeyPair>,
}

/// An RSA key takes a second to make: the sandboxes of one process share them, under names of their own.
static POOL: Mutex<Vec<Arc<RsaKeyPair>>> = Mutex::new(Vec::new());

impl Key {
    #[expect(clippy::expect_used, reason = "a stage without a key cannot play its part")]
    fn new(index: usize) -> Self {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        while pool.len() <= index {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key is made");
            pool.push(Arc::new(pair));
        }
        Self { kid: uuid(), pair: Arc::clone(&pool[index]) }
    }

    fn public_der(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    fn jwk(&self) -> Value {
        let der = self.public_der();
        let (modulus, exponent) = integers(&der);
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": b64(modulus), "e": b64(exponent)})
    }

    #[expect(clippy::expect_used, reason = "signing with a key of ours does not fail")]
    fn jws(&self, header: &Value, claims: &Value) -> String {
        let input = unsigned(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .expect("an RSA key signs");
        format!("{input}.{}", b64(&signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()))
}

/// The two INTEGERs of an `RSAPublicKey` (RFC 8017 A.1.1), without the sign byte.
fn integers(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = element(der);
    let (modulus, rest) = element(sequence);
    let (exponent, _) = element(rest);
    (modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent)
}

/// The contents of the first DER element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, length) = match usize::from(der[1]) {
        short if short < 0x80 => (2, short),
        long => {
            let bytes = long & 0x7f;
            let length =
                der[2..2 + bytes].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (2 + bytes, length)
        }
    };
    (&der[start..start + length], &der[start + length..])
}
