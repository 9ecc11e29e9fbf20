//! Which proxy a request takes, and how a proxy is shown. Pure: variables come in as values. What is
//! shown by `doctor` and in errors is what is used, because both ask here.

use std::fmt;
use std::net::IpAddr;

use dagpass_core::profile::Network;
use url::{Host, Url};

/// Where is the proxy looked for? The first that is set wins, as in the libraries of Go and Rust;
/// every request is https, so `HTTP_PROXY` names none.
const ORDER: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

const FOR_HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];

/// A CGI server makes it, and `HTTP_PROXY` out of a header of the request (CVE-2016-5385): no
/// variable is believed beside it.
const OF_CGI: &str = "REQUEST_METHOD";

/// The proxy variables of one environment, empty ones left out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    set: Vec<(&'static str, String)>,
    cgi: bool,
}

impl Proxies {
    /// Takes a look-up, so that tests need no environment.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let names = ORDER.into_iter().chain(NO_PROXY).chain(FOR_HTTP);
        let filled = |name| Some((name, lookup(name).filter(|value| !value.trim().is_empty())?));
        Self { set: names.filter_map(filled).collect(), cgi: lookup(OF_CGI).is_some() }
    }

    pub fn of_this_process() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    pub(crate) fn chosen(&self) -> Option<Named> {
        let (name, value) = ORDER.into_iter().find_map(|name| self.value(name))?;
        (!self.cgi).then(|| Named { by: Source::Variable(name), address: Address::parse(value) })
    }

    /// The variable, and the hosts that are reached without a proxy.
    pub(crate) fn except(&self) -> Option<(&'static str, &str)> {
        NO_PROXY.into_iter().find_map(|name| self.value(name))
    }

    /// Set, and without effect: another variable goes first, or it is for plain http.
    pub(crate) fn without_effect(&self) -> Vec<&'static str> {
        let (proxy, except) = (ORDER.into_iter().find_map(|name| self.value(name)), self.except());
        let loses = |name: &&str| {
            let Some((_, value)) = self.value(name) else { return false };
            let first = if NO_PROXY.contains(name) { except } else { proxy };
            // Windows gives one variable under both spellings.
            self.cgi || first.is_none_or(|(_, winner)| winner != value)
        };
        ORDER.into_iter().chain(NO_PROXY).chain(FOR_HTTP).filter(loses).collect()
    }

    pub(crate) fn is_cgi(&self) -> bool {
        self.cgi
    }

    fn value(&self, name: &str) -> Option<(&'static str, &str)> {
        let found = self.set.iter().find(|(known, _)| *known == name);
        found.map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.set.iter().map(|(name, value)| (name, masked(value)))).finish()
    }
}

/// Who names a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `proxy` in the config.
    Config,
    Variable(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "`proxy` in the config",
            Self::Variable(name) => name,
        })
    }
}

/// A proxy as somebody named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) by: Source,
    pub(crate) address: Result<Address, Unusable>,
}

/// Where a proxy is, its login with it. `Display` and `Debug` leave that out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl Address {
    /// As curl reads it: without a scheme it is http. Everything up to the last `@` is the login,
    /// though a `/`, `?`, `#` or `@` in it should have been escaped.
    pub(crate) fn parse(text: &str) -> Result<Self, Unusable> {
        let (scheme, rest) = parts(text.trim());
        let scheme = scheme.unwrap_or("http").to_ascii_lowercase();
        if !["http", "https"].contains(&scheme.as_str()) {
            return Err(Unusable::Scheme(scheme));
        }
        let (login, host) = match rest.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, rest),
        };
        let no_address = |_| Unusable::NoAddress;
        let mut url = Url::parse(&format!("{scheme}://{host}")).map_err(no_address)?;
        if let Some(login) = login {
            let (user, password) = match login.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (login, None),
            };
            url.set_username(user).map_err(|()| Unusable::NoAddress)?;
            url.set_password(password).map_err(|()| Unusable::NoAddress)?;
        }
        Ok(Self(url))
    }

    /// With the login: for the HTTP client alone.
    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login =
            if self.0.username().is_empty() && self.0.password().is_none() { "" } else { MASK };
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port_or_known_default().unwrap_or_default();
        write!(f, "{}://{login}{host}:{port}", self.0.scheme())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why no request can go through it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("a {0} proxy, which dagpass cannot use: http and https proxies alone")]
    Scheme(String),
    #[error("no address of a proxy; one is http://host:port")]
    NoAddress,
}

/// How a request leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Loopback, an exception, or nobody may name a proxy.
    Direct,
    Through(Source, Address),
    /// Nobody names one: the system's own settings, where it has any (macOS, Windows).
    System,
}

/// The profile's own `proxy` goes before every variable, and `no-proxy` belongs to whoever named it.
pub(crate) fn way(
    network: &Network,
    environment: &Proxies,
    url: &Url,
) -> Result<Way, (Source, Unusable)> {
    if is_loopback(url) || excepted(network.no_proxy.as_deref(), url) {
        return Ok(Way::Direct);
    }
    let named = match &network.proxy {
        Some(proxy) => Named { by: Source::Config, address: Address::parse(proxy) },
        None if environment.is_cgi() => return Ok(Way::Direct),
        None => match environment.chosen() {
            None => return Ok(Way::System),
            Some(_) if excepted(environment.except().map(|(_, hosts)| hosts), url) => {
                return Ok(Way::Direct);
            }
            Some(named) => named,
        },
    };
    match named.address {
        Ok(address) => Ok(Way::Through(named.by, address)),
        Err(unusable) => Err((named.by, unusable)),
    }
}

/// May tokens be sent there, or a person be sent to type? By https, or without leaving this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The entries, separated by commas: a host, a domain it lies in, an address, a network, or `*`.
fn excepted(hosts: Option<&str>, url: &Url) -> bool {
    hosts.unwrap_or_default().split(',').map(str::trim).any(|entry| match url.host() {
        None => false,
        Some(_) if entry == "*" => true,
        Some(Host::Domain(host)) => lies_in(host, entry),
        Some(Host::Ipv4(address)) => is_of(address.into(), entry),
        Some(Host::Ipv6(address)) => is_of(address.into(), entry),
    })
}

fn lies_in(host: &str, entry: &str) -> bool {
    let domain = entry.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let above = host.strip_suffix(&domain);
    !domain.is_empty() && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn is_of(address: IpAddr, entry: &str) -> bool {
    let (network, bits) = entry.split_once('/').unwrap_or((entry, ""));
    let network = network.trim_start_matches('[').trim_end_matches(']');
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), n.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let bits = if bits.is_empty() { Ok(width) } else { bits.parse::<u32>() };
    let Ok(bits) = bits else { return false };
    let free = width.saturating_sub(bits);
    (address ^ network).checked_shr(free).unwrap_or(0) == 0 && bits <= width
}

const MASK: &str = "***@";

/// For a value that may be no address at all: what could be a login is not shown.
pub(crate) fn masked(text: &str) -> String {
    let (scheme, rest) = parts(text.trim());
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{MASK}{host}"),
        None => format!("{scheme}{rest}"),
    }
}

/// Whatever else is wrong with it.
pub(crate) fn has_password(text: &str) -> bool {
    let login = parts(text.trim()).1.rsplit_once('@');
    login.is_some_and(|(login, _)| login.contains(':'))
}

/// The scheme, and what comes after it.
fn parts(text: &str) -> (Option<&str>, &str) {
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    match text.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.chars().all(in_scheme) => {
            (Some(scheme), rest)
        }
        Some(_) | None => (None, text),
    }
}

#[cfg(test)]
mod tests;
