//! Raw to true: one profile. Never touches the issuer's string, which is compared byte for byte.

use std::time::Duration;

use dagpass_core::profile::{
    ClientAuth, DevicePkce, EndpointOverrides, Flow, Network, Profile, Redirect, Scopes,
};
use url::Url;

use super::check::Check;
use super::raw::{RawDevicePkce, RawEndpoints, RawFlow, RawProfile};
use super::section::{At, Place};
use super::words::duration;

impl Check<'_> {
    pub(super) fn profile(
        &mut self,
        name: &str,
        at: At<RawProfile>,
        base: &Network,
    ) -> Option<Profile> {
        let At { value: raw, place } = at;
        let issuer = self.required(raw.issuer.clone(), &place, "issuer");
        let client_id = self.required(raw.client_id.clone(), &place, "client-id");
        if let Some(issuer) = &issuer {
            self.issuer(issuer);
        }
        if let Some(id) = client_id.as_ref().filter(|id| id.value.trim() != id.value) {
            let hint = "Ping compares it letter by letter";
            self.problems.add_hint(&id.place, "has a space before or after it", hint);
        }
        let client_auth = self.client_auth(raw.client_auth.as_ref());
        let redirect = self.redirect(&raw);
        let scopes = raw.scopes.clone().and_then(|scopes| self.scopes(scopes));
        let kind = self.kind(&raw, client_auth, scopes.as_ref());
        let assertion_audience =
            self.assertion_audience(raw.assertion_audience.as_ref(), client_auth);
        let own = self.network(raw.proxy, raw.no_proxy, raw.ca_file);
        let verification_hosts = raw.verification_hosts.map_or_else(Vec::new, |h| self.hosts(h));
        let endpoints =
            raw.endpoints.map_or_else(EndpointOverrides::default, |at| self.endpoints(at));
        let token_params = self.params(raw.token_params);
        let groups_claim = self.filled(raw.groups_claim);
        let login_hint = self.filled(raw.login_hint);
        let prompt = self.filled(raw.prompt);
        let acr_values = self.filled(raw.acr_values);
        let max_age = self.span(raw.max_age);
        let session_lifetime = self.span(raw.session_lifetime);
        let refresh_lifetime = self.span(raw.refresh_lifetime);
        let refresh_margin = self.span(raw.refresh_margin).unwrap_or(Profile::REFRESH_MARGIN);

        let mut profile = Profile::new(name, &issuer?.value, &client_id?.value);
        if scopes.is_some() || !kind.signs_in() {
            profile.scopes = scopes.unwrap_or_default();
        }
        if let Some(claim) = groups_claim {
            profile.groups_claim = claim;
        }
        Some(Profile {
            flow: raw.flow.map_or(Flow::Auto, |flow| match flow.value {
                RawFlow::Auto => Flow::Auto,
                RawFlow::Browser => Flow::Browser,
                RawFlow::Device => Flow::Device,
            }),
            device_pkce: raw.device_pkce.map_or(DevicePkce::Auto, |pkce| match pkce.value {
                RawDevicePkce::Auto => DevicePkce::Auto,
                RawDevicePkce::On => DevicePkce::On,
                RawDevicePkce::Off => DevicePkce::Off,
            }),
            kind,
            client_auth,
            assertion_audience,
            redirect,
            login_hint,
            prompt,
            acr_values,
            max_age,
            id_token_audiences: raw.id_token_audiences.map_or_else(Vec::new, |at| at.value),
            verification_hosts,
            session_lifetime,
            refresh_lifetime,
            refresh_margin,
            token_params,
            endpoints,
            network: Network {
                ca_file: own.ca_file.or_else(|| base.ca_file.clone()),
                proxy: own.proxy.or_else(|| base.proxy.clone()),
                no_proxy: own.no_proxy.or_else(|| base.no_proxy.clone()),
            },
            ..profile
        })
    }

    /// OIDC Discovery §3: https, no query, no fragment.
    fn issuer(&mut self, issuer: &At<String>) {
        let text = &issuer.value;
        if text.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '…')) {
            let hint = "put your own values in; `dagpass init` finds the issuer";
            self.problems.add_hint(&issuer.place, "still holds a placeholder", hint);
            return;
        }
        if !self.secure(&issuer.place, text) {
            return;
        }
        let Ok(url) = Url::parse(text) else { return };
        if url.query().is_some() || url.fragment().is_some() {
            self.problems.add(&issuer.place, "an issuer has no query and no fragment");
        }
        if text.contains("/.well-known/") {
            let hint = "write the `issuer` that this document names";
            self.problems.add_hint(
                &issuer.place,
                "is the discovery document, not the issuer",
                hint,
            );
        }
    }

    fn client_auth(&mut self, method: Option<&At<String>>) -> ClientAuth {
        let Some(at) = method else { return ClientAuth::None };
        let known = ClientAuth::ALL.into_iter().find(|known| known.as_str() == at.value);
        known.unwrap_or_else(|| {
            let words = ClientAuth::ALL.map(|known| format!("`{}`", known.as_str())).join(", ");
            let hint = match at.value.replace('_', "-").as_str() {
                "client-secret-basic" => "write \"secret-basic\"".to_owned(),
                "client-secret-post" => "write \"secret-post\"".to_owned(),
                "private-key-jwt" => "write \"private-key-jwt\"".to_owned(),
                _ => "a public client, as most are for a desktop program, has `none`".to_owned(),
            };
            let message = format!("`{}` is none of {words}", at.value);
            self.problems.add_hint(&at.place, message, hint);
            ClientAuth::None
        })
    }

    fn redirect(&mut self, raw: &RawProfile) -> Redirect {
        let mut redirect = Redirect::default();
        if let Some(ports) = &raw.redirect_ports {
            if ports.value.is_empty() {
                self.problems.add_hint(&ports.place, "names no port", "0 stands for any free port");
            }
            redirect.ports.clone_from(&ports.value);
        }
        if let Some(path) = &raw.redirect_path {
            self.redirect_path(&path.place, &path.value);
            redirect.path.clone_from(&path.value);
        }
        let Some(uri) = &raw.redirect_uri else { return redirect };
        if let Some(path) = &raw.redirect_path {
            self.problems.add(&path.place, "`redirect-uri` has the path already");
        }
        let Some((host, port, path)) = split_redirect(&uri.value) else {
            let message = "must be http:// with 127.0.0.1, [::1] or localhost, and a port";
            let hint = "for example http://localhost:{port}/cb";
            self.problems.add_hint(&uri.place, message, hint);
            return redirect;
        };
        if !path.is_empty() {
            self.redirect_path(&uri.place, path);
        }
        redirect.host = host.to_owned();
        redirect.path = path.to_owned();
        if let RedirectPort::Fixed(port) = port {
            if let Some(ports) = &raw.redirect_ports {
                let hint = "write {port} in `redirect-uri`, or leave `redirect-ports` out";
                self.problems.add_hint(&ports.place, "`redirect-uri` names its port already", hint);
            }
            redirect.ports = vec![port];
        }
        redirect
    }

    fn redirect_path(&mut self, place: &Place, path: &str) {
        let well_formed = path.starts_with('/')
            && path.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '{' | '}'));
        if !well_formed {
            self.problems.add(place, "the path must start with `/`, without query or fragment");
        }
    }

    fn hosts(&mut self, hosts: At<Vec<String>>) -> Vec<String> {
        for host in &hosts.value {
            if host.is_empty() || host.contains(['/', ':', '@', '*', ' ']) {
                let message = format!("`{host}` is not a host name");
                let hint = "the bare name, without scheme, port or wildcard";
                self.problems.add_hint(&hosts.place, message, hint);
            }
        }
        hosts.value.into_iter().map(|host| host.to_ascii_lowercase()).collect()
    }

    fn endpoints(&mut self, at: At<RawEndpoints>) -> EndpointOverrides {
        let raw = at.value;
        let mut checked = |key: &str, url: Option<String>| {
            if let Some(url) = &url {
                self.secure(&at.place.missing(key), url);
            }
            url
        };
        EndpointOverrides {
            discovery: checked("discovery", raw.discovery),
            authorization: checked("authorization", raw.authorization),
            token: checked("token", raw.token),
            device_authorization: checked("device_authorization", raw.device_authorization),
            pushed_authorization_request: checked(
                "pushed_authorization_request",
                raw.pushed_authorization_request,
            ),
            revocation: checked("revocation", raw.revocation),
            userinfo: checked("userinfo", raw.userinfo),
            jwks: checked("jwks", raw.jwks),
            end_session: checked("end_session", raw.end_session),
        }
    }

    /// RFC 6749 §3.3: a name is printable ASCII without space, `"` and `\`.
    pub(super) fn scopes(&mut self, at: At<Vec<String>>) -> Option<Scopes> {
        let mut good = true;
        for scope in &at.value {
            let named = !scope.is_empty()
                && scope.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
            if !named {
                let hint = "one name an entry: [\"openid\", \"profile\"]";
                self.problems.add_hint(&at.place, format!("`{scope}` is not a scope"), hint);
                good = false;
            }
        }
        good.then(|| at.value.into_iter().collect())
    }

    pub(super) fn span(&mut self, at: Option<At<String>>) -> Option<Duration> {
        let At { value, place } = at?;
        let span = duration(&value);
        if span.is_none() {
            let hint = "for example \"60s\", \"15m\", \"12h\" or \"30d\"";
            self.problems.add_hint(&place, format!("`{value}` is not a span of time"), hint);
        }
        span
    }
}

enum RedirectPort {
    Any,
    Fixed(u16),
}

fn split_redirect(uri: &str) -> Option<(&str, RedirectPort, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = authority.rsplit_once(':')?;
    if !matches!(host, "127.0.0.1" | "[::1]" | "localhost") {
        return None;
    }
    let port = match port {
        "{port}" => RedirectPort::Any,
        number => RedirectPort::Fixed(number.parse().ok().filter(|port| *port != 0)?),
    };
    Some((host, port, path))
}
