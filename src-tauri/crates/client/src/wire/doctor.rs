//! What `doctor` is asked and says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `POST /v1/doctor`: what only the caller's shell knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DoctorAsk {
    /// `https_proxy`, `http_proxy`, `all_proxy`, `no_proxy`, in either case.
    pub proxies: BTreeMap<String, String>,
}

impl DoctorAsk {
    /// The agent keeps the proxy of its own start, and the caller's may be another one: it compares.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let names = ["https_proxy", "http_proxy", "all_proxy", "no_proxy"];
        let both = names.into_iter().flat_map(|name| [name.to_owned(), name.to_ascii_uppercase()]);
        let proxies = both.filter_map(|name| Some((name.clone(), variable(&name)?)));
        Self { proxies: proxies.collect() }
    }
}

/// One thing that was looked at. `GET /v1/doctor` answers a list, as does `POST`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `config`, `discovery`, `clock`, `keychain`, `session`, `socket`, `port`, `proxy`, `ca`, `airflow`, `tray`.
    pub check: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// `ok`, `warning`, `problem`, `skipped`.
    pub verdict: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
