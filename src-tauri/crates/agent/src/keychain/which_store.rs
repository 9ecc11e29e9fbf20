//! Which store is opened: the one that `store.json` remembers, whatever the config says. A choice is
//! made by a config in force alone, and changed by one explicit command alone. Decides; writes nothing.

use std::path::Path;

use super::StoreChoice;
use crate::config;

/// What is opened, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) store: StoreChoice,
    pub(super) memory: Memory,
    /// What a config in force asks for instead.
    pub(super) asked: Option<config::StoreChoice>,
}

/// What `store.json` has of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Written,
    /// Nothing yet: it is written before the first record is.
    WithFirstRecord,
    /// Nothing, and nobody has chosen: there is nothing to keep, and nothing is written.
    Nothing,
}

/// `asked`: by a config in force; `None` where there is none, or a wrong one.
pub(super) fn choose(
    remembered: Option<StoreChoice>,
    asked: Option<&config::StoreChoice>,
) -> Chosen {
    match (remembered, asked) {
        (Some(store), None) => Chosen { store, memory: Memory::Written, asked: None },
        (Some(store), Some(asked)) => {
            let asked = (!agree(&store, asked)).then(|| asked.clone());
            Chosen { store, memory: Memory::Written, asked }
        }
        // The one that needs no key: should it hold anything, it can be emptied.
        (None, None) => {
            Chosen { store: StoreChoice::Keychain, memory: Memory::Nothing, asked: None }
        }
        (None, Some(asked)) => {
            let store = StoreChoice::from(asked);
            let memory = match store {
                StoreChoice::Keychain | StoreChoice::KeyFile { .. } => Memory::WithFirstRecord,
                // The first passphrase writes it, with salt and proof.
                StoreChoice::PassphraseFile { .. } => Memory::Written,
            };
            Chosen { store, memory, asked: None }
        }
    }
}

/// Is that where the config wants it?
pub(super) fn agree(store: &StoreChoice, asked: &config::StoreChoice) -> bool {
    match (store, asked) {
        (StoreChoice::Keychain, config::StoreChoice::Keychain)
        | (StoreChoice::PassphraseFile { .. }, config::StoreChoice::PassphraseFile) => true,
        (StoreChoice::KeyFile { key_file }, config::StoreChoice::KeyFile(path)) => {
            same_file(key_file, path)
        }
        (
            StoreChoice::Keychain
            | StoreChoice::PassphraseFile { .. }
            | StoreChoice::KeyFile { .. },
            config::StoreChoice::Keychain
            | config::StoreChoice::PassphraseFile
            | config::StoreChoice::KeyFile(_),
        ) => false,
    }
}

/// One place may be written in two ways: through a link, or with another case of its drive's letter.
fn same_file(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

impl From<&config::StoreChoice> for StoreChoice {
    fn from(asked: &config::StoreChoice) -> Self {
        match asked {
            config::StoreChoice::Keychain => Self::Keychain,
            config::StoreChoice::PassphraseFile => Self::PassphraseFile { lock: None },
            config::StoreChoice::KeyFile(path) => Self::KeyFile { key_file: path.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::PassphraseLock;
    use dagpass_core::token::Secret;

    #[test]
    fn what_is_remembered_is_opened_and_only_a_config_in_force_chooses() {
        use config::StoreChoice as Asked;
        let lock = PassphraseLock::with_cost(&Secret::new("x".to_owned()), 64, 1).unwrap();
        let locked = || StoreChoice::PassphraseFile { lock: Some(lock.clone()) };
        let unset = || StoreChoice::PassphraseFile { lock: None };
        let file = |path: &str| StoreChoice::KeyFile { key_file: path.into() };
        let keychain = || StoreChoice::Keychain;
        let wants = |path: &str| Some(Asked::KeyFile(path.into()));
        let (ring, words) = (Some(Asked::Keychain), Some(Asked::PassphraseFile));
        let none = || None::<Asked>;
        use Memory::{Nothing, WithFirstRecord as First, Written};
        // remembered, asked by a config in force, opened, what is written of it, disagrees
        let table = [
            (None, none(), keychain(), Nothing, false),
            (None, ring.clone(), keychain(), First, false),
            (None, words.clone(), unset(), Written, false),
            (None, wants("/a"), file("/a"), First, false),
            (Some(keychain()), none(), keychain(), Written, false),
            (Some(keychain()), ring.clone(), keychain(), Written, false),
            (Some(keychain()), words.clone(), keychain(), Written, true),
            (Some(keychain()), wants("/a"), keychain(), Written, true),
            (Some(locked()), none(), locked(), Written, false),
            (Some(locked()), words.clone(), locked(), Written, false),
            (Some(locked()), ring.clone(), locked(), Written, true),
            (Some(locked()), wants("/a"), locked(), Written, true),
            (Some(unset()), none(), unset(), Written, false),
            (Some(unset()), words.clone(), unset(), Written, false),
            (Some(unset()), ring.clone(), unset(), Written, true),
            (Some(file("/a")), none(), file("/a"), Written, false),
            (Some(file("/a")), wants("/a"), file("/a"), Written, false),
            (Some(file("/a")), wants("/b"), file("/a"), Written, true),
            (Some(file("/a")), ring, file("/a"), Written, true),
            (Some(file("/a")), words, file("/a"), Written, true),
        ];
        for (remembered, asked, store, memory, disagrees) in table {
            let case = format!("{remembered:?} and {asked:?}");
            let chosen = choose(remembered, asked.as_ref());
            let expected = Chosen { store, memory, asked: asked.filter(|_| disagrees) };
            assert_eq!(chosen, expected, "{case}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_through_a_link_is_the_same_key_file() {
        let world = tempfile::tempdir().unwrap();
        let (key, link) = (world.path().join("key"), world.path().join("link"));
        std::fs::write(&key, "x").unwrap();
        std::os::unix::fs::symlink(&key, &link).unwrap();
        let store = StoreChoice::KeyFile { key_file: key };
        assert!(agree(&store, &config::StoreChoice::KeyFile(link)));
    }
}
