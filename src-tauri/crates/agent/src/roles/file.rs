//! `airflow-roles.json`: strict, because a group that is misspelt or stands twice is a person with the
//! wrong rights.

use std::collections::BTreeMap;
use std::fmt;

use dagpass_core::token::Fingerprint;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::client::Client;

/// How long may a client's name be? The server makes an account of it.
const LONGEST_NAME: usize = 128;

/// The version of the file that we know.
const VERSION: u64 = 1;

/// A file that is right. Its fields stand in the order of its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolesFile {
    /// The claim that the server reads groups from.
    #[serde(deserialize_with = "claim")]
    pub claim: String,
    /// Services and CI jobs, which no person stands behind.
    #[serde(default, deserialize_with = "clients", skip_serializing_if = "Option::is_none")]
    pub clients: Option<BTreeMap<String, Client>>,
    /// What each group gives.
    #[serde(deserialize_with = "roles")]
    pub roles: BTreeMap<String, Vec<String>>,
    #[serde(deserialize_with = "version")]
    pub version: u64,
}

/// What is wrong with a file, and where: both from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct RolesFault {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl RolesFile {
    pub fn parse(text: &str) -> Result<Self, RolesFault> {
        // RFC 8259 §8.1: a reader may pass over the mark that some editors write.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line().max(1), error.column().max(1));
            let said = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            RolesFault { line, column, message: said.trim_end_matches(&place).to_owned() }
        })
    }

    /// Sorted keys, no spaces, UTF-8: what both sides take the digest of.
    pub fn canonical(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// SHA-256 of the canonical form, in lower-case hex.
    pub fn digest(&self) -> String {
        Fingerprint::of(&self.canonical()).as_str().to_owned()
    }
}

fn clients<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<String, Client>>, D::Error> {
    from.deserialize_map(Clients).map(Some)
}

fn version<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    match u64::deserialize(from)? {
        VERSION => Ok(VERSION),
        other => {
            Err(D::Error::custom(format!("version {other} is not known here, only {VERSION}")))
        }
    }
}

fn claim<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let claim = String::deserialize(from)?;
    named("the claim", &claim)?;
    Ok(claim)
}

fn roles<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    from.deserialize_map(Roles)
}

struct Roles;

impl<'de> Visitor<'de> for Roles {
    type Value = BTreeMap<String, Vec<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("groups with a list of roles each")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut roles = BTreeMap::new();
        while let Some(group) = map.next_key::<String>()? {
            named("a group", &group)?;
            let given: Vec<String> = map.next_value()?;
            if given.is_empty() {
                return Err(A::Error::custom(format!("`{group}` gives no role: leave it out")));
            }
            for role in &given {
                named(&format!("a role of `{group}`"), role)?;
            }
            if roles.contains_key(&group) {
                return Err(A::Error::custom(format!("`{group}` stands here twice")));
            }
            roles.insert(group, given);
        }
        if roles.is_empty() {
            return Err(A::Error::custom("no group is mapped: everybody would be refused"));
        }
        Ok(roles)
    }
}

struct Clients;

impl<'de> Visitor<'de> for Clients {
    type Value = BTreeMap<String, Client>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("clients with an object each")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut clients: BTreeMap<String, Client> = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            named("a client", &name)?;
            if name.chars().count() > LONGEST_NAME {
                let what = format!("a client's name has more than {LONGEST_NAME} characters");
                return Err(A::Error::custom(what));
            }
            let client: Client = map.next_value()?;
            client.check().map_err(|what| A::Error::custom(format!("client `{name}`: {what}")))?;
            if clients.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` stands here twice")));
            }
            // The server looks for an account without regard to case.
            if let Some(one) = clients.keys().find(|one| one.to_lowercase() == name.to_lowercase())
            {
                let what = format!("clients `{one}` and `{name}` are one name in other letters");
                return Err(A::Error::custom(what));
            }
            if let Some((one, _)) = clients.iter().find(|(_, other)| client.is_met_as(other)) {
                let what =
                    format!("clients `{one}` and `{name}` are one: the same token is of both");
                return Err(A::Error::custom(what));
            }
            clients.insert(name, client);
        }
        if clients.is_empty() {
            return Err(A::Error::custom("`clients` names none: leave it out"));
        }
        Ok(clients)
    }
}

/// A name that begins or ends with a space would never be met.
fn named<E: Error>(what: &str, name: &str) -> Result<(), E> {
    if name.trim().is_empty() {
        return Err(E::custom(format!("{what} has no name")));
    }
    if name.trim() != name {
        return Err(E::custom(format!("{what} has a space at an end: `{name}`")));
    }
    Ok(())
}
