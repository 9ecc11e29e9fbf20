//! Raw to true: the servers that requests are sent on to. What may have a token of theirs is what a connection
//! may: the hosts that are listed, https or this machine, and a profile that signs in for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use dagpass_client::wire::proxy_variable;
use dagpass_core::profile::Network;
use dagpass_core::request::{SessionKey, Target};
use url::Url;

use super::check::{Check, Known};
use super::connection::Connection;
use super::raw_upstream::RawUpstream;
use super::section::{At, Place};
use super::upstream::Upstream;

/// What the way itself has a use for, or whoever is asked reads something else from.
const NOT_FOR_TOKENS: [&str; 16] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-type",
    "expect",
    "cookie",
    "origin",
    "referer",
];

impl Check<'_> {
    pub(super) fn upstreams(
        &mut self,
        typed: BTreeMap<String, At<RawUpstream>>,
        known: &Known,
        (connections, endpoint): (&BTreeMap<String, Vec<Connection>>, u16),
    ) -> BTreeMap<String, Arc<Upstream>> {
        let mut all: BTreeMap<String, Arc<Upstream>> = BTreeMap::new();
        for (name, table) in typed {
            self.name(&name, &table.place);
            let variable = proxy_variable(&name);
            if let Some(other) = all.keys().find(|other| proxy_variable(other) == variable) {
                let message =
                    format!("`{name}` and `{other}` would share the variables of {variable}");
                self.problems.add_hint(&table.place, message, "give one of them another name");
            }
            let port = table.value.port.as_ref().map(|port| (port.value, port.place.clone()));
            if let Some((port, place)) = port.filter(|(port, _)| *port != 0)
                && (port == endpoint || all.values().any(|other| other.port == port))
            {
                let message = format!("port {port} is given to another of our own doors");
                self.problems.add_hint(&place, message, "each needs a port of its own");
            }
            if let Some(upstream) = self.upstream(&name, table, (known, connections)) {
                all.insert(name, Arc::new(upstream));
            }
        }
        all
    }

    fn upstream(
        &mut self,
        name: &str,
        At { value: raw, place }: At<RawUpstream>,
        (known, connections): (&Known, &BTreeMap<String, Vec<Connection>>),
    ) -> Option<Upstream> {
        let url = self.required(raw.url.clone(), &place, "url");
        let url = url.and_then(|at| self.upstream_url(&at));
        let keep_authorization = raw.keep_authorization.as_ref().is_some_and(|keep| keep.value);
        let header = self.token_header(raw.header.as_ref());
        if let Some(keep) = raw.keep_authorization.as_ref().filter(|keep| keep.value)
            && header.as_deref() == Some("authorization")
        {
            let message = "the token goes in that very header";
            self.problems.add_hint(&keep.place, message, "name another `header` for the token");
        }
        let methods = self.methods(raw.methods.clone());
        let paths = self.paths(raw.paths.clone());
        let of = self.token_of(&raw, &place, (known, connections))?;
        Some(Upstream {
            name: name.to_owned(),
            url: url?,
            connection: of.connection,
            env: of.env,
            session: of.session,
            target: of.target,
            network: of.network,
            header: header?,
            methods,
            paths,
            keep_authorization,
            port: raw.port.map_or(0, |port| port.value),
        })
    }

    fn upstream_url(&mut self, at: &At<String>) -> Option<Url> {
        let At { value, place } = at;
        self.goes_to(place, value);
        if !self.secure(place, value) {
            return None;
        }
        let url = Url::parse(value).ok()?;
        let has_more = url.query().is_some() || url.fragment().is_some();
        if has_more || !url.username().is_empty() || url.password().is_some() {
            let hint = "https://host, with a port or a path where it has one";
            self.problems.add_hint(place, "an upstream has no login, query or fragment", hint);
            return None;
        }
        // What is judged later is what begins with these very bytes.
        if !is_plain_path(url.path()) || typed_path(value) != url.path().trim_end_matches('/') {
            self.problems.add_hint(place, "its path can be read in two ways", "write it plainly");
            return None;
        }
        Some(url)
    }

    fn token_header(&mut self, at: Option<&At<String>>) -> Option<String> {
        let Some(At { value, place }) = at else { return Some("authorization".to_owned()) };
        let name = value.to_ascii_lowercase();
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            self.problems.add(place, format!("`{value}` is not the name of a header"));
            return None;
        }
        if NOT_FOR_TOKENS.contains(&name.as_str()) {
            self.problems.add(place, format!("`{value}` carries something else than a token"));
            return None;
        }
        Some(name)
    }

    fn methods(&mut self, at: Option<At<Vec<String>>>) -> Vec<String> {
        let Some(At { value, place }) = at else { return Vec::new() };
        if value.is_empty() {
            self.problems.add_hint(&place, "permits nothing", "leave the line out for any");
        }
        for one in &value {
            if one.is_empty() || !one.chars().all(|c| c.is_ascii_uppercase() || c == '-') {
                self.problems.add_hint(&place, format!("`{one}` is no method"), "as in \"GET\"");
            } else if ["CONNECT", "TRACE"].contains(&one.as_str()) {
                self.problems.add(&place, format!("{one} is never sent on"));
            }
        }
        value
    }

    fn paths(&mut self, at: Option<At<Vec<String>>>) -> Vec<String> {
        let Some(At { value, place }) = at else { return Vec::new() };
        if value.is_empty() {
            self.problems.add_hint(&place, "permits nothing", "leave the line out for any");
        }
        for one in &value {
            if !one.starts_with('/') || !is_plain_path(one) {
                let hint = "as in \"/v1/*\"";
                self.problems.add_hint(&place, format!("`{one}` is no path"), hint);
            }
        }
        value
    }

    fn token_of(
        &mut self,
        raw: &RawUpstream,
        table: &Place,
        (known, connections): (&Known, &BTreeMap<String, Vec<Connection>>),
    ) -> Option<TokenOf> {
        let Some(named) = &raw.connection else { return self.of_profile(raw, table, known) };
        for (key, at) in [
            ("profile", raw.profile.as_ref().map(|at| &at.place)),
            ("scopes", raw.scopes.as_ref().map(|at| &at.place)),
        ] {
            if let Some(place) = at {
                let message = format!("`connection` says whose token it is, `{key}` as well");
                self.problems.add_hint(place, message, "name one of the two");
            }
        }
        let found = connections.get(&named.value).map(Vec::as_slice).unwrap_or_default();
        let plain = found.iter().find(|one| one.env.is_none());
        let connection = match (plain, found) {
            (Some(plain), _) => plain,
            (None, [only]) => only,
            (None, []) => {
                let message = format!("there is no connection `{}`", named.value);
                let hint = "name one of the config's, or `profile` and `scopes`";
                self.problems.add_hint(&named.place, message, hint);
                return None;
            }
            (None, _) => {
                let message = format!("`{}` is in several environments alone", named.value);
                let hint = "name `profile` and `scopes` instead";
                self.problems.add_hint(&named.place, message, hint);
                return None;
            }
        };
        Some(TokenOf {
            connection: Some(connection.id.clone()),
            env: connection.env.clone(),
            session: connection.session.clone(),
            target: connection.target.clone(),
            network: connection.profile.network.clone(),
        })
    }

    fn of_profile(&mut self, raw: &RawUpstream, table: &Place, known: &Known) -> Option<TokenOf> {
        let name = self.profile_of(raw.profile.as_ref(), table, known);
        let place = raw.scopes.as_ref().map(|scopes| scopes.place.clone());
        let scopes = raw.scopes.clone().and_then(|scopes| self.scopes(scopes));
        let profile = known.profiles.get(&name?)?.clone();
        if let (Some(scopes), Some(place)) = (&scopes, &place) {
            self.narrower(place, scopes, &profile);
        }
        Some(TokenOf {
            connection: None,
            env: None,
            session: SessionKey { profile: profile.name.clone(), connection: None },
            target: Target { scopes, ..Target::default() },
            network: profile.network.clone(),
        })
    }
}

/// Whose token goes with it.
struct TokenOf {
    connection: Option<String>,
    env: Option<String>,
    session: SessionKey,
    target: Target,
    network: Network,
}

/// As it stands there, before anybody makes it plain.
fn typed_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let start = rest.find('/').unwrap_or(rest.len());
    rest.get(start..).unwrap_or_default().trim_end_matches('/')
}

/// Nobody could read it in two ways.
fn is_plain_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,=:@".contains(c);
    path.chars().all(is_plain) && !path.split('/').any(|part| matches!(part, "." | ".."))
}
