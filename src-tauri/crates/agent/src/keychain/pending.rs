//! Sign-ins that were received and not judged yet: a note each in the state folder, without a secret in
//! it, and what was received where the sessions' own are, under an account of its own.

use std::time::Duration;

use dagpass_core::pending::PendingSignIn;
use dagpass_core::ports::{Pending, PendingSignIns, StoreFailure};
use dagpass_core::request::SessionKey;
use dagpass_core::session::StoredSession;
use dagpass_core::sign_in::{Assurance, Claim, NewProof};
use dagpass_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::AccountFiles;
use super::{KeychainStore, off_runtime, session_of};

/// Before the session's own account; no profile may have a name that begins so.
const ACCOUNT: &str = "#pending/";

#[derive(Serialize, Deserialize)]
struct Note {
    /// A new proof of identity is demanded.
    #[serde(default)]
    fresh: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accept_subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr_values: Option<String>,
    #[serde(default)]
    sent: bool,
}

impl Note {
    fn of(pending: &PendingSignIn) -> Self {
        let asked = &pending.assurance;
        Self {
            fresh: asked.claim.proof == NewProof::Demanded,
            accept_subject: asked.claim.accept_subject.clone(),
            asked_at: Some(asked.asked_at),
            prompt: asked.prompt.clone(),
            max_age: asked.max_age.map(|age| age.as_secs()),
            acr_values: asked.acr_values.clone(),
            sent: pending.sent,
        }
    }

    /// What it claimed is not known any more: it is judged by the strictest, and as if it had left.
    fn strict() -> Self {
        Self {
            fresh: true,
            accept_subject: None,
            asked_at: None,
            prompt: None,
            max_age: None,
            acr_values: None,
            sent: true,
        }
    }

    fn assurance(self, stored: &StoredSession) -> Assurance {
        let proof = if self.fresh { NewProof::Demanded } else { NewProof::Unneeded };
        Assurance {
            claim: Claim { proof, accept_subject: self.accept_subject },
            asked_at: self.asked_at.unwrap_or(stored.signed_in_at),
            nonce: stored.nonce.clone(),
            prompt: self.prompt,
            max_age: self.max_age.map(Duration::from_secs),
            acr_values: self.acr_values,
        }
    }

    fn write(&self, files: &AccountFiles, account: &str) -> Result<(), StoreFailure> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| StoreFailure::Unavailable(format!("{account}: {error}")))?;
        files.write(account, &bytes)
    }

    fn read(files: &AccountFiles, account: &str) -> Result<Option<Self>, StoreFailure> {
        let Some(bytes) = files.read(account)? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| Self::strict())))
    }
}

impl PendingSignIns for KeychainStore {
    fn list<'a>(&'a self) -> Pending<'a, Result<Vec<SessionKey>, StoreFailure>> {
        let files = self.pending.clone();
        Box::pin(off_runtime(move || {
            let accounts = files.accounts()?;
            Ok(accounts.iter().filter_map(|account| session_of(account)).collect())
        }))
    }

    fn keep<'a>(
        &'a self,
        key: &'a SessionKey,
        pending: &'a PendingSignIn,
    ) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            // A note without what was received is found out; the other way round it never would be. While
            // what was received is replaced, nobody knows which of the two lies there.
            self.note(key, Note { sent: true, ..Note::of(pending) }).await?;
            self.write(&hidden(key), &pending.stored).await?;
            if pending.sent { Ok(()) } else { self.note(key, Note::of(pending)).await }
        })
    }

    fn load<'a>(
        &'a self,
        key: &'a SessionKey,
    ) -> Pending<'a, Result<Option<PendingSignIn>, StoreFailure>> {
        Box::pin(async move {
            let (files, account) = (self.pending.clone(), key.account());
            let Some(note) = off_runtime(move || Note::read(&files, &account)).await? else {
                return Ok(None);
            };
            let stored = match self.read(&hidden(key)).await {
                Ok(Some(stored)) => stored,
                // It never came to be written, or is of no use to anybody.
                Ok(None) | Err(StoreFailure::Corrupt(_)) => {
                    PendingSignIns::forget(self, key).await?;
                    return Ok(None);
                }
                Err(failure) => return Err(failure),
            };
            let (sent, assurance) = (note.sent, note.assurance(&stored));
            Ok(Some(PendingSignIn { stored, assurance, sent }))
        })
    }

    fn forget<'a>(&'a self, key: &'a SessionKey) -> Pending<'a, Result<(), StoreFailure>> {
        Box::pin(async move {
            let (files, account) = (self.pending.clone(), key.account());
            let (look, name) = (files.clone(), account.clone());
            if off_runtime(move || look.read(&name)).await?.is_none() {
                return Ok(());
            }
            // Where it cannot be removed it is of no use to anybody.
            self.note(key, Note::strict()).await?;
            self.remove(&hidden(key)).await?;
            off_runtime(move || files.remove(&account)).await
        })
    }
}

impl KeychainStore {
    async fn note(&self, key: &SessionKey, note: Note) -> Result<(), StoreFailure> {
        let (files, account) = (self.pending.clone(), key.account());
        off_runtime(move || note.write(&files, &account)).await
    }
}

fn hidden(key: &SessionKey) -> String {
    format!("{ACCOUNT}{}", key.account())
}

#[cfg(test)]
mod tests {
    use super::super::{StoreChoice, fixture};
    use super::*;
    use crate::system;

    #[tokio::test]
    async fn what_was_received_comes_back_and_its_note_holds_no_secret() {
        let world = tempfile::tempdir().unwrap();
        let state = world.path().join("dagpass");
        let key_file = world.path().join("key");
        system::write_private(&key_file, &[7; 32]).unwrap();
        let choice = StoreChoice::KeyFile { key_file };
        let store = KeychainStore::open(choice.clone(), &state);
        let key = SessionKey { connection: Some("lake".to_owned()), ..SessionKey::of("prod") };
        let assurance = Assurance {
            claim: Claim { proof: NewProof::Demanded, accept_subject: Some("u-2".to_owned()) },
            asked_at: Timestamp::from_secs(7),
            nonce: None,
            prompt: Some("consent".to_owned()),
            max_age: Some(Duration::from_secs(900)),
            acr_values: Some("MFA".to_owned()),
        };
        let stored = fixture::session("canary-p1", 1);
        let pending = PendingSignIn { stored, assurance, sent: true };
        store.keep(&key, &pending).await.unwrap();

        let again = KeychainStore::open(choice, &state);
        assert_eq!(again.list().await.unwrap(), std::slice::from_ref(&key));
        let back = PendingSignIns::load(&again, &key).await.unwrap().unwrap();
        assert_eq!((back.assurance, back.sent), (pending.assurance, true));
        assert_eq!(back.stored.refresh_token.unwrap().expose(), "canary-p1");
        let note = std::fs::read_to_string(state.join("pending/prod%2flake.json")).unwrap();
        assert!(!note.contains("canary"), "{note}");
        assert_eq!(again.sessions().await.unwrap(), [], "it is no session");

        // A note that was damaged claims nothing, and one without what was received is none.
        std::fs::write(state.join("pending/prod%2flake.json"), "{").unwrap();
        let strict = PendingSignIns::load(&again, &key).await.unwrap().unwrap();
        let claim = &strict.assurance.claim;
        assert_eq!((claim.proof, claim.accept_subject.as_deref()), (NewProof::Demanded, None));
        assert!(strict.sent);
        PendingSignIns::forget(&again, &key).await.unwrap();
        assert_eq!(again.list().await.unwrap(), []);
        std::fs::write(state.join("pending/dev.json"), "{}").unwrap();
        assert!(PendingSignIns::load(&again, &SessionKey::of("dev")).await.unwrap().is_none());
        assert_eq!(again.list().await.unwrap(), []);
    }
}
