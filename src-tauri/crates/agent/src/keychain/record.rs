//! The stored form of a session: versioned JSON. The one room of the store that takes a refresh token
//! out of its type; never in a log, an error or a `Debug`.

use dagpass_core::ports::StoreFailure;
use dagpass_core::profile::{Issuer, Scopes, Subject};
use dagpass_core::session::StoredSession;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{Identity, IdentitySource, RefreshToken};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What this program writes, and the newest it can read.
const VERSION: u32 = 1;

pub(super) fn encode(session: &StoredSession) -> Result<Zeroizing<Vec<u8>>, StoreFailure> {
    let record = Record {
        version: VERSION,
        issuer: session.issuer.clone(),
        client_id: session.client_id.clone(),
        identity: session.identity.as_ref().map(StoredIdentity::of),
        granted: session.granted.clone(),
        refresh_token: session.refresh_token.as_ref().map(|token| token.expose().to_owned().into()),
        refresh_expires_at: session.refresh_expires_at,
        signed_in_at: session.signed_in_at,
        generation: session.generation,
    };
    serde_json::to_vec(&record).map(Zeroizing::new).map_err(|_| corrupt("cannot be written"))
}

pub(super) fn decode(bytes: &[u8]) -> Result<StoredSession, StoreFailure> {
    // serde_json's own messages may quote the text, so none of them is passed on.
    let Version { version } =
        serde_json::from_slice(bytes).map_err(|_| corrupt("is not a record of dagpass"))?;
    if version != VERSION {
        return Err(StoreFailure::Corrupt(format!(
            "record version {version} was written by a newer dagpass; this one reads version {VERSION}"
        )));
    }
    let record: Record =
        serde_json::from_slice(bytes).map_err(|_| corrupt("is incomplete or damaged"))?;
    Ok(StoredSession {
        issuer: record.issuer,
        client_id: record.client_id,
        identity: record.identity.map(Identity::from),
        granted: record.granted,
        refresh_token: record.refresh_token.map(|token| RefreshToken::new(token.as_str())),
        refresh_expires_at: record.refresh_expires_at,
        signed_in_at: record.signed_in_at,
        generation: record.generation,
    })
}

fn corrupt(what: &str) -> StoreFailure {
    StoreFailure::Corrupt(format!("the record {what}"))
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    issuer: Issuer,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<StoredIdentity>,
    granted: Scopes,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_at: Option<Timestamp>,
    signed_in_at: Timestamp,
    generation: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredIdentity {
    subject: Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    source: StoredSource,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredSource {
    IdToken,
    Userinfo,
    AccessTokenClaims,
}

impl StoredIdentity {
    fn of(identity: &Identity) -> Self {
        let source = match identity.source {
            IdentitySource::IdToken => StoredSource::IdToken,
            IdentitySource::Userinfo => StoredSource::Userinfo,
            IdentitySource::AccessTokenClaims => StoredSource::AccessTokenClaims,
        };
        Self {
            subject: identity.subject.clone(),
            name: identity.name.clone(),
            email: identity.email.clone(),
            groups: identity.groups.clone(),
            auth_time: identity.auth_time,
            source,
        }
    }
}

impl From<StoredIdentity> for Identity {
    fn from(stored: StoredIdentity) -> Self {
        let source = match stored.source {
            StoredSource::IdToken => IdentitySource::IdToken,
            StoredSource::Userinfo => IdentitySource::Userinfo,
            StoredSource::AccessTokenClaims => IdentitySource::AccessTokenClaims,
        };
        Self {
            subject: stored.subject,
            name: stored.name,
            email: stored.email,
            groups: stored.groups,
            auth_time: stored.auth_time,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_went() {
        let whole = super::super::fixture::session("tok-1", 7);
        let bare = StoredSession {
            identity: None,
            refresh_token: None,
            refresh_expires_at: None,
            ..whole.clone()
        };
        for session in [whole, bare] {
            let back = decode(&encode(&session).unwrap()).unwrap();
            assert_eq!(format!("{back:?}"), format!("{session:?}"));
            let token = |one: &StoredSession| {
                one.refresh_token.as_ref().map(|token| token.expose().to_owned())
            };
            assert_eq!(token(&back), token(&session));
        }
    }

    #[test]
    fn an_unreadable_record_says_why_and_never_what() {
        let session = super::super::fixture::session("canary-b7", 1);
        let good = String::from_utf8(encode(&session).unwrap().to_vec()).unwrap();
        for (bad, why) in [
            (good.replace("\"version\":1", "\"version\":2"), "newer dagpass"),
            (good[..good.len() / 2].to_owned(), "not a record"),
            (good.replace("\"generation\":1", "\"generation\":\"canary-b7\""), "damaged"),
            (String::new(), "not a record"),
        ] {
            let StoreFailure::Corrupt(text) = decode(bad.as_bytes()).unwrap_err() else {
                panic!("{why}: another failure");
            };
            assert!(text.contains(why), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
