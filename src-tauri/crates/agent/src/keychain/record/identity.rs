//! Who a session is, in its stored form.

use dagpass_core::profile::Subject;
use dagpass_core::time::Timestamp;
use dagpass_core::token::{Identity, IdentitySource};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredIdentity {
    pub(super) subject: Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<Timestamp>,
    source: StoredSource,
    /// What other sources call them. No record of before has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<(StoredSource, String)>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredSource {
    IdToken,
    Userinfo,
    AccessTokenClaims,
    Client,
}

impl StoredSource {
    fn of(source: IdentitySource) -> Self {
        match source {
            IdentitySource::IdToken => Self::IdToken,
            IdentitySource::Userinfo => Self::Userinfo,
            IdentitySource::AccessTokenClaims => Self::AccessTokenClaims,
            IdentitySource::Client => Self::Client,
        }
    }
}

impl From<StoredSource> for IdentitySource {
    fn from(stored: StoredSource) -> Self {
        match stored {
            StoredSource::IdToken => Self::IdToken,
            StoredSource::Userinfo => Self::Userinfo,
            StoredSource::AccessTokenClaims => Self::AccessTokenClaims,
            StoredSource::Client => Self::Client,
        }
    }
}

impl StoredIdentity {
    pub(super) fn of(identity: &Identity) -> Self {
        let also = identity.also.iter();
        Self {
            subject: identity.subject.clone(),
            name: identity.name.clone(),
            email: identity.email.clone(),
            groups: identity.groups.clone(),
            auth_time: identity.auth_time,
            source: StoredSource::of(identity.source),
            also: also.map(|(source, name)| (StoredSource::of(*source), name.clone())).collect(),
        }
    }
}

impl From<StoredIdentity> for Identity {
    fn from(stored: StoredIdentity) -> Self {
        let also = stored.also.into_iter();
        Self {
            subject: stored.subject,
            name: stored.name,
            email: stored.email,
            groups: stored.groups,
            auth_time: stored.auth_time,
            source: stored.source.into(),
            also: also.map(|(source, name)| (source.into(), name)).collect(),
        }
    }
}
