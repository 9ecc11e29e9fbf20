//! One of the file's `clients`: a service or a CI job, and what its tokens have to say. The server compares;
//! here the entry is held to the same rules, so that no file is right on one side alone.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Seconds that a token of a service may be old.
const AGES: std::ops::RangeInclusive<u64> = 60..=86_400;

/// Its fields stand in the order of the file's canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Absent: the deployment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    pub roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
}

impl Client {
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, value) in self.named() {
            if value.is_some_and(|text| !is_name(text)) {
                return Err(format!("`{key}` is empty, or has a space at an end"));
            }
        }
        if self.sub.is_none() && self.client_id.is_none() {
            return Err("give its `sub` or its `client_id`".to_owned());
        }
        if let Some(issuer) = &self.issuer {
            if !is_web_address(issuer) {
                return Err("`issuer` is no https address".to_owned());
            }
            if self.sub.is_none() {
                return Err("with an `issuer` of its own, give its `sub`".to_owned());
            }
        }
        if self.roles.is_empty() || !self.roles.iter().all(|role| is_name(role)) {
            return Err("`roles` is a list of role names".to_owned());
        }
        if self.max_age.is_some_and(|age| !AGES.contains(&age)) {
            let (from, to) = (AGES.start(), AGES.end());
            return Err(format!("`max_age` is whole seconds from {from} to {to}"));
        }
        Ok(())
    }

    /// By the same tokens?
    pub(super) fn is_met_as(&self, other: &Self) -> bool {
        self.named() == other.named()
    }

    /// What its tokens have to say, as a person reads it.
    pub fn shown(&self) -> String {
        let said = self.named().into_iter();
        let said = said.filter_map(|(key, value)| Some(format!("{key} {}", value?)));
        said.collect::<Vec<_>>().join(", ")
    }

    fn named(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("issuer", self.issuer.as_deref()),
            ("sub", self.sub.as_deref()),
            ("client_id", self.client_id.as_deref()),
        ]
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.trim() == text
}

/// https, or http where nobody is between.
fn is_web_address(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.host().is_some() && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}
