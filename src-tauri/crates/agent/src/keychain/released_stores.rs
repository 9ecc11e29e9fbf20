//! What the released program wrote (`tests/cases/released/stores`, never changed), read by this one; and
//! what this one writes, by the released one's rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dagpass_core::owed::OwedRevocation;
use dagpass_core::ports::{OwedRevocations, RefreshTokenStore as _};
use serde_json::Value;

use super::fixture::{Keychain, session};
use super::*;

/// A state folder as a person has it: their own, and readable by nobody else.
fn released(name: &str) -> (tempfile::TempDir, PathBuf) {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/cases/released/stores");
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("dagpass");
    copy(&cases.join(name), &state);
    (root, state)
}

fn copy(from: &Path, to: &Path) {
    crate::system::private_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            crate::system::write_private(&to, &std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

fn lake() -> SessionKey {
    SessionKey { connection: Some("lake".to_owned()), ..SessionKey::of("prod") }
}

async fn token(store: &KeychainStore, key: &SessionKey) -> Option<String> {
    let token = store.load(key).await.unwrap().session?.refresh_token?;
    Some(token.expose().to_owned())
}

#[tokio::test]
async fn a_passphrase_store_opens_by_its_passphrase_and_its_salt_and_proof_stay() {
    let (_root, state) = released("passphrase-file");
    let before = std::fs::read(state.join("store.json")).unwrap();
    let store = KeychainStore::stand(&state, None).unwrap();
    let refused = store.unlock(Secret::new("another".to_owned())).await;
    assert!(matches!(refused, Err(StoreFailure::PassphraseNeeded(_))), "{refused:?}");
    store.unlock(Secret::new("released-passphrase".to_owned())).await.unwrap();
    assert_eq!(token(&store, &SessionKey::of("prod")).await.as_deref(), Some("released-token"));
    store.save(&SessionKey::of("prod"), &session("new", 8)).await.unwrap();
    assert_eq!(std::fs::read(state.join("store.json")).unwrap(), before);
}

#[tokio::test]
async fn a_key_file_store_gives_its_records_its_marks_and_what_is_owed() {
    let (_root, state) = released("key-file");
    let key_file = state.join("dagpass.key");
    let written = std::fs::read_to_string(state.join("store.json")).unwrap();
    let here = written.replace("/etc/dagpass/dagpass.key", &key_file.display().to_string());
    std::fs::write(state.join("store.json"), here.replace('\\', "\\\\")).unwrap();
    let asked = config::StoreChoice::KeyFile(key_file);
    let store = KeychainStore::stand(&state, Some(&asked)).unwrap();
    assert_eq!(store.disagreement(), None);
    let prod = SessionKey::of("prod");
    assert_eq!(token(&store, &prod).await.as_deref(), Some("released-token"));
    assert_eq!(token(&store, &lake()).await.as_deref(), Some("released-lake-token"));
    assert_eq!(store.load(&prod).await.unwrap().in_flight.unwrap().attempts, 2);
    let owed: Vec<OwedRevocation> = store.list().await.unwrap();
    assert_eq!(owed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["0a1b2c3d"]);
    let kept = OwedRevocations::token(&store, &owed[0]).await.unwrap().unwrap();
    assert_eq!(kept.refresh_token.unwrap().expose(), "released-owed-token");
    assert_eq!(store.sessions().await.unwrap(), [prod, lake()]);
}

#[tokio::test]
async fn a_keychain_gives_its_items_and_the_file_beside_them() {
    let (_root, state) = released("keychain");
    let items = std::fs::read(state.join("items.json")).unwrap();
    let items: BTreeMap<String, String> = serde_json::from_slice(&items).unwrap();
    let keychain = Keychain::new();
    items.iter().for_each(|(account, text)| keychain.put(account, text.as_bytes()));
    let asked = config::StoreChoice::Keychain;
    let system = keychain.system(usize::MAX);
    let store = KeychainStore::stand_on(system, &state, Some(&asked)).unwrap();
    assert_eq!(store.disagreement(), None);
    assert_eq!(token(&store, &SessionKey::of("prod")).await.as_deref(), Some("released-token"));
    assert_eq!(token(&store, &lake()).await.as_deref(), Some("released-lake-token"));
}

#[tokio::test]
async fn a_passphrase_store_that_nobody_had_opened_takes_its_first_passphrase() {
    let (_root, state) = released("passphrase-unset");
    let asked = config::StoreChoice::PassphraseFile;
    let store = KeychainStore::stand(&state, Some(&asked)).unwrap();
    let first = || Secret::new("first".to_owned());
    store.unlock(first()).await.unwrap();
    let written = std::fs::read_to_string(state.join("store.json")).unwrap();
    // The fields that the released program reads, and no other.
    let fields: Value = serde_json::from_str(&written).unwrap();
    let mut names: Vec<&String> = fields.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["kind", "lock"]);
    let lock: Vec<&String> = fields["lock"].as_object().unwrap().keys().collect();
    assert_eq!(lock.len(), 4, "{lock:?}");
    let next = KeychainStore::stand(&state, None).unwrap();
    next.unlock(first()).await.unwrap();
}
