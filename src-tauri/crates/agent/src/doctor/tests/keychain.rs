//! What is said of a keychain that will not serve, and of what lies damaged in one that does.

use super::*;

#[tokio::test]
async fn a_keychain_that_will_not_serve_names_the_way_out() {
    let otherwise = "or choose an encrypted file: `dagpass store use passphrase-file`";
    let cases = [
        (
            StoreFailure::Locked("the login collection".into()),
            format!(
                "keychain problem: the keychain is locked: the login collection [unlock it, {otherwise}]"
            ),
        ),
        (
            StoreFailure::Unavailable("no session bus".into()),
            format!(
                "keychain problem: no usable keychain: no session bus [start a keychain (gnome-keyring, KWallet), {otherwise}]"
            ),
        ),
        (
            StoreFailure::OutOfReach("no session bus answers".into()),
            "keychain problem: no usable keychain: no session bus answers [run `dagpass agent restart` in a terminal of your desktop; sessions are kept]".to_owned(),
        ),
        (
            StoreFailure::TimedOut(Duration::from_secs(5)),
            format!(
                "keychain problem: the keychain did not answer within 5s [look for a prompt that waits for you, {otherwise}]"
            ),
        ),
    ];
    for (failure, expected) in cases {
        let store = FakeStore { fail_all: Mutex::new(Some(failure)), ..FakeStore::default() };
        let world = World { store, ..World::good() };
        assert_eq!(world.wrong().await, [expected]);
    }
}

#[tokio::test]
async fn a_damaged_record_names_the_sign_in_that_mends_it() {
    let damaged = StoreFailure::Corrupt("the record is incomplete".into());
    let store = FakeStore { fail_loads: Mutex::new(Some(damaged)), ..FakeStore::default() };
    let world = World { store, ..World::good() };
    assert_eq!(
        world.wrong().await,
        [
            "keychain problem: the stored record is damaged: the record is incomplete [run `dagpass login prod`]"
        ]
    );
}
