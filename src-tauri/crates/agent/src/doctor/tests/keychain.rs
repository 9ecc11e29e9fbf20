//! What is said of a keychain that will not serve.

use super::*;

#[tokio::test]
async fn a_keychain_that_will_not_serve_names_the_way_out() {
    let otherwise = "or choose an encrypted file: `dagpass store use passphrase-file`";
    let cases = [
        (
            StoreFailure::Locked("the login collection".into()),
            format!(
                "keychain problem: the keychain is locked: the login collection [run `dagpass agent unlock`, {otherwise}]"
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
