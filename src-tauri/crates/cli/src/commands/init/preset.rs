//! From a Ping product to its discovery URL. The issuer is what the document says, never a guess.

use super::Init;
use crate::exit::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    PingOne { region: String, environment: String },
    PingFederate { base: String },
    PingAm { base: String, realm: String },
    Issuer { url: String },
}

pub(super) fn from_args(args: &Init) -> Option<Preset> {
    if let Some([region, environment]) = args.pingone.as_deref() {
        return Some(Preset::PingOne { region: region.clone(), environment: environment.clone() });
    }
    if let Some([base, realm]) = args.pingam.as_deref() {
        return Some(Preset::PingAm { base: base.clone(), realm: realm.clone() });
    }
    match (&args.pingfederate, &args.issuer) {
        (Some(base), _) => Some(Preset::PingFederate { base: base.clone() }),
        (None, Some(url)) => Some(Preset::Issuer { url: url.clone() }),
        (None, None) => None,
    }
}

impl Preset {
    pub(super) fn url(&self) -> Result<String, Failure> {
        let issuer = match self {
            Self::PingOne { region, environment } => pingone(region, environment),
            Self::PingFederate { base } => web(base)?.to_owned(),
            Self::PingAm { base, realm } => format!("{}{}", web(base)?, realm_path(realm)),
            Self::Issuer { url } => web(url)?.to_owned(),
        };
        if issuer.ends_with(WELL_KNOWN) {
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

fn web(url: &str) -> Result<&str, Failure> {
    let sound = url.starts_with("https://") || url.starts_with("http://");
    if !sound || url.contains(char::is_whitespace) {
        return Err(Failure::usage(format!("`{url}` is no URL")).hint("write https://…"));
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
            base: "https://am.corp.example/am/".into(),
            realm: realm.into(),
        };
        let issuer = |url: &str| Preset::Issuer { url: url.into() };
        let table = [
            (pingone("eu"), "https://auth.pingone.eu/e-1/as"),
            (pingone("COM"), "https://auth.pingone.com/e-1/as"),
            (pingone("login.corp.example"), "https://login.corp.example/as"),
            (
                Preset::PingFederate { base: "https://sso.corp.example:9031".into() },
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
            assert_eq!(preset.url(), Ok(url), "{preset:?}");
        }
        assert!(issuer("corp.example").url().is_err());
    }
}
