//! The stored form of a session: versioned JSON. The one room of the store that takes a refresh token
//! out of its type; never in a log, an error or a `Debug`.

mod identity;

use dagpass_core::ports::StoreFailure;
use dagpass_core::profile::{EndpointOverrides, Issuer, Scopes};
use dagpass_core::session::{EndReason, StoredSession};
use dagpass_core::time::Timestamp;
use dagpass_core::token::{Fingerprint, IdToken, Identity, RefreshToken, is_token};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use identity::StoredIdentity;

/// What this program writes, and the newest it can read.
const VERSION: u32 = 1;

/// How often may a session have been saved? Once a second for longer than there are dates.
const LAST_GENERATION: u64 = 1 << 40;

pub(super) fn encode(session: &StoredSession) -> Result<Zeroizing<Vec<u8>>, StoreFailure> {
    let record = Record {
        version: VERSION,
        issuer: session.issuer.clone(),
        client_id: session.client_id.clone(),
        endpoints: session.endpoints.as_ref().map(StoredEndpoints::of),
        identity: session.identity.as_ref().map(StoredIdentity::of),
        nonce: session.nonce.as_ref().map(|nonce| nonce.as_str().to_owned()),
        granted: session.granted.clone(),
        refresh_token: session.refresh_token.as_ref().map(|token| token.expose().to_owned().into()),
        refresh_expires_at: session.refresh_expires_at,
        signed_in_at: session.signed_in_at,
        generation: session.generation,
        id_token_hint: session.id_token_hint.as_ref().map(|token| token.expose().to_owned().into()),
        ended: session.ended.as_ref().map(StoredEnd::of),
    };
    serde_json::to_vec(&record).map(Zeroizing::new).map_err(|_| corrupt("cannot be written"))
}

pub(super) fn decode(bytes: &[u8]) -> Result<StoredSession, StoreFailure> {
    // serde_json's own messages may quote the text, so none of them is passed on.
    let Version { version } =
        serde_json::from_slice(bytes).map_err(|_| corrupt("is not a record of dagpass"))?;
    if version == 0 {
        return Err(corrupt("has version 0, which there never was"));
    }
    if version != VERSION {
        return Err(StoreFailure::Corrupt(format!(
            "record version {version} was written by a newer dagpass; this one reads version {VERSION}"
        )));
    }
    let record: Record =
        serde_json::from_slice(bytes).map_err(|_| corrupt("is incomplete or damaged"))?;
    record.check()?;
    Ok(StoredSession {
        issuer: record.issuer,
        client_id: record.client_id,
        endpoints: record.endpoints.map(EndpointOverrides::from),
        identity: record.identity.map(Identity::from),
        nonce: record.nonce.as_deref().and_then(Fingerprint::parse),
        granted: record.granted,
        refresh_token: record.refresh_token.map(|token| RefreshToken::new(token.as_str())),
        refresh_expires_at: record.refresh_expires_at,
        signed_in_at: record.signed_in_at,
        generation: record.generation,
        id_token_hint: record.id_token_hint.map(|token| IdToken::new(token.as_str())),
        ended: record.ended.map(EndReason::from),
    })
}

impl Record {
    /// What the types cannot say. Such a record is never used: what it would bring from Ping is a
    /// refusal that blames the wrong side.
    fn check(&self) -> Result<(), StoreFailure> {
        let blank = |text: &str| text.trim().is_empty();
        let who = self.identity.as_ref().map(|identity| &identity.subject);
        if self.refresh_token.as_ref().is_some_and(|token| !is_token(token)) {
            return Err(corrupt("holds a refresh token that is blank or no token"));
        }
        if blank(self.issuer.as_str()) || blank(&self.client_id) {
            return Err(corrupt("does not say whose client it belongs to"));
        }
        if who.is_some_and(|subject| blank(&subject.iss) || blank(&subject.sub)) {
            return Err(corrupt("does not say who signed in"));
        }
        let auth_time = self.identity.as_ref().and_then(|identity| identity.auth_time);
        let times = [Some(self.signed_in_at), self.refresh_expires_at, auth_time];
        if !times.into_iter().flatten().all(is_a_time) {
            return Err(corrupt("holds a time that there never is"));
        }
        // A stale writer is told by its number: one that nothing can follow would win for ever.
        if self.generation >= LAST_GENERATION {
            return Err(corrupt("was saved more often than can be"));
        }
        Ok(())
    }
}

/// From 1970 to the end of the year 9999, which is as far as dates are written.
fn is_a_time(time: Timestamp) -> bool {
    (0..=253_402_300_799_999).contains(&time.as_millis())
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
    /// What the config named of where tokens go. No record of 0.1.0 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<StoredEndpoints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<StoredIdentity>,
    /// Its SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    granted: Scopes,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_at: Option<Timestamp>,
    signed_in_at: Timestamp,
    generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token_hint: Option<Zeroizing<String>>,
    /// It is over, and whose it was is all that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<StoredEnd>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
enum StoredEnd {
    Rejected { error: String, description: String },
    LostInRotation { since: Timestamp },
    NoRefreshToken,
    SubjectChanged { now: String },
    BrokeOff { cause: String },
    Elsewhere { was: String, is: String },
}

impl StoredEnd {
    fn of(why: &EndReason) -> Self {
        match why.clone() {
            EndReason::Rejected { error, description } => Self::Rejected { error, description },
            EndReason::LostInRotation { since } => Self::LostInRotation { since },
            EndReason::NoRefreshToken => Self::NoRefreshToken,
            EndReason::SubjectChanged { now } => Self::SubjectChanged { now },
            EndReason::BrokeOff { cause } => Self::BrokeOff { cause },
            EndReason::Elsewhere { was, is } => Self::Elsewhere { was, is },
        }
    }
}

impl From<StoredEnd> for EndReason {
    fn from(stored: StoredEnd) -> Self {
        match stored {
            StoredEnd::Rejected { error, description } => Self::Rejected { error, description },
            StoredEnd::LostInRotation { since } => Self::LostInRotation { since },
            StoredEnd::NoRefreshToken => Self::NoRefreshToken,
            StoredEnd::SubjectChanged { now } => Self::SubjectChanged { now },
            StoredEnd::BrokeOff { cause } => Self::BrokeOff { cause },
            StoredEnd::Elsewhere { was, is } => Self::Elsewhere { was, is },
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredEndpoints {
    #[serde(skip_serializing_if = "Option::is_none")]
    discovery: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_authorization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed_authorization_request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    userinfo: Option<String>,
}

impl StoredEndpoints {
    fn of(named: &EndpointOverrides) -> Self {
        Self {
            discovery: named.discovery.clone(),
            token: named.token.clone(),
            device_authorization: named.device_authorization.clone(),
            pushed_authorization_request: named.pushed_authorization_request.clone(),
            revocation: named.revocation.clone(),
            userinfo: named.userinfo.clone(),
        }
    }
}

impl From<StoredEndpoints> for EndpointOverrides {
    fn from(stored: StoredEndpoints) -> Self {
        Self {
            discovery: stored.discovery,
            token: stored.token,
            device_authorization: stored.device_authorization,
            pushed_authorization_request: stored.pushed_authorization_request,
            revocation: stored.revocation,
            userinfo: stored.userinfo,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::token::IdentitySource;

    #[test]
    fn a_record_comes_back_as_it_went() {
        let nonce = Some(Fingerprint::of("nonce"));
        let id_token_hint = Some(IdToken::new("hint-1"));
        let whole =
            StoredSession { nonce, id_token_hint, ..super::super::fixture::session("tok-1", 7) };
        let bare = StoredSession {
            identity: None,
            refresh_token: None,
            refresh_expires_at: None,
            ..whole.clone()
        };
        let mut known = whole.clone();
        if let Some(who) = &mut known.identity {
            who.also = vec![(IdentitySource::AccessTokenClaims, "a-1".to_owned())];
        }
        let ended = StoredSession {
            ended: Some(EndReason::LostInRotation { since: Timestamp::from_secs(7) }),
            ..bare.clone()
        };
        let url = |path: &str| Some(format!("https://gw.test/{path}"));
        let named = EndpointOverrides {
            discovery: url("doc"),
            token: url("token"),
            device_authorization: url("device"),
            pushed_authorization_request: url("par"),
            revocation: url("revoke"),
            userinfo: url("userinfo"),
            ..EndpointOverrides::default()
        };
        let one = EndpointOverrides { token: url("token"), ..EndpointOverrides::default() };
        let with = |named| StoredSession { endpoints: Some(named), ..whole.clone() };
        let made_with = [with(named), with(one), with(EndpointOverrides::default())];
        for session in [whole, bare, known, ended].into_iter().chain(made_with) {
            let back = decode(&encode(&session).unwrap()).unwrap();
            assert_eq!(format!("{back:?}"), format!("{session:?}"));
            let token = |one: &StoredSession| {
                one.refresh_token.as_ref().map(|token| token.expose().to_owned())
            };
            assert_eq!(token(&back), token(&session));
            assert_eq!(back.id_token_hint.unwrap().expose(), "hint-1");
        }
    }

    #[test]
    fn a_damaged_record_says_why_and_never_what() {
        let session = super::super::fixture::session("canary-b7", 1);
        let good = String::from_utf8(encode(&session).unwrap().to_vec()).unwrap();
        let token = |text: &str| good.replace("canary-b7", text);
        let with = |field: &str, value: &str| {
            let mut record: serde_json::Value = serde_json::from_str(&good).unwrap();
            *record.pointer_mut(field).unwrap() = serde_json::from_str(value).unwrap();
            record.to_string()
        };
        for (bad, why) in [
            (with("/version", "2"), "newer dagpass"),
            (with("/version", "0"), "version 0"),
            (with("/version", "-1"), "not a record"),
            (good[..good.len() / 2].to_owned(), "not a record"),
            (with("/generation", "\"canary-b7\""), "damaged"),
            (String::new(), "not a record"),
            (token(""), "blank"),
            (token("  "), "blank"),
            (token(r"  \n"), "blank"),
            (token(r"\u00a0"), "blank"),
            (token(r"canary-b7\n"), "no token"),
            (token(r"canary\u0000-b7"), "no token"),
            (token(r"canary\t-b7"), "no token"),
            (token("canary\u{fffd}-b7"), "no token"),
            (with("/issuer", "\"\""), "whose client"),
            (with("/client_id", "\" \\n\""), "whose client"),
            (with("/identity/subject/sub", "\"\""), "who signed in"),
            (with("/identity/subject/iss", "\" \""), "who signed in"),
            (with("/generation", "18446744073709551615"), "more often"),
            (with("/generation", "-1"), "damaged"),
            (with("/generation", "18446744073709551616"), "damaged"),
            (with("/signed_in_at", "-1"), "time"),
            (with("/signed_in_at", "9223372036854775807"), "time"),
            (with("/refresh_expires_at", "253402300800000"), "time"),
            (with("/identity/auth_time", "-9223372036854775808"), "time"),
        ] {
            let StoreFailure::Corrupt(text) = decode(bad.as_bytes()).unwrap_err() else {
                panic!("{why}: another failure");
            };
            assert!(text.contains(why), "{bad}: {text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn a_record_of_before_says_nothing_of_hosts_and_one_that_names_none_says_so() {
        let before = super::super::fixture::session("tok-1", 7);
        let free =
            StoredSession { endpoints: Some(EndpointOverrides::default()), ..before.clone() };
        let written = |session: &StoredSession| -> serde_json::Value {
            serde_json::from_slice(&encode(session).unwrap()).unwrap()
        };
        assert_eq!(written(&before).get("endpoints"), None, "the released agent's own bytes");
        assert_eq!(written(&free)["endpoints"], serde_json::json!({}));
        // Of a newer agent's record: what it names beside these is not for this one to judge.
        let mut newer = written(&free);
        newer["endpoints"] = serde_json::json!({ "token": "https://gw.test/t", "another": "x" });
        let read = decode(newer.to_string().as_bytes()).unwrap().endpoints.unwrap();
        assert_eq!(read.token.as_deref(), Some("https://gw.test/t"));
    }

    #[test]
    fn what_rfc_6749_calls_a_token_is_one() {
        let session = super::super::fixture::session("!#$%&'()*+,-./:;<=>?@[]^_`{|}~ a b", 1);
        decode(&encode(&session).unwrap()).unwrap();
    }
}
