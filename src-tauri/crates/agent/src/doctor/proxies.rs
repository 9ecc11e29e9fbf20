//! The proxy that the agent uses beside the one that the person's shell would. The agent does not
//! inherit a shell, so what works in `curl` may not work here.

use dagpass_client::wire::Finding;
use url::Url;

use super::{Scene, hint, ok, warning};

/// The proxy variables of one environment, names in lower case. Passwords are dropped at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    values: [Option<String>; 4],
}

impl Proxies {
    pub const NAMES: [&str; 4] = ["https_proxy", "http_proxy", "all_proxy", "no_proxy"];

    /// Takes a look-up, so that tests need no environment. Lower case wins, as in curl.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let typed = lookup(name).or_else(|| lookup(&name.to_ascii_uppercase()));
            typed.filter(|value| !value.is_empty()).map(|value| without_password(&value))
        };
        Self { values: Self::NAMES.map(value) }
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        Self::NAMES.into_iter().zip(self.values.iter().map(Option::as_deref))
    }
}

pub(super) fn compare(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for profile in scene.config.profiles.values() {
        if let Some(proxy) = &profile.network.proxy {
            let detail = format!("{} from the config", without_password(proxy));
            findings.push(ok("proxy", Some(profile.name.as_str()), detail));
        }
    }
    // What the config names is in force whatever the environments say.
    let profiles = scene.config.profiles.values();
    if !findings.is_empty() && findings.len() == profiles.len() {
        return findings;
    }
    let Some(shell) = scene.shell_proxies else {
        findings.push(ok("proxy", None, describe(scene.own_proxies)));
        return findings;
    };
    let differing: Vec<String> = scene
        .own_proxies
        .pairs()
        .zip(shell.pairs())
        .filter(|((_, own), (_, theirs))| own != theirs)
        .map(|((name, own), (_, theirs))| {
            let (own, theirs) = (own.unwrap_or("unset"), theirs.unwrap_or("unset"));
            format!("{} is {theirs} in this shell, {own} in the agent", name.to_ascii_uppercase())
        })
        .collect();
    findings.push(if differing.is_empty() {
        ok("proxy", None, describe(scene.own_proxies))
    } else {
        hint(
            warning("proxy", None, differing.join("; ")),
            "set `proxy` and `no-proxy` in the config: the agent does not inherit a shell",
        )
    });
    findings
}

fn describe(proxies: &Proxies) -> String {
    let set = proxies.pairs().filter_map(|(name, value)| Some((name, value?)));
    let set: Vec<String> =
        set.map(|(name, value)| format!("{}={value}", name.to_ascii_uppercase())).collect();
    if set.is_empty() { "none in the agent's environment".to_owned() } else { set.join(", ") }
}

fn without_password(proxy: &str) -> String {
    let Ok(mut url) = Url::parse(proxy) else {
        // `user:password@host:port` is no URL, yet curl takes it.
        return proxy.rsplit_once('@').map_or(proxy, |(_, host)| host).to_owned();
    };
    if url.password().is_none() && url.username().is_empty() {
        return proxy.rsplit_once('@').map_or(proxy, |(_, host)| host).to_owned();
    }
    let cleared = url.set_password(None).is_ok() && url.set_username("").is_ok();
    if cleared { url.to_string() } else { "(set)".to_owned() }
}
