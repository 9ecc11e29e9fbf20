//! What of a config decides where a person's tokens go, and by which way: as it may be shown, so that two
//! configs can be compared after the first is gone, and what differs can be put on the record. Judges
//! nothing: whether a token may go there is core's to say (`endpoints`).

use std::collections::BTreeMap;
use std::fmt;

use dagpass_core::profile::{EndpointOverrides, Profile};
use serde::{Deserialize, Serialize};

use super::Config;
use crate::outgoing_proxy::masked;

/// By profile, the keys that are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Ways(BTreeMap<String, BTreeMap<String, String>>);

/// What one profile's tokens do from now on that they did not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub profile: String,
    keys: Vec<KeyChange>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyChange {
    key: String,
    was: Option<String>,
    is: Option<String>,
}

impl Ways {
    pub(super) fn of(config: &Config) -> Self {
        let mut ways = Self::default();
        for (name, profile) in &config.profiles {
            ways.0.insert(name.as_str().to_owned(), keys(profile));
        }
        for airflow in config.airflow.values() {
            if let Some(keys) = ways.0.get_mut(airflow.profile.as_str()) {
                keys.insert(
                    format!("airflow.{}.url", airflow.deployment.name),
                    airflow.deployment.url.clone(),
                );
            }
        }
        for upstream in config.upstreams.values() {
            if let Some(keys) = ways.0.get_mut(upstream.session.profile.as_str()) {
                keys.insert(format!("upstream.{}.url", upstream.name), upstream.url.to_string());
            }
        }
        ways
    }

    /// A profile that was not there has no token to go astray.
    pub(super) fn changes(&self, now: &Self) -> Vec<Change> {
        let both = self.0.iter().filter_map(|(name, was)| Some((name, was, now.0.get(name)?)));
        let change = |(name, was, is): (&String, &BTreeMap<_, _>, &BTreeMap<_, _>)| Change {
            profile: name.clone(),
            keys: differing(was, is),
        };
        both.map(change).filter(|change| !change.keys.is_empty()).collect()
    }

    /// What is known once `now` is: a profile that is gone stays as it was, so that it cannot come back
    /// as another unseen.
    #[must_use]
    pub(super) fn then(mut self, now: &Self) -> Self {
        self.0.extend(now.0.clone());
        self
    }
}

fn differing(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<KeyChange> {
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    let change = |key: &String| KeyChange {
        key: key.clone(),
        was: was.get(key).cloned(),
        is: is.get(key).cloned(),
    };
    names.into_iter().map(change).filter(|one| one.was != one.is).collect()
}

fn keys(profile: &Profile) -> BTreeMap<String, String> {
    let EndpointOverrides {
        discovery,
        authorization,
        token,
        device_authorization,
        pushed_authorization_request,
        revocation,
        userinfo,
        jwks,
        end_session,
    } = &profile.endpoints;
    let network = &profile.network;
    let ca_file = network.ca_file.as_ref().map(|path| path.display().to_string());
    let issuer = Some(profile.issuer.as_str().to_owned());
    let client_id = Some(profile.client_id.clone());
    let set = [
        ("issuer", &issuer),
        ("client-id", &client_id),
        ("ca-file", &ca_file),
        ("proxy", &network.proxy),
        ("no-proxy", &network.no_proxy),
        ("endpoints.discovery", discovery),
        ("endpoints.authorization", authorization),
        ("endpoints.token", token),
        ("endpoints.device_authorization", device_authorization),
        ("endpoints.pushed_authorization_request", pushed_authorization_request),
        ("endpoints.revocation", revocation),
        ("endpoints.userinfo", userinfo),
        ("endpoints.jwks", jwks),
        ("endpoints.end_session", end_session),
    ];
    let set = set.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
    set.map(|(key, value)| (key.to_owned(), shown(key, value))).collect()
}

/// Whatever holds an address may hold a login.
fn shown(key: &str, value: &str) -> String {
    let is_address = key == "proxy" || key == "issuer" || key.starts_with("endpoints.");
    if is_address { masked(value) } else { value.to_owned() }
}

/// `proxy is http://***@p:3128 (was none); endpoints.token is …`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for KeyChange { key, was, is } in &self.keys {
            let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
            write!(f, "{separator}{key} is {} (was {})", word(is), word(was))?;
            separator = "; ";
        }
        Ok(())
    }
}
