//! The stage itself under test: a client of a few lines over a plain socket, and the journeys that
//! every test starts from.

mod device;
mod faults;
mod flows;
mod switches;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::{CLIENT_ID, Endpoint, Family, Options, Sandbox, callback_member};

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:21217/callback";
pub(crate) const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// An answer as it came over the socket; `status` 0 is a dropped connection.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let url = Url::parse(url).unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let target = &url[url::Position::BeforePath..];
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(text.as_bytes()).unwrap();
    let mut raw = Vec::new();
    let read = stream.read_to_end(&mut raw);
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let Some((head, body)) = raw.split_once("\r\n\r\n").filter(|_| read.is_ok()) else {
        return Answer::default();
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) fn read(url: &str) -> Answer {
    send("GET", url, &[], "")
}

pub(crate) fn post(url: &str, form: &[(&str, &str)]) -> Answer {
    let body = Serializer::new(String::new()).extend_pairs(form).finish();
    send("POST", url, &[("content-type", "application/x-www-form-urlencoded")], &body)
}

pub(crate) fn start(family: Family) -> Sandbox {
    Sandbox::start(family, Options::default())
}

pub(crate) fn token(sandbox: &Sandbox, form: &[(&str, &str)]) -> Answer {
    let form: Vec<_> = form.iter().copied().chain([("client_id", CLIENT_ID)]).collect();
    post(&sandbox.url(Endpoint::Token), &form)
}

pub(crate) fn refresh(sandbox: &Sandbox, refresh_token: &str) -> Answer {
    token(sandbox, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
}

pub(crate) fn authorization_url(sandbox: &Sandbox, more: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid offline_access api:read"),
        ("state", "st"),
        ("nonce", "no"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    let query = Serializer::new(String::new()).extend_pairs(kept).extend_pairs(more).finish();
    format!("{}?{query}", sandbox.url(Endpoint::Authorize))
}

pub(crate) fn redeem(sandbox: &Sandbox, callback: &str) -> Answer {
    let code = callback_member(callback, "code").unwrap_or_default();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    token(sandbox, &form)
}

/// Signs in by code; the answer of the token endpoint.
pub(crate) fn sign_in(sandbox: &Sandbox, user: &str) -> Answer {
    let callback = sandbox.authorize_as(user, &authorization_url(sandbox, &[])).unwrap();
    redeem(sandbox, &callback)
}

pub(crate) fn start_device(sandbox: &Sandbox, more: &[(&str, &str)]) -> Answer {
    let usual = [("client_id", CLIENT_ID), ("scope", "openid api:read")];
    let form: Vec<_> = usual.iter().chain(more).copied().collect();
    post(&sandbox.url(Endpoint::DeviceAuthorization), &form)
}

pub(crate) fn poll(sandbox: &Sandbox, device: &Answer) -> Answer {
    token(sandbox, &[("grant_type", DEVICE), ("device_code", &device.text("device_code"))])
}

/// The claims of a JWT, unchecked.
pub(crate) fn claims(jwt: &str) -> Value {
    let part = jwt.split('.').nth(1).unwrap_or_default();
    serde_json::from_slice(&crate::encode::unb64(part).unwrap_or_default()).unwrap_or_default()
}
