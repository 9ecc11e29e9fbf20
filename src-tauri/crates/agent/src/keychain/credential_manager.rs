//! The store over the real Credential Manager of the user (Wine's in the checks).

use dagpass_core::ports::RefreshTokenStore as _;

use super::fixture::session;
use super::*;

/// The user's one envelope key is every test's: two that make it at once would each seal under theirs,
/// as two agents would, were it not for the instance lock.
static ONE_AGENT: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn key(name: &str) -> SessionKey {
    SessionKey::of(&format!("test-{}-{name}", std::process::id()))
}

async fn token(store: &KeychainStore, key: &SessionKey) -> Option<String> {
    let session = store.load(key).await.unwrap().session?;
    session.refresh_token.map(|token| token.expose().to_owned())
}

#[tokio::test]
async fn a_session_is_there_for_the_next_agent() {
    let _alone = ONE_AGENT.lock().await;
    let world = tempfile::tempdir().unwrap();
    let key = key("short");
    let agent = || KeychainStore::open(StoreChoice::Keychain, world.path());
    agent().readiness().await.unwrap();
    assert_eq!(agent().save(&key, &session("t1", 1)).await, Ok(Saved::Kept));
    assert_eq!(token(&agent(), &key).await, Some("t1".to_owned()));
    agent().forget(&key).await.unwrap();
    assert_eq!(token(&agent(), &key).await, None);
}

#[tokio::test]
async fn a_record_past_2560_bytes_is_enveloped() {
    let _alone = ONE_AGENT.lock().await;
    let world = tempfile::tempdir().unwrap();
    let key = key("long");
    let agent = || KeychainStore::open(StoreChoice::Keychain, world.path());
    let long = "x".repeat(2_561);
    assert_eq!(agent().save(&key, &session(&long, 1)).await, Ok(Saved::Kept));
    assert_eq!(token(&agent(), &key).await, Some(long));
    assert_eq!(std::fs::read_dir(world.path().join("sealed")).unwrap().count(), 1);
    agent().forget(&key).await.unwrap();
    assert_eq!(token(&agent(), &key).await, None);
}

#[tokio::test]
async fn an_item_of_exactly_the_limit_is_taken() {
    let mut keychain = system_store::connect(&asking::Asking::default()).unwrap();
    let account = format!("test-{}-limit", std::process::id());
    keychain.write(&account, &vec![b'x'; system_store::LIMIT]).unwrap();
    let items = keychain.read(&account).unwrap();
    assert_eq!((items.len(), items[0].len()), (1, system_store::LIMIT));
    assert!(keychain.write(&account, &vec![b'x'; system_store::LIMIT + 1]).is_err());
    keychain.delete(&account).unwrap();
}
