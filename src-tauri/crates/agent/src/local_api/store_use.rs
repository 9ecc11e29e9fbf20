//! `POST /v1/store/use`: the records into another store, then the config's `[store]`, then the switch.
//! And the refusal of every route that needs the store, while the config and the store disagree.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use dagpass_client::wire::{ConfigEdit, ConfigProblem, StoreUseAsk, StoreUseReply};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::StoreFailure;
use dagpass_core::token::Secret;

use super::reply::{self, Reply};
use super::{Api, Asked, config};
use crate::config::{StoreChoice, WriteFailure};
use crate::keychain::{MoveFailure, Wanted};

/// The records lie where the config wants them; else no token leaves and nobody signs in.
pub(super) fn agrees(api: &Api) -> Result<(), Refusal> {
    let Some((here, asked)) = api.store.disagreement() else { return Ok(()) };
    let what = "the config asks for another store than the one that holds the sessions";
    let cause = format!("`[store]` says {}, and they are in {here}", words(&asked));
    let command = asked.command();
    let hint = format!("run `{command}` to move them, or put `[store]` of the config back");
    Err(Refusal::new(ErrorCode::StoreChanged, what).because(cause).hint(hint))
}

/// Detached: a caller that goes away does not stop it half way.
pub(super) async fn change(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: StoreUseAsk = asked.parse()?;
    let own = api.clone();
    let changed = api.tasks.detached(async move { change_to(&own, ask).await }).await;
    let changed = changed.unwrap_or_else(|| {
        Err(Refusal::new(ErrorCode::ServerError, "the change of the store ended early")
            .hint("run `dagpass status` to see which one is open"))
    });
    Ok(reply::json(&changed?))
}

async fn change_to(api: &Arc<Api>, ask: StoreUseAsk) -> Result<StoreUseReply, Refusal> {
    let store = wanted(&ask)?;
    let edit = edit_to(api, &store)?;
    let wanted = Wanted {
        store: store.clone(),
        passphrase: ask.passphrase.map(|passphrase| Secret::new(passphrase.to_string())),
        drop_unreadable: ask.drop_unreadable,
    };
    let prepared =
        api.store.prepare(wanted).await.map_err(|failure| not_moved(&store, &failure))?;
    if let Some(edit) = &edit
        && let Err(failure) = api.config.edit(edit)
    {
        prepared.undo().await;
        return Err(config::refusal(api, &failure));
    }
    let moved = prepared.switch(api.clock.now()).await.map_err(|failure| {
        Refusal::new(ErrorCode::KeychainUnavailable, "the old store is still the one in use")
            .because(failure.to_string())
            .hint(format!("run `{}` again", store.command()))
    })?;
    api.adopt_config();
    api.broker.reread_store();
    Ok(StoreUseReply {
        store: api.store.health().kind.to_owned(),
        carried: named(moved.carried),
        dropped: named(moved.dropped),
        backup: moved.backup.map(|path| path.display().to_string()),
        left: moved.left,
    })
}

/// What is our own has no name that a person knows.
fn named(mut accounts: Vec<String>) -> Vec<String> {
    accounts.retain(|account| !account.starts_with('#'));
    accounts
}

fn wanted(ask: &StoreUseAsk) -> Result<StoreChoice, Refusal> {
    let wrong = |what: &str| Refusal::new(ErrorCode::InvalidRequest, what);
    match (ask.kind.as_str(), ask.key_file.as_ref().map(PathBuf::from)) {
        ("keychain", None) => Ok(StoreChoice::Keychain),
        ("passphrase-file", None) => Ok(StoreChoice::PassphraseFile),
        ("key-file", Some(path)) if path.is_absolute() => Ok(StoreChoice::KeyFile(path)),
        ("key-file", _) => Err(wrong("a key file is named by its absolute path")),
        ("keychain" | "passphrase-file", Some(_)) => Err(wrong("only `key-file` takes a path")),
        _ => Err(wrong("no such store").hint("use keychain, passphrase-file or key-file")),
    }
}

/// What the config needs to say it; `None` where it does. One that would be wrong then is refused
/// before anything moves.
fn edit_to(api: &Api, store: &StoreChoice) -> Result<Option<ConfigEdit>, Refusal> {
    if api.config.problems().is_empty() && api.config.store().as_ref() == Some(store) {
        return Ok(None);
    }
    let (kind, path) = match store {
        StoreChoice::Keychain => ("keychain", None),
        StoreChoice::PassphraseFile => ("passphrase-file", None),
        StoreChoice::KeyFile(path) => ("key-file", Some(path.display().to_string())),
    };
    let mut set: BTreeMap<String, Value> = BTreeMap::from([("store.kind".into(), json!(kind))]);
    let mut unset = Vec::new();
    match path {
        Some(path) => drop(set.insert("store.key-file".into(), json!(path))),
        None => unset.push("store.key-file".to_owned()),
    }
    let edit = ConfigEdit { set, unset, dry_run: true, digest: None };
    let tried = api.config.edit(&edit).map_err(|failure| config::refusal(api, &failure))?;
    if !tried.problems.is_empty() {
        let problems: Vec<ConfigProblem> = tried.problems;
        return Err(config::refusal(api, &WriteFailure::Problems(problems)));
    }
    Ok(Some(ConfigEdit { dry_run: false, ..edit }))
}

fn not_moved(store: &StoreChoice, failure: &MoveFailure) -> Refusal {
    let command = store.command();
    let again = format!("`{command} --drop-unreadable` goes on without those sessions");
    let (code, hint) = match failure {
        MoveFailure::Old(StoreFailure::PassphraseNeeded(_)) => {
            (ErrorCode::KeychainLocked, "run `dagpass agent unlock`, then again".to_owned())
        }
        MoveFailure::Old(StoreFailure::Locked(_)) => {
            (ErrorCode::KeychainLocked, format!("unlock the keychain and try again; {again}"))
        }
        MoveFailure::Old(StoreFailure::OutOfReach(_)) => (
            ErrorCode::KeychainUnavailable,
            "run `dagpass agent restart` in a terminal of your desktop, then again".to_owned(),
        ),
        MoveFailure::Old(_) => {
            (ErrorCode::KeychainUnavailable, format!("mend it and try again; {again}"))
        }
        MoveFailure::Unreadable { .. } => (ErrorCode::KeychainUnavailable, again),
        MoveFailure::New(StoreFailure::Locked(_)) => {
            (ErrorCode::KeychainLocked, format!("unlock it, then run `{command}` again"))
        }
        MoveFailure::New(_) => match store {
            StoreChoice::KeyFile(_) => (
                ErrorCode::InvalidRequest,
                "make it: 32 random bytes or more that only you may read (`head -c 32 /dev/urandom`)"
                    .to_owned(),
            ),
            StoreChoice::Keychain | StoreChoice::PassphraseFile => {
                (ErrorCode::KeychainUnavailable, format!("mend it, then run `{command}` again"))
            }
        },
        MoveFailure::NoPassphrase => {
            (ErrorCode::InvalidRequest, format!("run `{command}`, which asks for it"))
        }
    };
    Refusal::new(code, "no session was moved, and the store in use stays")
        .because(failure.to_string())
        .hint(hint)
}

fn words(store: &StoreChoice) -> String {
    match store {
        StoreChoice::Keychain => "the keychain".to_owned(),
        StoreChoice::PassphraseFile => "passphrase-file".to_owned(),
        StoreChoice::KeyFile(path) => format!("key-file {}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_as_the_config_names_it_and_a_path_goes_with_a_key_file_alone() {
        let path = if cfg!(windows) { r"C:\k" } else { "/k" };
        for (kind, key_file, right) in [
            ("keychain", None, true),
            ("passphrase-file", None, true),
            ("key-file", Some(path), true),
            ("key-file", None, false),
            ("key-file", Some("k"), false),
            ("keychain", Some(path), false),
            ("cloud", None, false),
            ("", None, false),
        ] {
            let key_file = key_file.map(str::to_owned);
            let ask = StoreUseAsk { kind: kind.into(), key_file, ..StoreUseAsk::default() };
            assert_eq!(wanted(&ask).is_ok(), right, "{ask:?}");
        }
    }

    #[test]
    fn whatever_keeps_the_records_from_moving_has_a_command_that_helps() {
        let store = StoreChoice::KeyFile("/k".into());
        let gone = || StoreFailure::Unavailable("no bus".to_owned());
        let unreadable = MoveFailure::Unreadable { accounts: vec!["prod".into()], why: gone() };
        for (failure, code, hint) in [
            (MoveFailure::Old(gone()), ErrorCode::KeychainUnavailable, "--drop-unreadable"),
            (
                MoveFailure::Old(StoreFailure::PassphraseNeeded("x")),
                ErrorCode::KeychainLocked,
                "dagpass agent unlock",
            ),
            (unreadable, ErrorCode::KeychainUnavailable, "key-file /k --drop-unreadable"),
            (MoveFailure::New(gone()), ErrorCode::InvalidRequest, "/dev/urandom"),
            (MoveFailure::NoPassphrase, ErrorCode::InvalidRequest, "dagpass store use"),
        ] {
            let refusal = not_moved(&store, &failure);
            assert_eq!(refusal.code, code, "{failure}");
            assert!(refusal.hint.unwrap().contains(hint), "{failure}");
        }
    }
}
