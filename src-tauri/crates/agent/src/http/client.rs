//! The client: one a network setting, TLS always verified, no redirects, loopback never through a proxy.
//! Decides nothing about an answer's meaning.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use dagpass_core::error::Why;
use dagpass_core::ports::{Clock, TokenFailure};
use dagpass_core::profile::Network;
use dagpass_core::token::Secret;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Client, Proxy, Response};
use url::Url;
use zeroize::Zeroizing;

use super::answer::{Answer, retry_after};
use super::body::{LARGEST, unpacked};
use super::failure::{misconfigured, no_answer, without};
use super::{date, tls};
use crate::outgoing_proxy::{Proxies, Way, way};

/// How long may DNS, TCP and TLS take together?
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long may a whole request take, answer included?
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);

const CORRELATION_ID: HeaderName = HeaderName::from_static("correlation-id");

pub(crate) struct Http {
    clock: Arc<dyn Clock>,
    /// Of the agent's own start.
    proxies: Proxies,
    clients: Mutex<Vec<Kept>>,
}

struct Kept {
    network: Network,
    /// Of the CA file: a corrected file is read without a restart.
    changed: Option<SystemTime>,
    way: Way,
    client: Client,
}

/// What is sent, of whatever kind.
pub(crate) struct Body<'b> {
    pub(crate) kind: &'b str,
    /// How it was made smaller (RFC 9110 §8.4), where it was.
    pub(crate) encoding: Option<&'b str>,
    pub(crate) bytes: Vec<u8>,
}

impl Http {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, proxies: Proxies::of_this_process(), clients: Mutex::default() }
    }

    pub(crate) async fn fetch(
        &self,
        network: &Network,
        url: &Url,
        bearer: Option<&str>,
    ) -> Result<Answer, TokenFailure> {
        let mut request = self.client(network, url)?.0.get(url.clone());
        request = match bearer {
            // Userinfo may be signed (OIDC Core §5.3.2).
            Some(token) => {
                request.header(ACCEPT, "application/json, application/jwt").bearer_auth(token)
            }
            None => request.header(ACCEPT, "application/json"),
        };
        let request = request
            .build()
            .map_err(|error| misconfigured("invalid_request", chain(&error.without_url())))?;
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

    /// A text; no bearer goes along, and what is answered is anything.
    pub(crate) async fn post_text(
        &self,
        network: &Network,
        url: &Url,
        body: String,
    ) -> Result<Answer, TokenFailure> {
        let kind = "text/plain; charset=utf-8";
        let body = Body { kind, encoding: None, bytes: body.into_bytes() };
        self.post_body(network, url, &[], body).await
    }

    /// Of any kind, with headers that are no one else's to read; what is answered is anything.
    pub(crate) async fn post_body(
        &self,
        network: &Network,
        url: &Url,
        headers: &[(String, Secret<String>)],
        body: Body<'_>,
    ) -> Result<Answer, TokenFailure> {
        let mut request = self.client(network, url)?.0.post(url.clone());
        request = request.header(CONTENT_TYPE, body.kind).body(body.bytes);
        if let Some(encoding) = body.encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        for (name, value) in headers {
            let value = HeaderValue::from_str(value.expose()).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            // What is wrong with one is told without it.
            let value = value.map_err(|_| {
                misconfigured("invalid_request", format!("the value of the header {name} is none"))
            })?;
            request = request.header(name, value);
        }
        let request = request
            .build()
            .map_err(|error| misconfigured("invalid_request", chain(&error.without_url())))?;
        self.send(network, request).await
    }

    async fn send(
        &self,
        network: &Network,
        mut request: reqwest::Request,
    ) -> Result<Answer, TokenFailure> {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let url = request.url().clone();
        let (client, way) = self.client(network, &url)?;
        let here = Here { url: &url, network, way: &way };
        let response = client.execute(request).await.map_err(|error| here.broken(error))?;
        self.receive(&here, response).await
    }

    async fn receive(
        &self,
        here: &Here<'_>,
        mut response: Response,
    ) -> Result<Answer, TokenFailure> {
        let received_at = self.clock.now();
        let header = |name: HeaderName| text(response.headers(), &name);
        let server_time = date::parse(header(DATE));
        let status = response.status().as_u16();
        let by_their_clock = server_time.unwrap_or(received_at);
        let asked_to_wait = retry_after(header(RETRY_AFTER), status, by_their_clock);
        let correlation = Some(header(CORRELATION_ID).to_owned()).filter(|id| !id.is_empty());
        let challenge = Some(header(WWW_AUTHENTICATE).to_owned()).filter(|text| !text.is_empty());
        let content_type = header(CONTENT_TYPE).to_owned();
        let encoding = header(CONTENT_ENCODING).to_owned();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| here.broken(error))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(too_large(here.url));
            }
            body.extend_from_slice(&chunk);
        }
        let body = unpacked(body, &encoding).ok_or_else(|| too_large(here.url))?;
        Ok(Answer {
            from: place(here.url),
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

    fn client(&self, network: &Network, url: &Url) -> Result<(Client, Way), TokenFailure> {
        let way = way(network, &self.proxies, url).map_err(|(by, unusable)| {
            let cause = Why::from(format!("{by} names {unusable}"));
            unsent(cause.mended_by(format!(
                "have {by} name an http or https proxy, or set `proxy` in the config; the agent reads its variables when it starts: `dagpass agent restart`"
            )))
        })?;
        let changed = match &network.ca_file {
            Some(path) => std::fs::metadata(path).and_then(|file| file.modified()).ok(),
            None => None,
        };
        let mut clients = self.kept();
        let fits = |kept: &&Kept| kept.way == way && kept.network == *network;
        if let Some(kept) = clients.iter().find(fits).filter(|kept| kept.changed == changed) {
            return Ok((kept.client.clone(), way));
        }
        let client = build(network, &way)?;
        clients.retain(|kept| !fits(&kept));
        let kept =
            Kept { network: network.clone(), changed, way: way.clone(), client: client.clone() };
        clients.push(kept);
        Ok((client, way))
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn build(network: &Network, way: &Way) -> Result<Client, TokenFailure> {
    super::install_crypto();
    let builder = Client::builder()
        .user_agent(concat!("dagpass/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // A kept connection that the server has closed looks like an answer that was lost, and a
        // rotated refresh token with it: each request opens its own.
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .tls_backend_preconfigured(tls::config(network.ca_file.as_deref()).map_err(unsent)?);
    let builder = match way {
        Way::Direct => builder.no_proxy(),
        Way::Through(by, address) => {
            let proxy = Proxy::all(address.expose().clone()).map_err(|_unusable| {
                unsent(format!("{by}: {address} is not taken as a proxy").into())
            })?;
            builder.proxy(proxy)
        }
        Way::System => builder,
    };
    builder
        .build()
        .map_err(|error| unsent(format!("no HTTP client can be made: {}", chain(&error)).into()))
}

fn too_large(url: &Url) -> TokenFailure {
    let cause = format!("{} sent an answer of more than {} KiB", place(url), LARGEST / 1024);
    let cause = Why::from(cause)
        .mended_by("have less put into it at Ping: groups in every token are the usual reason");
    no_answer(cause, None)
}

/// Nothing left this machine.
fn unsent(cause: Why) -> TokenFailure {
    TokenFailure::Unreachable { cause, sent: false, retry_after: None }
}

/// Host and port, as a person knows the server.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// One request's server and how it is reached, for what is said when it fails.
struct Here<'a> {
    url: &'a Url,
    network: &'a Network,
    way: &'a Way,
}

impl Here<'_> {
    fn broken(&self, error: reqwest::Error) -> TokenFailure {
        let sent = !error.is_connect() && !error.is_builder();
        let error = error.without_url();
        let why = tls::why(&error, self.url, self.network.ca_file.as_deref());
        let why = why.unwrap_or_else(|| self.by_proxy(&error));
        let cause = Why { text: format!("{}: {}", place(self.url), why.text), ..why };
        TokenFailure::Unreachable { cause, sent, retry_after: None }
    }

    /// A connection that a proxy was to make names the proxy: it is the likelier culprit.
    fn by_proxy(&self, error: &reqwest::Error) -> Why {
        let text = chain(error);
        let Way::Through(by, address) = self.way else { return text.into() };
        if !error.is_connect() {
            return text.into();
        }
        Why::from(format!("through the proxy {address} ({by}): {text}"))
            .mended_by(format!("check the proxy that {by} names, the network and the VPN"))
    }
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
