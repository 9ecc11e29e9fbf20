//! What the released agent has written is read, and what is written now it can read: the bytes of
//! `tests/cases/released/keychain` are its own.

use dagpass_core::ports::{OwedRevocations, RefreshTokenStore as _};
use dagpass_core::token::Fingerprint;

use super::fixture::{Keychain, session};
use super::*;

macro_rules! released {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../tests/cases/released/keychain/", $name)).to_vec()
    };
}

/// The same after a round through the types, field by field.
fn shown(session: &StoredSession) -> String {
    let token = session.refresh_token.as_ref().map(|token| token.expose());
    format!("{token:?} {session:?}")
}

fn of(profile: &str) -> SessionKey {
    SessionKey::of(profile)
}

#[tokio::test]
async fn a_released_record_is_read_and_written_as_it_was() {
    let world = tempfile::tempdir().unwrap();
    let keychain = Keychain::new();
    keychain.put("prod", &released!("item_prod.base64"));
    keychain.put("#sealing-key", &released!("item_sealing_key.base64"));
    let agent = keychain.store(usize::MAX, world.path());
    let read = agent.load(&of("prod")).await.unwrap().session.unwrap();
    assert_eq!(shown(&read), shown(&session("rt-of-the-released-format", 7)));
    agent.save(&of("prod"), &read).await.unwrap();
    assert_eq!(keychain.item("prod"), Some(released!("item_prod.base64")));
    assert_eq!(keychain.item("#sealing-key"), Some(released!("item_sealing_key.base64")));
}

#[tokio::test]
async fn a_released_encrypted_file_opens_with_the_released_key() {
    let world = tempfile::tempdir().unwrap();
    let state = world.path().join("dagpass");
    let keychain = Keychain::new();
    keychain.put("prod", &released!("item_prod.base64"));
    keychain.put("#sealing-key", &released!("item_sealing_key.base64"));
    std::fs::create_dir_all(state.join("sealed")).unwrap();
    std::fs::write(state.join("sealed/prod.sealed"), released!("sealed_prod.json")).unwrap();
    let agent = keychain.store(usize::MAX, &state);
    let read = agent.load(&of("prod")).await.unwrap().session.unwrap();
    assert_eq!(
        shown(&read),
        shown(&session("rt-of-the-encrypted-file", 8)),
        "the newer of the two"
    );
}

#[tokio::test]
async fn released_marks_and_notes_are_read_and_written_as_they_were() {
    let world = tempfile::tempdir().unwrap();
    let state = world.path().join("dagpass");
    let keychain = Keychain::new();
    keychain.put("prod", &released!("item_prod.base64"));
    keychain.put("#to-revoke/0a1b", &released!("item_to_revoke.base64"));
    std::fs::create_dir_all(state.join("in-flight")).unwrap();
    let mark = state.join("in-flight/prod.json");
    std::fs::write(&mark, released!("in_flight_prod.json")).unwrap();
    std::fs::write(state.join("to-revoke.json"), released!("to_revoke.json")).unwrap();
    let agent = keychain.store(usize::MAX, &state);

    let in_flight = agent.load(&of("prod")).await.unwrap().in_flight.unwrap();
    assert_eq!(in_flight.refresh_token, Fingerprint::of("rt-of-the-released-format"));
    assert_eq!((in_flight.since.as_secs(), in_flight.attempts), (1_700_000_000, 2));
    agent.mark(&of("prod"), Some(&in_flight)).await.unwrap();
    assert_eq!(std::fs::read(&mark).unwrap(), released!("in_flight_prod.json"));

    let owed = agent.list().await.unwrap();
    assert_eq!(owed.len(), 2);
    let token = agent.token(&owed[0]).await.unwrap().unwrap();
    assert_eq!(shown(&token), shown(&session("rt-owed", 3)));
    for one in &owed {
        agent.note(one).await.unwrap();
    }
    assert_eq!(std::fs::read(state.join("to-revoke.json")).unwrap(), released!("to_revoke.json"));
}
