//! Which Airflow roles a person's groups give, and whether the server maps them the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `POST /v1/airflow/roles`. 404 (`not_found`) where there is no such deployment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RolesAsk {
    /// `[airflow.NAME]`, by name or URL; absent: the only one that names a roles file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub airflow: Option<String>,
    /// Absent: those of the person who is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Ask the deployment what it maps, with its own token.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub check: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolesReply {
    pub airflow: String,
    pub url: String,
    /// The file that says so.
    pub file: String,
    pub claim: String,
    /// SHA-256 of the file's canonical JSON, in hex.
    pub digest: String,
    pub person: PersonRoles,
    /// Every group that the file maps.
    pub mapped: Vec<String>,
    /// Services and CI jobs that the file names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, ClientRoles>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<RolesCheck>,
}

/// What the groups give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRoles {
    pub groups: Vec<String>,
    /// `given`, `id_token`, `userinfo`, `access_token_claims`.
    pub source: String,
    /// Whose they are; absent where they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// When the session began; a refresh may have brought newer groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<i64>,
    /// Each role with the groups of the file that give it.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Groups that give nothing.
    pub unmapped: Vec<String>,
    /// None of the groups is mapped: the server lets this person not in.
    pub refused: bool,
}

/// What a service or a CI job gets, though nobody signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRoles {
    pub roles: Vec<String>,
    /// What its tokens have to say: `issuer`, `sub`, `client_id`.
    pub by: String,
}

/// The server's mapping beside the file's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolesCheck {
    pub in_sync: bool,
    /// The claim here and there, where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<HereAndThere<String>>,
    /// By group, what it gives on either side; nothing where it is not mapped.
    pub groups: BTreeMap<String, HereAndThere<Vec<String>>>,
    /// By client of the file, the same, with what its tokens have to say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, HereAndThere<Vec<String>>>,
    /// As the server counts it.
    pub digest: String,
    /// The roles that the server gave the person who asked.
    pub you: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HereAndThere<T> {
    pub here: T,
    pub there: T,
}
