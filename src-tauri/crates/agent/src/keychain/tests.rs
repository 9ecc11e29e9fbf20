//! The store as its callers see it, over a keychain that misbehaves on command.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dagpass_core::ports::RefreshTokenStore as _;
use dagpass_core::session::InFlight;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{Fingerprint, IdToken};

use super::fixture::{DEADLINE, Keychain, Mood, session};
use super::*;

const NO_LIMIT: usize = usize::MAX;

struct World {
    _root: tempfile::TempDir,
    state: PathBuf,
    keychain: Arc<Keychain>,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("dagpass");
        Self { _root: root, state, keychain: Keychain::new() }
    }

    /// A store as a newly started agent has it.
    fn agent(&self) -> KeychainStore {
        self.keychain.store(NO_LIMIT, &self.state)
    }

    fn file(&self) -> PathBuf {
        self.state.join("sealed/prod.sealed")
    }
}

fn key() -> SessionKey {
    SessionKey::of("prod")
}

async fn token(store: &KeychainStore) -> Result<Option<String>, StoreFailure> {
    let loaded = store.load(&key()).await?;
    let token = loaded.session.and_then(|session| session.refresh_token);
    Ok(token.map(|token| token.expose().to_owned()))
}

#[tokio::test]
async fn a_session_is_there_after_a_restart_and_gone_after_forget() {
    let world = World::new();
    let first = world.agent();
    assert_eq!(first.health().state, HealthState::Unasked, "nothing is claimed unseen");
    first.readiness().await.unwrap();
    assert_eq!(token(&first).await, Ok(None));
    assert_eq!(first.save(&key(), &session("t1", 1)).await, Ok(Saved::Kept));
    assert_eq!(token(&world.agent()).await, Ok(Some("t1".to_owned())));
    assert!(!world.file().exists(), "the keychain is its one place");
    first.forget(&key()).await.unwrap();
    assert_eq!(token(&world.agent()).await, Ok(None));
    assert_eq!(first.health().state, HealthState::Ok);
}

#[tokio::test]
async fn what_was_to_be_forgotten_is_given_to_nobody_though_the_keychain_still_has_it() {
    let world = World::new();
    let agent = world.agent();
    agent.save(&key(), &session("t1", 1)).await.unwrap();
    world.keychain.becomes(Mood::Locked);
    agent.forget(&key()).await.unwrap_err();
    assert_eq!(token(&agent).await, Ok(None), "locked still");
    world.keychain.becomes(Mood::Well);
    assert!(world.keychain.item("prod").is_some());
    assert_eq!(token(&world.agent()).await, Ok(None), "nor to the next agent");
    assert!(world.keychain.item("prod").is_none(), "and it is gone once it can go");

    // A sign-in after that is there.
    world.keychain.becomes(Mood::Locked);
    agent.forget(&key()).await.unwrap_err();
    world.keychain.becomes(Mood::Well);
    agent.save(&key(), &session("t2", 2)).await.unwrap();
    assert_eq!(token(&world.agent()).await, Ok(Some("t2".to_owned())));
}

#[tokio::test]
async fn a_keychain_that_will_not_take_a_rotated_token_does_not_lose_it() {
    for mood in [Mood::Locked, Mood::Absent, Mood::Hung] {
        let world = World::new();
        let agent = world.agent();
        agent.save(&key(), &session("t1", 1)).await.unwrap();
        world.keychain.becomes(mood);
        assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Fallback), "{mood:?}");
        assert_eq!(token(&agent).await, Ok(Some("t2".to_owned())), "{mood:?}");
        assert_eq!(agent.health().state, HealthState::Degraded, "{mood:?}");
        // Killed here: the next agent finds the newer of the two once the keychain opens.
        world.keychain.becomes(Mood::Well);
        let next = world.agent();
        assert_eq!(token(&next).await, Ok(Some("t2".to_owned())), "{mood:?}");
        assert!(!world.file().exists(), "{mood:?}: moved back");
        assert_eq!(next.health().state, HealthState::Ok, "{mood:?}");
        assert_eq!(token(&world.agent()).await, Ok(Some("t2".to_owned())), "{mood:?}");
    }
}

#[tokio::test]
async fn a_retried_save_moves_the_fallback_into_the_keychain() {
    let world = World::new();
    let agent = world.agent();
    agent.save(&key(), &session("t1", 1)).await.unwrap();
    world.keychain.becomes(Mood::Locked);
    assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Fallback));
    assert!(world.file().exists());
    world.keychain.becomes(Mood::Well);
    assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Kept));
    assert!(!world.file().exists());
    assert_eq!(agent.health().state, HealthState::Ok);
}

#[tokio::test]
async fn a_new_sign_in_beats_an_older_one_with_more_saves() {
    let world = World::new();
    let agent = world.agent();
    agent.save(&key(), &session("old", 57)).await.unwrap();
    world.keychain.becomes(Mood::Locked);
    let mut later = session("new", 1);
    later.signed_in_at = later.signed_in_at.plus(Duration::from_secs(1));
    assert_eq!(agent.save(&key(), &later).await, Ok(Saved::Fallback));
    world.keychain.becomes(Mood::Well);
    assert_eq!(token(&world.agent()).await, Ok(Some("new".to_owned())));
}

#[tokio::test]
async fn without_a_key_from_before_the_refusal_is_told_and_nothing_is_written() {
    for (mood, expected) in [
        (Mood::Locked, StoreFailure::Locked("mock".to_owned())),
        (Mood::Absent, StoreFailure::Unavailable("mock".to_owned())),
        (Mood::Hung, StoreFailure::TimedOut(DEADLINE)),
    ] {
        let world = World::new();
        world.keychain.becomes(mood);
        let agent = world.agent();
        assert_eq!(agent.readiness().await, Err(expected.clone()));
        assert_eq!(agent.save(&key(), &session("t1", 1)).await, Err(expected.clone()));
        assert_eq!(token(&agent).await, Err(expected));
        assert!(!world.state.exists(), "{mood:?}: never a silent second place");
        assert_ne!(agent.health().state, HealthState::Ok);
        world.keychain.becomes(Mood::Well);
    }
}

#[tokio::test]
async fn the_fallback_file_shows_no_secret_and_is_private() {
    let world = World::new();
    let agent = world.agent();
    agent.readiness().await.unwrap();
    world.keychain.becomes(Mood::Locked);
    agent.save(&key(), &session("canary-e5", 1)).await.unwrap();
    let bytes = std::fs::read(world.file()).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("canary-e5"));
    assert!(crate::system::read_private(&world.file()).is_ok());
}

#[tokio::test]
async fn a_half_written_or_altered_file_is_corrupt_and_the_older_token_is_not_used() {
    let world = World::new();
    let agent = world.agent();
    agent.save(&key(), &session("t1", 1)).await.unwrap();
    world.keychain.becomes(Mood::Locked);
    agent.save(&key(), &session("t2", 2)).await.unwrap();
    world.keychain.becomes(Mood::Well);
    let whole = std::fs::read(world.file()).unwrap();
    let mut altered = whole.clone();
    let last = altered.len() - 10;
    altered[last] ^= 1;
    for bad in [&whole[..whole.len() / 2], b"", &altered] {
        std::fs::write(world.file(), bad).unwrap();
        let refused = token(&world.agent()).await;
        assert!(matches!(refused, Err(StoreFailure::Corrupt(_))), "{refused:?}");
    }
    std::fs::write(world.file(), &whole).unwrap();
    assert_eq!(token(&world.agent()).await, Ok(Some("t2".to_owned())));
}

#[tokio::test]
async fn a_foreign_keychain_item_is_corrupt_not_absent() {
    let world = World::new();
    for foreign in [&b"not base64"[..], b"bm90IGpzb24="] {
        world.keychain.put("prod", foreign);
        let refused = token(&world.agent()).await;
        assert!(matches!(refused, Err(StoreFailure::Corrupt(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_written_over_and_can_be_forgotten() {
    let world = World::new();
    let blank = record::encode(&session(" \n", 1)).unwrap();
    let blank = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &*blank);
    for damaged in ["not base64", "bm90IGpzb24=", &blank, &blank[..blank.len() - 3]] {
        world.keychain.put("prod", damaged.as_bytes());
        let agent = world.agent();
        let refused = token(&agent).await.unwrap_err().to_string();
        assert!(refused.starts_with("the stored record is damaged: "), "{refused}");
        agent.readiness().await.unwrap();
        assert_eq!(agent.save(&key(), &session("t1", 1)).await, Ok(Saved::Kept));
        assert_eq!(token(&world.agent()).await, Ok(Some("t1".to_owned())));
        world.keychain.put("prod", damaged.as_bytes());
        world.agent().forget(&key()).await.unwrap();
        assert_eq!(world.keychain.item("prod"), None);
    }
}

#[tokio::test]
async fn a_record_over_the_limit_is_enveloped_and_one_below_comes_back() {
    let world = World::new();
    let limit = 2_560;
    let agent = world.keychain.store(limit, &world.state);
    let long = "x".repeat(2_561);
    agent.save(&key(), &session("short", 1)).await.unwrap();
    assert!(!world.file().exists());
    assert_eq!(agent.save(&key(), &session(&long, 2)).await, Ok(Saved::Kept));
    assert!(world.file().exists());
    assert_eq!(world.keychain.item("prod"), None, "no outdated item is left behind");
    let next = world.keychain.store(limit, &world.state);
    assert_eq!(token(&next).await, Ok(Some(long)));
    assert!(world.file().exists(), "the file is its place");
    assert_eq!(next.health().state, HealthState::Ok);
    next.save(&key(), &session("short", 3)).await.unwrap();
    assert!(!world.file().exists());
    assert_eq!(token(&next).await, Ok(Some("short".to_owned())));
}

#[tokio::test]
async fn a_hint_is_kept_where_the_keychain_has_room_for_it_and_is_no_reason_for_a_file() {
    for (limit, kept) in [(2_560, false), (NO_LIMIT, true)] {
        let world = World::new();
        let agent = world.keychain.store(limit, &world.state);
        let hint = Some(IdToken::new("h".repeat(2_000)));
        let session = StoredSession { id_token_hint: hint, ..session("t1", 1) };
        assert_eq!(agent.save(&key(), &session).await, Ok(Saved::Kept));
        assert!(!world.file().exists());
        let back = agent.load(&key()).await.unwrap().session.unwrap();
        assert_eq!(back.id_token_hint.is_some(), kept, "{limit}");
        assert_eq!(back.refresh_token.unwrap().expose(), "t1");
    }
}

#[tokio::test]
async fn a_call_inside_a_task_that_the_keychain_lets_hang_ends_at_its_deadline() {
    let world = World::new();
    let agent = Arc::new(world.agent());
    agent.save(&key(), &session("t1", 1)).await.unwrap();
    world.keychain.becomes(Mood::Hung);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let agent = Arc::clone(&agent);
            tokio::spawn(async move { agent.readiness().await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Err(StoreFailure::TimedOut(DEADLINE)));
    }
    world.keychain.becomes(Mood::Well);
    agent.readiness().await.unwrap();
    assert_eq!(token(&agent).await, Ok(Some("t1".to_owned())));
}

#[tokio::test]
async fn hung_threads_are_bounded_and_come_back() {
    let world = World::new();
    let agent = world.agent();
    agent.readiness().await.unwrap();
    world.keychain.becomes(Mood::Hung);
    for _ in 0..6 {
        assert_eq!(agent.readiness().await, Err(StoreFailure::TimedOut(DEADLINE)));
    }
    assert!(world.keychain.connections() <= 5, "{}", world.keychain.connections());
    world.keychain.becomes(Mood::Well);
    tokio::time::timeout(Duration::from_secs(5), async {
        while agent.readiness().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_old_write_that_arrives_late_does_not_win() {
    let world = World::new();
    let agent = world.agent();
    agent.save(&key(), &session("t1", 1)).await.unwrap();
    world.keychain.becomes(Mood::HungAtWrite);
    assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Fallback));
    world.keychain.becomes(Mood::Well);
    assert_eq!(agent.save(&key(), &session("t3", 3)).await, Ok(Saved::Kept));
    let newest = world.keychain.item("prod");
    world.keychain.release();
    tokio::time::timeout(Duration::from_secs(5), async {
        while world.keychain.item("prod") == newest {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the late write of t2 is carried out");
    assert_eq!(token(&world.agent()).await, Ok(Some("t3".to_owned())));
    assert_eq!(world.keychain.item("prod"), newest, "and is mended");
}

#[tokio::test]
async fn a_store_is_made_anew_after_a_failure() {
    let world = World::new();
    let agent = world.agent();
    agent.readiness().await.unwrap();
    assert_eq!(world.keychain.connections(), 1);
    world.keychain.becomes(Mood::Absent);
    assert!(agent.readiness().await.is_err());
    world.keychain.becomes(Mood::Well);
    agent.readiness().await.unwrap();
    assert!(world.keychain.connections() > 1);
}

#[tokio::test]
async fn a_mark_is_seen_after_a_restart_and_names_no_secret() {
    let world = World::new();
    let agent = world.agent();
    let mark = InFlight {
        refresh_token: Fingerprint::of("canary-f6"),
        since: Timestamp::from_secs(5),
        attempts: 2,
    };
    agent.mark(&key(), Some(&mark)).await.unwrap();
    assert_eq!(world.agent().load(&key()).await.unwrap().in_flight, Some(mark));
    let text = std::fs::read_to_string(world.state.join("in-flight/prod.json")).unwrap();
    assert!(!text.contains("canary"));
    agent.mark(&key(), None).await.unwrap();
    assert_eq!(agent.load(&key()).await.unwrap().in_flight, None);
    agent.mark(&key(), None).await.unwrap();
}

#[tokio::test]
async fn the_passphrase_store_is_locked_until_the_passphrase_is_given() {
    let world = World::new();
    let passphrase = || Secret::new("canary-a7".to_owned());
    let lock = PassphraseLock::with_cost(&passphrase(), 64, 1).unwrap();
    let choice = StoreChoice::PassphraseFile { lock: Some(lock) };
    choice.remember(&world.state).unwrap();
    let agent = KeychainStore::stand(&world.state, None).unwrap();
    assert_eq!(
        (agent.health().kind, agent.health().state),
        ("passphrase-file", HealthState::Locked)
    );
    assert!(matches!(agent.readiness().await, Err(StoreFailure::PassphraseNeeded(_))));
    assert!(matches!(
        agent.save(&key(), &session("t1", 1)).await,
        Err(StoreFailure::PassphraseNeeded(_))
    ));
    assert!(agent.unlock(Secret::new("wrong".to_owned())).await.is_err());
    agent.unlock(passphrase()).await.unwrap();
    agent.readiness().await.unwrap();
    assert_eq!(agent.save(&key(), &session("t1", 1)).await, Ok(Saved::Kept));
    let next = KeychainStore::stand(&world.state, None).unwrap();
    assert!(matches!(token(&next).await, Err(StoreFailure::PassphraseNeeded(_))));
    next.unlock(passphrase()).await.unwrap();
    assert_eq!(token(&next).await, Ok(Some("t1".to_owned())));
    next.forget(&key()).await.unwrap();
    assert_eq!(token(&next).await, Ok(None));
}

#[tokio::test]
async fn the_key_file_store_serves_without_a_passphrase_and_names_what_is_wrong_with_the_file() {
    let world = World::new();
    let place = world.state.join("my.key");
    let choice = StoreChoice::KeyFile { key_file: place.clone() };
    let agent = KeychainStore::open(choice.clone(), &world.state);
    assert!(matches!(agent.readiness().await, Err(StoreFailure::Unavailable(_))));
    crate::system::private_dir(&world.state).unwrap();
    crate::system::write_private(&place, &[9; 40]).unwrap();
    agent.readiness().await.unwrap();
    assert_eq!(agent.save(&key(), &session("t1", 1)).await, Ok(Saved::Kept));
    assert_eq!(agent.health().state, HealthState::Ok);
    let next = KeychainStore::open(choice.clone(), &world.state);
    assert_eq!(token(&next).await, Ok(Some("t1".to_owned())));
    crate::system::write_private(&place, &[8; 40]).unwrap();
    let other = KeychainStore::open(choice, &world.state);
    assert!(matches!(token(&other).await, Err(StoreFailure::Corrupt(_))));
}
