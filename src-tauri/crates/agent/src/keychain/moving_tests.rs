//! Records on the way from one store into another, stopped wherever a machine may stop.

use std::path::PathBuf;
use std::sync::Arc;

use dagpass_core::ports::RefreshTokenStore as _;
use dagpass_core::time::Timestamp;

use super::fixture::{Keychain, Mood, session};
use super::*;
use crate::config::StoreChoice as Asked;

struct World {
    root: tempfile::TempDir,
    state: PathBuf,
    keychain: Arc<Keychain>,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for (name, byte) in [("a.key", 1), ("b.key", 2)] {
            crate::system::write_private(&root.path().join(name), &[byte; 32]).unwrap();
        }
        let state = root.path().join("dagpass");
        Self { root, state, keychain: Keychain::new() }
    }

    fn key(&self, name: &str) -> Asked {
        Asked::KeyFile(self.root.path().join(name))
    }

    /// A store as a newly started agent has it.
    fn agent(&self, asked: Option<&Asked>) -> KeychainStore {
        KeychainStore::stand_on(self.keychain.system(usize::MAX), &self.state, asked).unwrap()
    }

    fn remembered(&self) -> Option<Remembered> {
        Remembered::read(&self.state).unwrap()
    }

    /// The sealed records that lie anywhere in the state folder.
    fn sealed(&self) -> Vec<String> {
        let folders = ["store", "store.next", "sealed"];
        let files = folders.map(|name| std::fs::read_dir(self.state.join(name)));
        let files = files.into_iter().flatten().flatten().flatten();
        files.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }
}

fn prod() -> SessionKey {
    SessionKey::of("prod")
}

fn lake() -> SessionKey {
    SessionKey { connection: Some("lake".to_owned()), ..prod() }
}

fn wanted(store: &Asked) -> Wanted {
    let passphrase = Some(Secret::new("canary-m1".to_owned()));
    Wanted { store: store.clone(), passphrase, drop_unreadable: false }
}

async fn token(store: &KeychainStore, key: &SessionKey) -> Option<String> {
    let token = store.load(key).await.unwrap().session?.refresh_token?;
    Some(token.expose().to_owned())
}

async fn change(store: &KeychainStore, to: &Asked) -> Moved {
    let prepared = store.prepare(wanted(to)).await.unwrap();
    prepared.switch(Timestamp::from_secs(9)).await.unwrap()
}

/// Every way, and what is left of the way behind.
#[tokio::test]
async fn every_record_is_carried_and_the_old_place_is_empty() {
    let words = Asked::PassphraseFile;
    for (from, to) in [
        (Asked::Keychain, "a.key"),
        (Asked::Keychain, "words"),
        (Asked::PassphraseFile, "ring"),
        (Asked::PassphraseFile, "a.key"),
        (Asked::KeyFile("a.key".into()), "ring"),
        (Asked::KeyFile("a.key".into()), "words"),
        (Asked::KeyFile("a.key".into()), "b.key"),
    ] {
        let case = format!("{from:?} to {to}");
        let world = World::new();
        let named = |name: &str| match name {
            "ring" => Asked::Keychain,
            "words" => words.clone(),
            file => world.key(file),
        };
        let from = match &from {
            Asked::KeyFile(name) => named(name.to_str().unwrap()),
            other => other.clone(),
        };
        let to = named(to);
        let store = world.agent(Some(&from));
        if from == words {
            store.unlock(Secret::new("canary-m0".to_owned())).await.unwrap();
        }
        store.save(&prod(), &session("t1", 1)).await.unwrap();
        store.save(&lake(), &session("t2", 1)).await.unwrap();
        let before = world.remembered().unwrap();

        store.reconsider(Some(&to));
        assert!(store.disagreement().is_some(), "{case}");
        assert_eq!(
            token(&store, &prod()).await.as_deref(),
            Some("t1"),
            "{case}: the old one serves"
        );
        let moved = change(&store, &to).await;
        assert_eq!(moved.carried, ["prod", "prod/lake"], "{case}");
        assert_eq!((moved.dropped.len(), moved.left), (0, None), "{case}");
        let copy = std::fs::read(moved.backup.unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Remembered>(&copy).unwrap(), before, "{case}");
        store.reconsider(Some(&to));
        assert_eq!(store.disagreement(), None, "{case}");

        let items = ["prod", "prod/lake", "#sealing-key"].map(|name| world.keychain.item(name));
        if to == Asked::Keychain {
            assert!(items.iter().all(Option::is_some), "{case}");
            assert_eq!(world.sealed(), [] as [String; 0], "{case}");
        } else {
            assert!(items.iter().all(Option::is_none), "{case}: nothing is left in the keychain");
            assert_eq!(world.sealed().len(), 2, "{case}");
        }
        let next = world.agent(Some(&to));
        if to == words {
            next.unlock(Secret::new("canary-m1".to_owned())).await.unwrap();
        }
        for store in [&store, &next] {
            assert_eq!(token(store, &prod()).await.as_deref(), Some("t1"), "{case}");
            assert_eq!(token(store, &lake()).await.as_deref(), Some("t2"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_move_that_stops_before_the_switch_leaves_the_old_store_whole_and_no_copy() {
    for (from, to) in [("ring", "a.key"), ("a.key", "ring"), ("a.key", "b.key")] {
        for undone in [true, false] {
            let case = format!("{from} to {to}, undone: {undone}");
            let world = World::new();
            let named = |name: &str| match name {
                "ring" => Asked::Keychain,
                file => world.key(file),
            };
            let (from, to) = (named(from), named(to));
            let store = world.agent(Some(&from));
            store.save(&prod(), &session("t1", 1)).await.unwrap();
            let prepared = store.prepare(wanted(&to)).await.unwrap();
            let store = if undone {
                prepared.undo().await;
                store
            } else {
                // The power goes here.
                drop(prepared);
                world.agent(Some(&from))
            };
            store.finish_move().await;
            assert_eq!(token(&store, &prod()).await.as_deref(), Some("t1"), "{case}");
            assert_eq!(world.remembered().unwrap().to_empty, None, "{case}");
            let in_keychain = world.keychain.item("prod").is_some();
            assert_eq!(in_keychain, from == Asked::Keychain, "{case}");
            assert_eq!(world.sealed().len(), usize::from(!in_keychain), "{case}");
        }
    }
}

#[tokio::test]
async fn a_move_that_stops_after_the_switch_is_whole_in_the_new_store_and_emptied_at_the_next_start()
 {
    // Into the file, with the keychain away when it was to be emptied.
    let world = World::new();
    let file = world.key("a.key");
    let store = world.agent(Some(&Asked::Keychain));
    store.save(&prod(), &session("t1", 1)).await.unwrap();
    let prepared = store.prepare(wanted(&file)).await.unwrap();
    world.keychain.becomes(Mood::Locked);
    let moved = prepared.switch(Timestamp::from_secs(9)).await.unwrap();
    assert!(moved.left.unwrap().contains("locked"));
    assert_eq!(token(&store, &prod()).await.as_deref(), Some("t1"), "served from the new one");
    assert!(world.keychain.item("prod").is_some());
    world.keychain.becomes(Mood::Well);
    let next = world.agent(Some(&file));
    next.finish_move().await;
    assert_eq!(world.keychain.item("prod"), None);
    assert_eq!(world.remembered().unwrap().to_empty, None);
    assert_eq!(token(&next, &prod()).await.as_deref(), Some("t1"));

    // From one key to the other, stopped between the switch and the last rename.
    let other = world.key("b.key");
    let prepared = next.prepare(wanted(&other)).await.unwrap();
    let key_file = world.root.path().join("b.key");
    StoreChoice::KeyFile { key_file }.remember(&world.state).unwrap();
    drop(prepared);
    let last = world.agent(Some(&other));
    assert_eq!(token(&last, &prod()).await.as_deref(), Some("t1"));
    assert_eq!(world.sealed().len(), 1);
}

#[tokio::test]
async fn of_two_records_the_newer_one_counts_wherever_it_is() {
    let world = World::new();
    let file = world.key("a.key");
    // As an older program left it: signed in to the file, then, by a default, to the keychain.
    for (there, here, expected) in [(5, 9, "here"), (9, 5, "there")] {
        let old = world.agent(Some(&file));
        old.reconsider(Some(&file));
        old.save(&prod(), &session("there", there)).await.unwrap();
        StoreChoice::Keychain.remember(&world.state).unwrap();
        let store = world.agent(Some(&file));
        store.save(&prod(), &session("here", here)).await.unwrap();
        change(&store, &file).await;
        assert_eq!(token(&store, &prod()).await.as_deref(), Some(expected));
        assert_eq!(world.keychain.item("prod"), None);
    }
}

#[tokio::test]
async fn what_cannot_be_read_stops_the_move_unless_it_is_let_go_of() {
    let world = World::new();
    let file = world.key("a.key");
    let store = world.agent(Some(&Asked::Keychain));
    store.save(&prod(), &session("t1", 1)).await.unwrap();
    world.keychain.put("old", b"not a record");
    let refused = store.prepare(wanted(&file)).await.unwrap_err();
    assert!(matches!(refused, MoveFailure::Unreadable { accounts, .. } if accounts == ["old"]));
    world.keychain.becomes(Mood::Locked);
    let refused = store.prepare(wanted(&file)).await.unwrap_err();
    assert_eq!(refused, MoveFailure::Old(StoreFailure::Locked("mock".to_owned())));
    world.keychain.becomes(Mood::Well);
    let without = Wanted { passphrase: None, ..wanted(&Asked::PassphraseFile) };
    assert_eq!(store.prepare(without).await.unwrap_err(), MoveFailure::NoPassphrase);
    let missing = Asked::KeyFile(world.root.path().join("missing.key"));
    let refused = store.prepare(wanted(&missing)).await.unwrap_err();
    assert!(matches!(refused, MoveFailure::New(_)), "{refused:?}");
    assert_eq!(token(&store, &prod()).await.as_deref(), Some("t1"), "nothing was moved");
    assert_eq!(world.sealed(), [] as [String; 0]);

    let letting_go = Wanted { drop_unreadable: true, ..wanted(&file) };
    let prepared = store.prepare(letting_go).await.unwrap();
    let moved = prepared.switch(Timestamp::from_secs(9)).await.unwrap();
    assert_eq!((moved.carried, moved.dropped), (vec!["prod".to_owned()], vec!["old".to_owned()]));
    assert_eq!(world.keychain.item("old"), None);
}

#[tokio::test]
async fn a_damaged_key_of_the_ledger_s_log_keeps_nobody_from_moving_on() {
    let world = World::new();
    let store = world.agent(Some(&Asked::Keychain));
    store.save(&prod(), &session("t1", 1)).await.unwrap();
    world.keychain.put("#log-key", b"not a record");
    let moved = change(&store, &world.key("a.key")).await;
    assert_eq!((moved.carried, moved.dropped), (vec!["prod".to_owned()], Vec::new()));
    assert_eq!(world.keychain.item("#log-key"), None);
    let now = Timestamp::from_secs(9);
    assert!(store.log_seed(now).await.unwrap().is_some(), "another is made");
}

#[tokio::test]
async fn a_passphrase_that_is_set_is_not_set_again() {
    let world = World::new();
    let words = Asked::PassphraseFile;
    let store = world.agent(Some(&words));
    store.unlock(Secret::new("canary-m0".to_owned())).await.unwrap();
    let before = std::fs::read(world.state.join("store.json")).unwrap();
    let moved = change(&store, &words).await;
    assert_eq!(moved, Moved::default(), "it is there already");
    // Opened without the lock, as by a start that read nothing: what is written counts.
    let blind = StoreChoice::PassphraseFile { lock: None };
    let blind = KeychainStore::open(blind, &world.state);
    assert!(blind.unlock(Secret::new("another".to_owned())).await.is_err());
    blind.unlock(Secret::new("canary-m0".to_owned())).await.unwrap();
    assert_eq!(std::fs::read(world.state.join("store.json")).unwrap(), before);
}

#[tokio::test]
async fn nothing_is_written_before_a_config_has_chosen_and_the_first_record_makes_it_last() {
    let world = World::new();
    let nobody = world.agent(None);
    nobody.readiness().await.unwrap();
    nobody.finish_move().await;
    assert_eq!(world.remembered(), None);
    assert_eq!(world.keychain.item("#sealing-key"), None, "and no key is made");

    let file = world.key("a.key");
    nobody.reconsider(Some(&Asked::Keychain));
    nobody.reconsider(Some(&file));
    assert_eq!(nobody.disagreement(), None, "nothing was kept, so nothing has to move");
    assert_eq!(world.remembered(), None);
    nobody.save(&prod(), &session("t1", 1)).await.unwrap();
    let StoreChoice::KeyFile { key_file } = world.remembered().unwrap().choice else { panic!() };
    assert_eq!(key_file, world.root.path().join("a.key"));
    nobody.reconsider(Some(&Asked::Keychain));
    assert_eq!(nobody.disagreement(), Some(("key-file", Asked::Keychain)));
    assert_eq!(nobody.health().state, HealthState::Changed);
    nobody.reconsider(None);
    assert_eq!(nobody.disagreement(), None, "a config that went wrong asks for nothing");
}

#[tokio::test]
async fn a_keychain_that_never_comes_back_keeps_nobody_from_moving_on() {
    let world = World::new();
    let (one, two) = (world.key("a.key"), world.key("b.key"));
    let store = world.agent(Some(&Asked::Keychain));
    store.save(&prod(), &session("t1", 1)).await.unwrap();
    world.keychain.becomes(Mood::Absent);
    let letting_go = Wanted { drop_unreadable: true, ..wanted(&one) };
    let prepared = store.prepare(letting_go).await.unwrap();
    let moved = prepared.switch(Timestamp::from_secs(9)).await.unwrap();
    assert!(moved.left.is_some() && moved.carried.is_empty(), "{moved:?}");
    store.save(&prod(), &session("t2", 1)).await.unwrap();
    assert!(change(&store, &two).await.left.is_some(), "still owed");
    assert_eq!(token(&store, &prod()).await.as_deref(), Some("t2"));
    assert_eq!(store.purge().await, Ok(Vec::new()), "and nobody from purging");
    world.keychain.becomes(Mood::Locked);
    assert!(matches!(store.purge().await, Err(StoreFailure::Locked(_))), "it may hold one");
    world.keychain.becomes(Mood::Well);
    let next = world.agent(Some(&two));
    next.finish_move().await;
    assert_eq!(
        world.keychain.item("prod"),
        None,
        "what was let go of is gone once it can be reached"
    );
    assert_eq!(token(&next, &prod()).await.as_deref(), Some("t2"));
}
