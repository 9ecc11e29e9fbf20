//! `dagpass store use`: the sessions into another store. The agent moves them; asked here is only the
//! passphrase that a passphrase file gets.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dagpass_client::wire::{StoreUseAsk, StoreUseReply};
use zeroize::Zeroizing;

use super::agent::passphrase;
use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Carry every session into another store, and empty the old one
    Use(Use),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dagpass store use keychain\n  dagpass store use key-file ~/.config/dagpass/dagpass.key\n  \
                  dagpass store use passphrase-file\n\n\
                  What is replaced of store.json is kept beside it; `[store]` of the config is changed with it."
)]
pub(crate) struct Use {
    /// Let go of the sessions that cannot be read, and go on without them
    #[arg(long, global = true)]
    drop_unreadable: bool,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// The system's keychain
    Keychain,
    /// An encrypted file that opens with a key file
    KeyFile {
        /// 32 random bytes or more that only you may read
        path: PathBuf,
    },
    /// An encrypted file that opens with a passphrase, given after each start
    PassphraseFile,
}

pub(crate) fn run(world: &World, command: Store) -> Result<(), Failure> {
    let Store::Use(Use { drop_unreadable, kind }) = command;
    let ask = StoreUseAsk { drop_unreadable, ..ask(world, kind)? };
    let moved = world.ask(|agent| agent.use_store(&ask))?;
    if world.json {
        return output::json(&moved);
    }
    output::say(&lines(&moved));
    Ok(())
}

fn ask(world: &World, kind: Kind) -> Result<StoreUseAsk, Failure> {
    let (kind, key_file, passphrase) = match kind {
        Kind::Keychain => ("keychain", None, None),
        Kind::KeyFile { path } => ("key-file", Some(absolute(&path)?), None),
        Kind::PassphraseFile => ("passphrase-file", None, new_passphrase(world)?),
    };
    Ok(StoreUseAsk { kind: kind.to_owned(), key_file, passphrase, drop_unreadable: false })
}

/// The agent has another working folder than this shell.
fn absolute(path: &Path) -> Result<String, Failure> {
    let unknown = |error| Failure::usage("where the key file lies is not known").because(error);
    let path = std::path::absolute(path).map_err(unknown)?;
    match path.to_str() {
        Some(path) => Ok(path.to_owned()),
        None => Err(Failure::usage("the config cannot hold this path: it is no Unicode")),
    }
}

/// `None` where the passphrase file is in use already: its passphrase stays.
fn new_passphrase(world: &World) -> Result<Option<Zeroizing<String>>, Failure> {
    let agent = world.ask(|agent| agent.status())?.agent;
    if agent.store == "passphrase-file" {
        return Ok(None);
    }
    let first = passphrase("new passphrase: ")?;
    if first.is_empty() {
        return Err(Failure::usage("the passphrase is empty"));
    }
    if output::stdin_is_terminal() && passphrase("once more: ")? != first {
        return Err(Failure::usage("the two are not the same").hint("run it again"));
    }
    Ok(Some(first))
}

fn lines(moved: &StoreUseReply) -> String {
    let carried = match moved.carried.as_slice() {
        [] => "there was nothing to carry".to_owned(),
        accounts => format!("carried: {}", accounts.join(", ")),
    };
    let mut lines = vec![format!("sessions are kept in {} now; {carried}", moved.store)];
    if !moved.dropped.is_empty() {
        let dropped = moved.dropped.join(", ");
        lines.push(format!("could not be read and are gone: {dropped}; sign in again"));
    }
    lines.extend(moved.left.iter().map(|why| {
        format!("the old place is not empty yet ({why}); it is tried again at the next start")
    }));
    lines.extend(moved.backup.iter().map(|path| format!("the old store.json is {path}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_each_session_is_said() {
        let all = StoreUseReply {
            store: "key-file".into(),
            carried: vec!["prod".into(), "prod/lake".into()],
            dropped: vec!["old".into()],
            backup: Some("/s/store.json.before-9".into()),
            left: Some("the keychain is locked".into()),
        };
        assert_eq!(
            lines(&all),
            "sessions are kept in key-file now; carried: prod, prod/lake\n\
             could not be read and are gone: old; sign in again\n\
             the old place is not empty yet (the keychain is locked); it is tried again at the next start\n\
             the old store.json is /s/store.json.before-9"
        );
        let none = StoreUseReply { store: "key-file".into(), ..StoreUseReply::default() };
        assert_eq!(lines(&none), "sessions are kept in key-file now; there was nothing to carry");
    }

    #[test]
    fn a_key_file_is_named_as_the_agent_finds_it() {
        let here = std::env::current_dir().unwrap().join("my.key");
        assert_eq!(absolute(Path::new("my.key")).unwrap(), here.to_str().unwrap());
    }
}
