//! The proxy that the agent uses beside the one that the person's shell would. The agent does not
//! inherit a shell, so what works in `curl` may not work here.

use dagpass_client::wire::Finding;

use super::{Scene, hint, ok, problem, warning};
use crate::outgoing_proxy::{Address, Named, Proxies, Source, masked};

pub(super) fn compare(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for profile in scene.config.profiles.values() {
        if let Some(proxy) = &profile.network.proxy {
            let named = Named { by: Source::Config, address: Address::parse(proxy) };
            findings.push(match &named.address {
                Ok(address) => {
                    ok("proxy", Some(profile.name.as_str()), format!("{address} from the config"))
                }
                Err(_) => unusable(Some(profile.name.as_str()), &named),
            });
        }
    }
    // What the config names is in force whatever the environments say.
    let profiles = scene.config.profiles.values();
    if !findings.is_empty() && findings.len() == profiles.len() {
        return findings;
    }
    let own = scene.own_proxies;
    if let Some(named) = own.chosen().filter(|named| named.address.is_err()) {
        findings.push(unusable(None, &named));
        return findings;
    }
    findings.push(match scene.shell_proxies {
        Some(shell) if differ(own, shell) => hint(
            warning(
                "proxy",
                None,
                format!("the agent uses {}; this shell would use {}", used(own), used(shell)),
            ),
            "set `proxy` and `no-proxy` in the config: the agent does not inherit a shell",
        ),
        Some(_) | None => ok("proxy", None, format!("{}{}", used(own), beside(own))),
    });
    findings
}

fn unusable(profile: Option<&str>, named: &Named) -> Finding {
    let cause = named.address.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let (by, fix) = match named.by {
        Source::Config => ("`proxy`".to_owned(), "write it as http://host:port"),
        Source::Variable(name) => (
            name.to_owned(),
            "set `proxy` in the config, or have the variable name an http proxy and run `dagpass agent restart`",
        ),
    };
    hint(problem("proxy", profile, format!("{by} names {cause}")), fix)
}

fn differ(own: &Proxies, shell: &Proxies) -> bool {
    let effect = |proxies: &Proxies| {
        let address = proxies.chosen().map(|named| named.address);
        let except = proxies.except().filter(|_| address.is_some());
        (address, except.map(|(_, hosts)| hosts.to_owned()))
    };
    effect(own) != effect(shell)
}

/// What goes into force, by the variable that says it.
fn used(proxies: &Proxies) -> String {
    let Some(named) = proxies.chosen() else { return "no proxy".to_owned() };
    let address = match &named.address {
        Ok(address) => address.to_string(),
        Err(unusable) => unusable.to_string(),
    };
    let except = proxies.except();
    let except = except.map(|(name, hosts)| format!(", {name}={}", masked(hosts)));
    format!("{}={address}{}", named.by, except.unwrap_or_default())
}

/// What is set as well, and is not used.
fn beside(proxies: &Proxies) -> String {
    let idle = proxies.without_effect();
    if idle.is_empty() {
        return String::new();
    }
    let why = if proxies.is_cgi() {
        "REQUEST_METHOD is set, as by a CGI server, which can set them too"
    } else {
        "HTTPS_PROXY goes first, then https_proxy, ALL_PROXY, all_proxy; HTTP_PROXY is for plain http, which is never sent"
    };
    format!(" ({} without effect: {why})", idle.join(", "))
}
