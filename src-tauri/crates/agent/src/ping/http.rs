//! The one way out to the network: a client a network setting, TLS always verified, no redirects,
//! loopback never through a proxy. Decides nothing about an answer's meaning; [`super::answer`] does.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use dagpass_core::ports::{Clock, TokenFailure};
use dagpass_core::profile::Network;
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Certificate, Client, NoProxy, Proxy, Response};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::answer::{Answer, retry_after};
use super::failure::{misconfigured, no_answer, without};
use super::http_date;

/// How long may DNS, TCP and TLS take together?
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long may a whole exchange take?
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);

/// How large may an answer be? A token response with 200 groups is a tenth of it.
const LARGEST_BODY: usize = 64 * 1024;

const CORRELATION_ID: HeaderName = HeaderName::from_static("correlation-id");

/// Form fields that must never be seen again, not even in a server's own words.
const SECRET_FIELDS: [&str; 6] =
    ["code", "code_verifier", "device_code", "refresh_token", "subject_token", "token"];

pub(crate) struct Http {
    clock: Arc<dyn Clock>,
    clients: Mutex<Vec<Kept>>,
}

struct Kept {
    network: Network,
    /// Of the CA file: a corrected file is read without a restart.
    changed: Option<SystemTime>,
    direct: bool,
    client: Client,
}

impl Http {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, clients: Mutex::default() }
    }

    pub(crate) async fn fetch(
        &self,
        network: &Network,
        url: &Url,
        bearer: Option<&str>,
    ) -> Result<Answer, TokenFailure> {
        let mut request = self.client(network, url)?.get(url.clone());
        request = request.header(ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let request = request.build().map_err(|error| broken(url, error))?;
        let answer = self.send(network, request).await;
        answer.map_err(|failure| without(failure, &[bearer.unwrap_or_default().to_owned()]))
    }

    pub(crate) async fn post(
        &self,
        network: &Network,
        request: oauth2::HttpRequest,
    ) -> Result<Answer, TokenFailure> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| misconfigured("invalid_request", chain(&error)))?;
        self.send(network, request).await
    }

    async fn send(
        &self,
        network: &Network,
        request: reqwest::Request,
    ) -> Result<Answer, TokenFailure> {
        let url = request.url().clone();
        let client = self.client(network, &url)?;
        let response = client.execute(request).await.map_err(|error| broken(&url, error))?;
        self.receive(&url, response).await
    }

    async fn receive(&self, url: &Url, mut response: Response) -> Result<Answer, TokenFailure> {
        let received_at = self.clock.now();
        let header = |name: HeaderName| text(response.headers(), &name);
        let server_time = http_date::parse(header(DATE));
        let asked_to_wait = retry_after(header(RETRY_AFTER), server_time.unwrap_or(received_at));
        let correlation = Some(header(CORRELATION_ID).to_owned()).filter(|id| !id.is_empty());
        let challenge = Some(header(WWW_AUTHENTICATE).to_owned()).filter(|text| !text.is_empty());
        let content_type = header(CONTENT_TYPE).to_owned();
        let status = response.status().as_u16();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| broken(url, error))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                let cause = format!("{} sent more than {LARGEST_BODY} bytes", place(url));
                return Err(no_answer(cause, None));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            from: place(url),
            status,
            content_type,
            body,
            retry_after: asked_to_wait,
            correlation,
            challenge,
            received_at,
            clock_skew: server_time.map(|at| at.as_secs().saturating_sub(received_at.as_secs())),
        })
    }

    fn client(&self, network: &Network, url: &Url) -> Result<Client, TokenFailure> {
        let direct = is_loopback(url) || bypasses(network.no_proxy.as_deref(), url);
        let changed = match &network.ca_file {
            Some(path) => std::fs::metadata(path).and_then(|file| file.modified()).ok(),
            None => None,
        };
        let mut clients = self.kept();
        let fits = |kept: &&Kept| kept.direct == direct && kept.network == *network;
        if let Some(kept) = clients.iter().find(fits).filter(|kept| kept.changed == changed) {
            return Ok(kept.client.clone());
        }
        let client = build(network, direct)?;
        clients.retain(|kept| !fits(&kept));
        let kept = Kept { network: network.clone(), changed, direct, client: client.clone() };
        clients.push(kept);
        Ok(client)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn build(network: &Network, direct: bool) -> Result<Client, TokenFailure> {
    super::install_crypto();
    let mut builder = Client::builder()
        .user_agent(concat!("dagpass/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // A kept connection that the server has closed looks like an answer that was lost, and a
        // rotated refresh token with it: each request opens its own.
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT);
    if let Some(path) = &network.ca_file {
        let shown = path.display();
        let pem = std::fs::read(path).map_err(|error| {
            misconfigured("config_invalid", format!("`ca-file` {shown} cannot be read: {error}"))
        })?;
        let roots = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if roots.is_empty() {
            let what = format!("`ca-file` {shown} holds no PEM certificate");
            return Err(misconfigured("config_invalid", what));
        }
        builder = builder.tls_certs_merge(roots);
    }
    if direct {
        builder = builder.no_proxy();
    } else if let Some(proxy) = &network.proxy {
        let proxy = Proxy::all(proxy).map_err(|_unusable| {
            misconfigured("config_invalid", "`proxy` is not the URL of a proxy")
        })?;
        let except = network.no_proxy.as_deref().and_then(NoProxy::from_string);
        builder = builder.proxy(proxy.no_proxy(except));
    }
    builder.build().map_err(|error| {
        let cause = chain(&error);
        // A bare Debian or container has none.
        let needed = if cause.contains("No CA certificates") {
            "install `ca-certificates`, or name a `ca-file` in the profile: "
        } else {
            ""
        };
        misconfigured("config_invalid", format!("{needed}no TLS client can be made: {cause}"))
    })
}

/// What is sent as a form in `body`, of the fields that are secret.
pub(super) fn secrets_of(body: &[u8]) -> Vec<String> {
    url::form_urlencoded::parse(body)
        .filter(|(name, _)| SECRET_FIELDS.contains(&name.as_ref()))
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// Plain http is for loopback alone.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Host and port, as a person knows the server.
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// `no-proxy` names: the host itself, or a domain it lies in.
fn bypasses(no_proxy: Option<&str>, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    no_proxy.unwrap_or_default().split(',').map(str::trim).any(|entry| {
        let domain = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*"
            || (!domain.is_empty()
                && (host.eq_ignore_ascii_case(domain)
                    || host
                        .to_ascii_lowercase()
                        .ends_with(&format!(".{}", domain.to_ascii_lowercase()))))
    })
}

fn broken(url: &Url, error: reqwest::Error) -> TokenFailure {
    let sent = !error.is_connect() && !error.is_builder();
    let cause = format!("{}: {}", place(url), chain(&error.without_url()));
    TokenFailure::Unreachable { cause, sent, retry_after: None }
}

/// An error with everything under it: "dns error" alone helps nobody.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_proxy_entry_is_a_host_or_a_domain() {
        let table = [
            (None, false),
            (Some(""), false),
            (Some("*"), true),
            (Some("ping.corp.example"), true),
            (Some("corp.example"), true),
            (Some(".corp.example"), true),
            (Some("*.CORP.example"), true),
            (Some("a.test, corp.example"), true),
            (Some("orp.example"), false),
        ];
        let url = Url::parse("https://ping.corp.example/as").unwrap();
        for (entry, expected) in table {
            assert_eq!(bypasses(entry, &url), expected, "{entry:?}");
        }
    }

    #[test]
    fn loopback_is_an_address_or_the_name() {
        for (url, expected) in [
            ("http://127.0.0.1:1/", true),
            ("http://127.8.8.8/", true),
            ("http://[::1]:2/", true),
            ("http://localhost/", true),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn the_secret_fields_of_a_form_are_known() {
        let body = b"grant_type=refresh_token&refresh_token=r%2B1&client_id=c&code_verifier=v";
        assert_eq!(secrets_of(body), ["r+1", "v"]);
    }
}
