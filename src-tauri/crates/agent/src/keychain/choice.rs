//! Which store a person chose, remembered in `store.json` of the state folder: how it is written there,
//! and how a passphrase or a key file becomes a key. Nothing ever falls to an encrypted file by itself.

use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dagpass_core::ports::StoreFailure;
use dagpass_core::time::Timestamp;
use dagpass_core::token::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::envelope::{self, SealingKey};
use crate::system;

const FILE: &str = "store.json";

/// What the proof of a passphrase is sealed as; no profile may have this name.
const PROOF: &str = "#proof";

/// How much memory shall one guess at the passphrase cost, in KiB?
const MEMORY_KIB: u32 = 64 * 1024;

/// How many passes over that memory?
const PASSES: u32 = 3;

/// How long must a key file at least be, in bytes?
const KEY_FILE_AT_LEAST: usize = 32;

/// Where refresh tokens go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StoreChoice {
    #[default]
    Keychain,
    /// An encrypted file that opens with a passphrase, given anew after each start.
    /// `None` until the first unlocking chooses the passphrase.
    PassphraseFile { lock: Option<PassphraseLock> },
    /// An encrypted file whose key lies in another file.
    KeyFile { key_file: PathBuf },
}

/// What `store.json` says: the choice, and what a move of the records still has to empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    #[serde(flatten)]
    pub(super) choice: StoreChoice,
    /// Programs before this one read past it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to_empty: Option<ToEmpty>,
}

/// A place that holds copies: of a move that has ended, or of one that never did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ToEmpty {
    pub(super) place: Place,
    /// Only these; `None` is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) accounts: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    Keychain,
    /// Both kinds of encrypted file lie in one folder.
    Files,
}

impl Remembered {
    /// `None` where nothing was chosen yet.
    pub(super) fn read(state: &Path) -> Result<Option<Self>, StoreFailure> {
        let place = state.join(FILE);
        match std::fs::read(&place) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                StoreFailure::Corrupt(format!(
                    "{}: {error}; put back the newest `{FILE}.before-…` beside it",
                    place.display()
                ))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(&place, &error)),
        }
    }

    /// Makes this what every later start opens.
    pub(super) fn write(&self, state: &Path) -> Result<(), StoreFailure> {
        self.write_to(&state.join(FILE))
    }

    /// Beside what is about to be replaced: salt and proof of a passphrase are nowhere else.
    pub(super) fn back_up(&self, state: &Path, at: Timestamp) -> Result<PathBuf, StoreFailure> {
        let copy = state.join(format!("{FILE}.before-{}", at.as_secs()));
        self.write_to(&copy).map(|()| copy)
    }

    fn write_to(&self, place: &Path) -> Result<(), StoreFailure> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| StoreFailure::Unavailable(format!("{}: {error}", place.display())))?;
        system::private_dir(place.parent().unwrap_or(place))
            .and_then(|()| system::settle_private(place, &bytes))
            .map_err(|error| unavailable(place, &error))
    }
}

impl StoreChoice {
    /// Makes this the choice of every later start.
    pub(super) fn remember(&self, state: &Path) -> Result<(), StoreFailure> {
        Remembered { choice: self.clone(), to_empty: None }.write(state)
    }

    pub(super) const fn place(&self) -> Place {
        match self {
            Self::Keychain => Place::Keychain,
            Self::PassphraseFile { .. } | Self::KeyFile { .. } => Place::Files,
        }
    }

    /// The same kind and the same key file: whether a passphrase is set already makes no other store.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Keychain, Self::Keychain)
            | (Self::PassphraseFile { .. }, Self::PassphraseFile { .. }) => true,
            (Self::KeyFile { key_file: one }, Self::KeyFile { key_file: two }) => one == two,
            (Self::Keychain | Self::PassphraseFile { .. } | Self::KeyFile { .. }, _) => false,
        }
    }
}

/// How a passphrase becomes a key, and how a wrong one is noticed. No secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassphraseLock {
    salt: String,
    memory_kib: u32,
    passes: u32,
    proof: String,
}

impl PassphraseLock {
    /// Takes a tenth of a second or more: not for a runtime's thread.
    pub fn new(passphrase: &Secret<String>) -> Result<Self, StoreFailure> {
        Self::with_cost(passphrase, MEMORY_KIB, PASSES)
    }

    pub(super) fn with_cost(
        passphrase: &Secret<String>,
        memory_kib: u32,
        passes: u32,
    ) -> Result<Self, StoreFailure> {
        if passphrase.expose().is_empty() {
            return Err(StoreFailure::PassphraseNeeded("the passphrase is empty"));
        }
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt)
            .map_err(|_| StoreFailure::Unavailable("no random numbers".to_owned()))?;
        let mut lock =
            Self { salt: STANDARD.encode(salt), memory_kib, passes, proof: String::new() };
        let proof = envelope::seal(&lock.derive(passphrase)?, PROOF, b"dagpass")?;
        lock.proof = STANDARD.encode(proof);
        Ok(lock)
    }

    /// The key, where the passphrase is the one that was chosen.
    pub(super) fn open(&self, passphrase: &Secret<String>) -> Result<SealingKey, StoreFailure> {
        let key = self.derive(passphrase)?;
        let proof = STANDARD.decode(&self.proof).map_err(|_| damaged())?;
        match envelope::open(&key, PROOF, &proof) {
            Ok(_) => Ok(key),
            Err(_) => Err(StoreFailure::PassphraseNeeded("the passphrase is wrong")),
        }
    }

    fn derive(&self, passphrase: &Secret<String>) -> Result<SealingKey, StoreFailure> {
        let salt = STANDARD.decode(&self.salt).map_err(|_| damaged())?;
        let cost = Params::new(self.memory_kib, self.passes, 1, Some(32)).map_err(|_| damaged())?;
        let mut bytes = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
            .hash_password_into(passphrase.expose().as_bytes(), &salt, &mut bytes)
            .map_err(|error| StoreFailure::Unavailable(format!("argon2: {error}")))?;
        let key = SealingKey::new(bytes);
        bytes.zeroize();
        Ok(key)
    }
}

/// The key that a key file gives: the digest of its bytes, whatever they are.
pub(super) fn key_of_file(place: &Path) -> Result<SealingKey, StoreFailure> {
    let bytes = Zeroizing::new(
        system::read_private(place)
            .map_err(|error| StoreFailure::Unavailable(error.to_string()))?,
    );
    if bytes.len() < KEY_FILE_AT_LEAST {
        return Err(StoreFailure::Unavailable(format!(
            "{} holds {} bytes; a key file needs {KEY_FILE_AT_LEAST} or more",
            place.display(),
            bytes.len()
        )));
    }
    let digest = Sha256::new_with_prefix(b"dagpass key file").chain_update(&*bytes).finalize();
    Ok(SealingKey::new(digest.into()))
}

fn damaged() -> StoreFailure {
    StoreFailure::Corrupt(format!("{FILE} is damaged"))
}

fn unavailable(place: &Path, error: &io::Error) -> StoreFailure {
    StoreFailure::Unavailable(dagpass_client::owner::told(place, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn the_choice_is_remembered_and_is_none_until_somebody_chooses() {
        let world = tempfile::tempdir().unwrap();
        let state = world.path().join("dagpass");
        assert_eq!(Remembered::read(&state), Ok(None));
        let chosen = StoreChoice::KeyFile { key_file: "/k".into() };
        chosen.remember(&state).unwrap();
        let text = std::fs::read_to_string(state.join(FILE)).unwrap();
        assert_eq!(text, "{\n  \"kind\": \"key-file\",\n  \"key_file\": \"/k\"\n}", "as released");
        let remembered = Remembered { choice: chosen, to_empty: None };
        assert_eq!(Remembered::read(&state), Ok(Some(remembered.clone())));
        let copy = remembered.back_up(&state, Timestamp::from_secs(7)).unwrap();
        assert_eq!(copy, state.join("store.json.before-7"));
        assert_eq!(system::read_private(&copy).unwrap(), text.as_bytes());

        let to_empty = ToEmpty { place: Place::Keychain, accounts: None };
        let moving = Remembered { to_empty: Some(to_empty), ..remembered };
        moving.write(&state).unwrap();
        assert_eq!(Remembered::read(&state), Ok(Some(moving)));
        let text = std::fs::read_to_string(state.join(FILE)).unwrap();
        let before: StoreChoice = serde_json::from_str(&text).expect("an older program reads it");
        assert_eq!(before, StoreChoice::KeyFile { key_file: "/k".into() });

        std::fs::write(state.join(FILE), r#"{"kind":"cloud"}"#).unwrap();
        assert!(matches!(Remembered::read(&state), Err(StoreFailure::Corrupt(_))));
    }

    #[test]
    fn only_the_chosen_passphrase_opens_the_lock() {
        let lock = PassphraseLock::with_cost(&passphrase("canary-d1"), 64, 1).unwrap();
        let stored = serde_json::to_string(&lock).unwrap();
        assert!(!stored.contains("canary"));
        assert!(lock.open(&passphrase("canary-d1")).is_ok());
        for wrong in ["canary-d2", ""] {
            let refused = lock.open(&passphrase(wrong));
            assert!(matches!(refused, Err(StoreFailure::PassphraseNeeded(_))), "{refused:?}");
        }
        assert!(PassphraseLock::new(&passphrase("")).is_err());
    }

    #[test]
    fn the_cost_of_a_guess_is_64_mib_and_three_passes() {
        assert_eq!((MEMORY_KIB, PASSES), (65_536, 3));
    }

    #[test]
    fn a_short_or_missing_key_file_is_named() {
        let world = tempfile::tempdir().unwrap();
        let place = world.path().join("key");
        assert!(key_of_file(&place).unwrap_err().to_string().contains("key"));
        system::write_private(&place, &[1; 31]).unwrap();
        assert!(key_of_file(&place).unwrap_err().to_string().contains("31 bytes"));
        system::write_private(&place, &[1; 32]).unwrap();
        assert!(key_of_file(&place).is_ok());
    }
}
