//! What proves a client: the secret that its issuer's administrator gave, or the key that was made here. Kept
//! where the sessions' records are, in their form and under accounts of their own, so that every store holds
//! them and a move carries them. Each is of one client at one issuer, and given to no other.

use dagpass_core::endpoints::{self, Standing};
use dagpass_core::ports::{Pending, StoreFailure};
use dagpass_core::profile::{Credential, Profile};
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use dagpass_core::token::Secret;
use zeroize::Zeroizing;

use super::{KeychainStore, own_record};
use crate::credentials::{ClientKey, Credentials};

/// What is kept, and since when.
pub(crate) struct Kept {
    bytes: Zeroizing<Vec<u8>>,
    pub(crate) since: Timestamp,
    /// Why it is given to nobody: the config would send it to a host that it was not given for. A file is easier
    /// to write than a keychain is to read.
    pub(crate) withheld: Option<String>,
}

impl KeychainStore {
    pub(crate) async fn credential(
        &self,
        profile: &Profile,
        what: Credential,
    ) -> Result<Option<Kept>, StoreFailure> {
        let Some(record) = self.read(&account(profile, what)).await? else { return Ok(None) };
        Ok(of(&record, profile))
    }

    /// In the place of the one before.
    pub(crate) async fn keep_secret(
        &self,
        profile: &Profile,
        secret: &Secret<String>,
        now: Timestamp,
    ) -> Result<(), StoreFailure> {
        self.keep(profile, Credential::Secret, (secret.expose().as_bytes(), now)).await
    }

    /// In the place of the one before.
    pub(crate) async fn keep_key(
        &self,
        profile: &Profile,
        key: &ClientKey,
        now: Timestamp,
    ) -> Result<(), StoreFailure> {
        self.keep(profile, Credential::Key, (key.pkcs8(), now)).await
    }

    pub(crate) async fn forget_credential(
        &self,
        profile: &Profile,
        what: Credential,
    ) -> Result<(), StoreFailure> {
        self.remove(&account(profile, what)).await
    }

    async fn keep(
        &self,
        profile: &Profile,
        what: Credential,
        (bytes, now): (&[u8], Timestamp),
    ) -> Result<(), StoreFailure> {
        let made_with = Some(endpoints::of(profile));
        let client = (profile.issuer.clone(), profile.client_id.as_str(), made_with);
        let record = own_record::of(bytes, client, now);
        self.write(&account(profile, what), &record).await.map(drop)
    }
}

impl Kept {
    pub(crate) fn secret(&self) -> Option<Secret<String>> {
        let bytes = self.withheld.is_none().then_some(&self.bytes)?;
        String::from_utf8(bytes.to_vec()).ok().map(Secret::new)
    }

    pub(crate) fn key(&self) -> Option<ClientKey> {
        ClientKey::read(self.withheld.is_none().then_some(&self.bytes)?)
    }
}

impl Credentials for KeychainStore {
    fn secret<'a>(
        &'a self,
        profile: &'a Profile,
    ) -> Pending<'a, Result<Option<Secret<String>>, StoreFailure>> {
        Box::pin(async move {
            let kept = self.credential(profile, Credential::Secret).await?;
            Ok(kept.and_then(|kept| kept.secret()))
        })
    }

    fn key<'a>(
        &'a self,
        profile: &'a Profile,
    ) -> Pending<'a, Result<Option<ClientKey>, StoreFailure>> {
        Box::pin(async move {
            let kept = self.credential(profile, Credential::Key).await?;
            Ok(kept.and_then(|kept| kept.key()))
        })
    }
}

/// No profile may have a name that begins so. A connection that signs in as its profile's client has that one's.
fn account(profile: &Profile, what: Credential) -> String {
    let kind = match what {
        Credential::Secret => "#client-secret/",
        Credential::Key => "#client-key/",
    };
    format!("{kind}{}/{}", profile.name, profile.client_id)
}

/// `None` where it is another client's: the config names one by the same name now.
fn of(record: &StoredSession, profile: &Profile) -> Option<Kept> {
    let withheld = match endpoints::standing(record, profile) {
        Standing::Ours => None,
        Standing::Elsewhere(why) => Some(why.sentence()),
        Standing::Another => return None,
    };
    Some(Kept { bytes: own_record::bytes(record)?, since: record.signed_in_at, withheld })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Keychain;
    use super::*;
    use dagpass_core::profile::EndpointOverrides;

    #[tokio::test]
    async fn a_secret_and_a_key_are_of_one_client_at_one_issuer_and_are_no_sessions() {
        let state = tempfile::tempdir().unwrap();
        let keychain = Keychain::new();
        let store = keychain.store(2048, state.path());
        let profile = Profile::new("prod", "https://ping.example", "desk");
        let now = Timestamp::from_secs(7);
        let secret = Secret::new("canary: with a space, ümlaut".to_owned());
        store.keep_secret(&profile, &secret, now).await.unwrap();
        store.keep_key(&profile, &ClientKey::made().unwrap(), now).await.unwrap();

        let again = keychain.store(2048, state.path());
        let read = Credentials::secret(&again, &profile).await.unwrap().unwrap();
        assert_eq!(read.expose(), secret.expose());
        let key = Credentials::key(&again, &profile).await.unwrap().unwrap();
        let (kid, kept) = (key.public().unwrap().kid, again.credential(&profile, Credential::Key));
        assert_eq!(kept.await.unwrap().unwrap().key().unwrap().public().unwrap().kid, kid);
        assert_eq!(again.sessions().await.unwrap(), []);

        let other_issuer = Profile::new("prod", "https://evil.example", "desk");
        let other_client = Profile::new("prod", "https://ping.example", "other");
        for other in [other_issuer, other_client] {
            assert!(Credentials::secret(&again, &other).await.unwrap().is_none());
            assert!(Credentials::key(&again, &other).await.unwrap().is_none());
        }
        // One line of the config is no reason to send it to another host.
        for edited in ["token", "discovery"] {
            let url = Some("https://evil.example/x".to_owned());
            let endpoints = match edited {
                "token" => EndpointOverrides { token: url, ..EndpointOverrides::default() },
                _ => EndpointOverrides { discovery: url, ..EndpointOverrides::default() },
            };
            let elsewhere = Profile { endpoints, ..profile.clone() };
            assert!(Credentials::secret(&again, &elsewhere).await.unwrap().is_none(), "{edited}");
            assert!(Credentials::key(&again, &elsewhere).await.unwrap().is_none(), "{edited}");
            let kept = again.credential(&elsewhere, Credential::Key).await.unwrap().unwrap();
            assert!(kept.withheld.unwrap().contains("https://evil.example"));
        }
        let gateway = Some("https://gw.example/t".to_owned());
        let endpoints = EndpointOverrides { token: gateway, ..EndpointOverrides::default() };
        let by_gateway = Profile { endpoints, ..profile.clone() };
        again.keep_secret(&by_gateway, &secret, now).await.unwrap();
        assert!(Credentials::secret(&again, &by_gateway).await.unwrap().is_some(), "given anew");
        again.forget_credential(&profile, Credential::Secret).await.unwrap();
        assert!(Credentials::secret(&again, &profile).await.unwrap().is_none());
        assert!(Credentials::key(&again, &profile).await.unwrap().is_some());
    }
}
