//! Revocations that are owed: the notes in one file of the state folder, without a secret in it, and
//! each token where the sessions' own are, under an account of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use dagpass_core::owed::OwedRevocation;
use dagpass_core::ports::{OwedRevocations, Pending, RevokedFor, StoreFailure};
use dagpass_core::profile::ProfileName;
use dagpass_core::request::SessionKey;
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KeychainStore, off_runtime};
use crate::system;

const FILE: &str = "to-revoke.json";

/// Before the id; no profile may have a name that begins so.
const ACCOUNT: &str = "#to-revoke/";

/// The file, changed by one at a time.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    place: PathBuf,
    turn: Arc<Mutex<()>>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    id: String,
    profile: ProfileName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    since: Timestamp,
    attempts: u32,
    retry_at: Timestamp,
    sent: bool,
    /// Another sign-in took its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    replaced: bool,
}

impl Notes {
    pub(super) fn new(state: &Path) -> Self {
        Self { place: state.join(FILE), turn: Arc::default() }
    }

    fn read(&self) -> Result<Vec<Note>, StoreFailure> {
        match std::fs::read(&self.place) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                StoreFailure::Corrupt(format!("{}: {error}", self.place.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Replaces the note of that id by `with`, or takes it out.
    fn change(&self, id: &str, with: Option<Note>) -> Result<(), StoreFailure> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notes = self.read()?;
        notes.retain(|note| note.id != id);
        notes.extend(with);
        let bytes = serde_json::to_vec(&notes)
            .map_err(|error| StoreFailure::Unavailable(format!("{FILE}: {error}")))?;
        let folder = self.place.parent().unwrap_or(&self.place);
        system::private_dir(folder)
            .and_then(|()| system::write_private(&self.place, &bytes))
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> StoreFailure {
        StoreFailure::Unavailable(format!("{}: {error}", self.place.display()))
    }
}

impl Note {
    fn of(owed: &OwedRevocation) -> Self {
        Self {
            id: owed.id.clone(),
            profile: owed.session.profile.clone(),
            connection: owed.session.connection.clone(),
            since: owed.since,
            attempts: owed.attempts,
            retry_at: owed.retry_at,
            sent: owed.sent,
            replaced: owed.why == RevokedFor::Another,
        }
    }

    fn owed(self) -> OwedRevocation {
        OwedRevocation {
            id: self.id,
            session: SessionKey { profile: self.profile, connection: self.connection },
            since: self.since,
            attempts: self.attempts,
            retry_at: self.retry_at,
            sent: self.sent,
            why: if self.replaced { RevokedFor::Another } else { RevokedFor::Good },
        }
    }
}

impl OwedRevocations for KeychainStore {
    fn list<'a>(&'a self) -> Pending<'a, Result<Vec<OwedRevocation>, StoreFailure>> {
        let notes = self.notes.clone();
        Box::pin(off_runtime(move || Ok(notes.read()?.into_iter().map(Note::owed).collect())))
    }

    fn keep<'a>(
        &'a self,
        owed: &'a OwedRevocation,
        session: &'a StoredSession,
    ) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            // A note without its token is found out; a token without its note never would be.
            self.note(owed).await?;
            match self.write(&account(owed), session).await {
                Ok(_) => Ok(()),
                Err(refused) => {
                    let (notes, id) = (self.notes.clone(), owed.id.clone());
                    off_runtime(move || notes.change(&id, None)).await?;
                    Err(refused)
                }
            }
        })
    }

    fn note<'a>(&'a self, owed: &'a OwedRevocation) -> Pending<'a, Result<(), StoreFailure>> {
        let (notes, id, note) = (self.notes.clone(), owed.id.clone(), Note::of(owed));
        Box::pin(off_runtime(move || notes.change(&id, Some(note))))
    }

    fn token<'a>(
        &'a self,
        owed: &'a OwedRevocation,
    ) -> Pending<'a, Result<Option<StoredSession>, StoreFailure>> {
        Box::pin(async move { self.read(&account(owed)).await })
    }

    fn forget<'a>(&'a self, owed: &'a OwedRevocation) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            self.remove(&account(owed)).await?;
            let (notes, id) = (self.notes.clone(), owed.id.clone());
            off_runtime(move || notes.change(&id, None)).await
        })
    }
}

fn account(owed: &OwedRevocation) -> String {
    format!("{ACCOUNT}{}", owed.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owed(id: &str) -> OwedRevocation {
        OwedRevocation {
            id: id.to_owned(),
            session: SessionKey { connection: Some("lake".to_owned()), ..SessionKey::of("prod") },
            since: Timestamp::from_secs(5),
            attempts: 2,
            retry_at: Timestamp::from_secs(25),
            sent: false,
            why: RevokedFor::Another,
        }
    }

    #[tokio::test]
    async fn a_note_comes_back_as_it_went_and_holds_no_secret() {
        let world = tempfile::tempdir().unwrap();
        let state = world.path().join("dagpass");
        let key = world.path().join("key");
        system::write_private(&key, &[7; 32]).unwrap();
        let choice = super::super::StoreChoice::KeyFile { key_file: key };
        let store = KeychainStore::open(choice.clone(), &state);
        let session = super::super::fixture::session("canary-q1", 3);
        store.keep(&owed("a"), &session).await.unwrap();
        store.keep(&owed("b"), &session).await.unwrap();
        let tried = OwedRevocation { attempts: 3, sent: true, ..owed("b") };
        store.note(&tried).await.unwrap();

        let again = KeychainStore::open(choice, &state);
        assert_eq!(again.list().await.unwrap(), [owed("a"), tried.clone()]);
        let kept = again.token(&tried).await.unwrap().unwrap();
        assert_eq!(kept.refresh_token.unwrap().expose(), "canary-q1");
        let text = std::fs::read_to_string(state.join(FILE)).unwrap();
        assert!(!text.contains("canary"), "{text}");
        OwedRevocations::forget(&again, &tried).await.unwrap();
        assert_eq!(again.list().await.unwrap(), [owed("a")]);
        assert!(again.token(&tried).await.unwrap().is_none());
    }
}
