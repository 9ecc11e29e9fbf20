//! From a Ping product to its discovery URL. The issuer is what the document says, never a guess.

use serde::{Deserialize, Serialize};

/// Where people sign in, as a person knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Preset {
    PingOne {
        /// `com`, `ca`, `eu`, `com.au`, `sg`, `asia`, or a custom domain.
        region: String,
        environment: String,
    },
    PingFederate {
        url: String,
    },
    PingAm {
        url: String,
        realm: String,
    },
    Issuer {
        url: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no URL")]
pub struct NoUrl(pub String);

impl Preset {
    pub fn discovery_url(&self) -> Result<String, NoUrl> {
        let issuer = match self {
            Self::PingOne { region, environment } => web(&pingone(region, environment))?.to_owned(),
            Self::PingFederate { url } => web(url)?.to_owned(),
            Self::PingAm { url, realm } => format!("{}{}", web(url)?, realm_path(realm)),
            Self::Issuer { url } => web(url)?.to_owned(),
        };
        // PingFederate's may end in a query of its own.
        if issuer.contains("/.well-known/") {
            return Ok(issuer);
        }
        Ok(format!("{issuer}{WELL_KNOWN}"))
    }
}

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// A custom domain stands for region and environment, so the environment leaves the path.
fn pingone(region: &str, environment: &str) -> String {
    let region = region.to_ascii_lowercase();
    match region.as_str() {
        "com" | "na" | "us" => format!("https://auth.pingone.com/{environment}/as"),
        "ca" | "eu" | "com.au" | "sg" | "asia" => {
            format!("https://auth.pingone.{region}/{environment}/as")
        }
        "au" => format!("https://auth.pingone.com.au/{environment}/as"),
        domain => format!("https://{domain}/as"),
    }
}

/// Realms hang below each other: `/alpha/team` is `/realms/root/realms/alpha/realms/team`.
fn realm_path(realm: &str) -> String {
    let names = realm.split('/').filter(|name| !name.is_empty() && *name != "root");
    let below: String = names.map(|name| format!("/realms/{name}")).collect();
    format!("/oauth2/realms/root{below}")
}

fn web(url: &str) -> Result<&str, NoUrl> {
    let sound = url.starts_with("https://") || url.starts_with("http://");
    if !sound || url.contains(char::is_whitespace) {
        return Err(NoUrl(url.to_owned()));
    }
    Ok(url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_has_its_discovery_url() {
        let pingone =
            |region: &str| Preset::PingOne { region: region.into(), environment: "e-1".into() };
        let pingam = |realm: &str| Preset::PingAm {
            url: "https://am.corp.example/am/".into(),
            realm: realm.into(),
        };
        let issuer = |url: &str| Preset::Issuer { url: url.into() };
        let table = [
            (pingone("eu"), "https://auth.pingone.eu/e-1/as"),
            (pingone("COM"), "https://auth.pingone.com/e-1/as"),
            (pingone("login.corp.example"), "https://login.corp.example/as"),
            (
                Preset::PingFederate { url: "https://sso.corp.example:9031".into() },
                "https://sso.corp.example:9031",
            ),
            (pingam("alpha"), "https://am.corp.example/am/oauth2/realms/root/realms/alpha"),
            (pingam("/"), "https://am.corp.example/am/oauth2/realms/root"),
            (pingam("a/b"), "https://am.corp.example/am/oauth2/realms/root/realms/a/realms/b"),
            (issuer("http://127.0.0.1:9/x"), "http://127.0.0.1:9/x"),
            (issuer("https://x/.well-known/openid-configuration"), "https://x"),
        ];
        for (preset, base) in table {
            let url = format!("{base}/.well-known/openid-configuration");
            assert_eq!(preset.discovery_url(), Ok(url), "{preset:?}");
        }
        for whole in [
            "https://x/.well-known/openid-configuration?policy_id=desk",
            "https://x/.well-known/oauth-authorization-server",
            "https://x/.well-known/openid-configuration/a",
        ] {
            assert_eq!(issuer(whole).discovery_url(), Ok(whole.to_owned()), "nothing is appended");
        }
        assert!(issuer("corp.example").discovery_url().is_err());
        assert!(pingone("eu not").discovery_url().is_err());
    }

    #[test]
    fn the_window_names_a_product_by_its_kind() {
        let asked = serde_json::json!({"kind": "pingone", "region": "eu", "environment": "e"});
        let pingone = Preset::PingOne { region: "eu".into(), environment: "e".into() };
        assert_eq!(serde_json::from_value::<Preset>(asked).unwrap(), pingone);
        let asked = serde_json::json!({"kind": "pingam", "url": "https://a", "realm": "b"});
        assert!(serde_json::from_value::<Preset>(asked).is_ok());
    }
}
