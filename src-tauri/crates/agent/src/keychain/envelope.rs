//! AES-256-GCM over one record, under a key that lies elsewhere. Key and account are bound in, so that
//! a file moved under another account's name does not open. Never decides which key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dagpass_core::locked::Locked;
use dagpass_core::ports::StoreFailure;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const NONCE: usize = 12;

/// 32 secret bytes, and a name for them that gives nothing away.
#[derive(Clone, Debug)]
pub(super) struct SealingKey {
    id: String,
    bytes: Locked,
}

impl SealingKey {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let digest = Sha256::new_with_prefix(b"dagpass key id").chain_update(*bytes).finalize();
        let id = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { id, bytes: Locked::of(&*bytes) }
    }

    pub(super) fn generate() -> Result<Self, StoreFailure> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| StoreFailure::Unavailable("no random numbers".to_owned()))?;
        Ok(Self::new(bytes))
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The form that goes into the keychain: KWallet keeps text only.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.bytes.expose()))
    }

    pub(super) fn from_text(text: &[u8]) -> Result<Self, StoreFailure> {
        let bytes = STANDARD.decode(text).map(Zeroizing::new).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        bytes.map(Self::new).ok_or_else(|| corrupt("the key in the keychain is damaged"))
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    version: u32,
    key: String,
    nonce: String,
    sealed: String,
}

pub(super) fn seal(key: &SealingKey, account: &str, plain: &[u8]) -> Result<Vec<u8>, StoreFailure> {
    let refused = |_| StoreFailure::Unavailable("encryption failed".to_owned());
    let mut bytes = Zeroizing::new(plain.to_vec());
    let nonce = RandomizedNonceKey::new(&AES_256_GCM, key.bytes.expose())
        .and_then(|cipher| cipher.seal_in_place_append_tag(bound(&key.id, account), &mut *bytes))
        .map_err(refused)?;
    let envelope = Envelope {
        version: VERSION,
        key: key.id.clone(),
        nonce: STANDARD.encode(nonce.as_ref()),
        sealed: STANDARD.encode(bytes.as_slice()),
    };
    serde_json::to_vec(&envelope).map_err(|_| corrupt("the envelope cannot be written"))
}

pub(super) fn open(
    key: &SealingKey,
    account: &str,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreFailure> {
    let envelope: Envelope = serde_json::from_slice(bytes)
        .map_err(|_| corrupt("the encrypted file is incomplete or damaged"))?;
    if envelope.version != VERSION {
        return Err(corrupt("the encrypted file was written by a newer dagpass"));
    }
    if envelope.key != key.id {
        return Err(corrupt("the encrypted file was sealed under another key"));
    }
    let altered = || corrupt("the encrypted file was damaged or altered");
    let nonce = STANDARD.decode(&envelope.nonce).map_err(|_| altered())?;
    let nonce = <[u8; NONCE]>::try_from(nonce.as_slice()).map_err(|_| altered())?;
    let mut sealed = Zeroizing::new(STANDARD.decode(&envelope.sealed).map_err(|_| altered())?);
    let length = RandomizedNonceKey::new(&AES_256_GCM, key.bytes.expose())
        .and_then(|cipher| {
            let bound = bound(&key.id, account);
            cipher.open_in_place(Nonce::from(&nonce), bound, &mut sealed).map(|plain| plain.len())
        })
        .map_err(|_| altered())?;
    sealed.truncate(length);
    Ok(sealed)
}

/// With the one of the keys that it was sealed under.
pub(super) fn open_with(
    keys: &[SealingKey],
    account: &str,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreFailure> {
    let id = key_id(bytes);
    let its_own = keys.iter().find(|key| id.as_deref() == Some(key.id()));
    match its_own.or(keys.first()) {
        Some(key) => open(key, account, bytes),
        None => Err(corrupt("there is no key for the encrypted file")),
    }
}

/// The name of the key that a file was sealed under.
pub(super) fn key_id(bytes: &[u8]) -> Option<String> {
    serde_json::from_slice(bytes).ok().map(|envelope: Envelope| envelope.key)
}

/// Was it sealed under this key? `false` too where it is no envelope.
pub(super) fn is_under(key: &SealingKey, bytes: &[u8]) -> bool {
    serde_json::from_slice::<Envelope>(bytes).is_ok_and(|envelope| envelope.key == key.id)
}

fn bound(key: &str, account: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("dagpass record v{VERSION}\0{key}\0{account}").into_bytes())
}

fn corrupt(what: &str) -> StoreFailure {
    StoreFailure::Corrupt(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_the_same_key_and_account_only() {
        let key = SealingKey::new([7; 32]);
        let sealed = seal(&key, "prod", b"canary-c1").unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
        assert_eq!(open(&key, "prod", &sealed).unwrap().as_slice(), b"canary-c1");
        for (case, key, account) in [
            ("another account", SealingKey::new([7; 32]), "prod/x"),
            ("another key", SealingKey::new([8; 32]), "prod"),
        ] {
            assert!(
                matches!(open(&key, account, &sealed), Err(StoreFailure::Corrupt(_))),
                "{case}"
            );
        }
    }

    #[test]
    fn a_changed_or_shortened_envelope_is_corrupt_wherever_it_was_changed() {
        let key = SealingKey::new([7; 32]);
        let sealed = seal(&key, "prod", b"canary-c2").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x01;
            for bad in [&changed[..], &sealed[..at]] {
                let refused = open(&key, "prod", bad);
                assert!(matches!(refused, Err(StoreFailure::Corrupt(_))), "byte {at}");
            }
        }
    }

    #[test]
    fn a_key_survives_its_text_form_and_never_prints_itself() {
        let key = SealingKey::generate().unwrap();
        let back = SealingKey::from_text(key.to_text().as_bytes()).unwrap();
        assert_eq!(back.bytes.expose(), key.bytes.expose());
        assert!(!format!("{key:?}").contains(&*key.to_text()));
        assert!(SealingKey::from_text(b"c2hvcnQ=").is_err());
    }
}
