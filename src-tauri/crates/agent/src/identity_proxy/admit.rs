//! What a request must look like before anybody is asked who sends it. Decides from the head alone: 400 where it
//! can be read in two ways or names another method or path than its own, 421 for another `Host`, 403 for what a web
//! page has a browser send.

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, TRANSFER_ENCODING};
use hyper::http::Version;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode, Uri};

use super::target::{Unplain, plain};

/// The door of one upstream: what it may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    hosts: [String; 4],
}

/// Sent away, and why; the reason is for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turned {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
}

const fn turned(status: StatusCode, reason: &'static str) -> Turned {
    Turned { status, reason }
}

const UNREADABLE: Turned = turned(StatusCode::BAD_REQUEST, "400: no request for an upstream");
const AMBIGUOUS: Turned =
    turned(StatusCode::BAD_REQUEST, "400: a path that can be read in two ways");
const TOO_LONG: Turned = turned(StatusCode::URI_TOO_LONG, "414: too long a path");
const OLD: Turned = turned(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "505: not HTTP/1.1");
const OPEN: Turned =
    turned(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "407: taken for an open proxy");
const OVERRIDDEN: Turned =
    turned(StatusCode::BAD_REQUEST, "400: a header that names another method or path");
const CODED: Turned =
    turned(StatusCode::NOT_IMPLEMENTED, "501: a transfer coding that is not chunked alone");
const MISDIRECTED: Turned = turned(StatusCode::MISDIRECTED_REQUEST, "421: another Host");
const FOREIGN: Turned = turned(StatusCode::FORBIDDEN, "403: another site's page has it sent");

impl Door {
    pub(crate) fn new(upstream: &str, port: u16) -> Self {
        let upstream = upstream.to_ascii_lowercase();
        let hosts = ["127.0.0.1", "[::1]", "localhost", &format!("{upstream}.localhost")]
            .map(|name| format!("{name}:{port}"));
        Self { hosts }
    }

    fn is_own(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }
}

/// By which frameworks take a request for another one than its first line says.
const OVERRIDES: [&str; 7] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
];

/// What is judged, recorded and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readable {
    /// The `Host` that it was addressed by.
    pub(crate) host: String,
    /// In its one spelling.
    pub(crate) path: String,
    /// That path, and the query as it came.
    pub(crate) target: Uri,
}

pub(crate) fn admit(
    door: &Door,
    (method, uri, version): (&Method, &Uri, Version),
    headers: &HeaderMap,
) -> Result<Readable, Turned> {
    // What looks for an open proxy asks for another's address, whole.
    if method == Method::CONNECT || uri.scheme().is_some() || uri.authority().is_some() {
        return Err(OPEN);
    }
    if version != Version::HTTP_11 {
        return Err(OLD);
    }
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(UNREADABLE) };
    let host = host.to_str().map_err(|_| UNREADABLE)?;
    if !door.is_own(host) {
        return Err(MISDIRECTED);
    }
    let path = plain(uri.path(), uri.query()).map_err(|unplain| match unplain {
        Unplain::TooLong => TOO_LONG,
        Unplain::Ambiguous => AMBIGUOUS,
    })?;
    from_here(door, headers)?;
    if headers.keys().any(overrides) {
        return Err(OVERRIDDEN);
    }
    // Any other is a label of the body's, which ends here with the connection.
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !codings.next().is_none_or(is_chunked) || codings.next().is_some() {
        return Err(CODED);
    }
    let whole = uri.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let target = PathAndQuery::try_from(whole).map_err(|_| UNREADABLE)?.into();
    Ok(Readable { host: host.to_owned(), path, target })
}

/// Some servers take `_` for `-`.
fn overrides(name: &HeaderName) -> bool {
    OVERRIDES.contains(&name.as_str().replace('_', "-").as_str())
}

/// Of a page, only one of our own; of a program, anything.
fn from_here(door: &Door, headers: &HeaderMap) -> Result<(), Turned> {
    let is_own = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|text| text.strip_prefix("http://"));
        origin.is_some_and(|host| door.is_own(host))
    };
    let sites = headers.get_all("sec-fetch-site");
    let is_ours = |site: &HeaderValue| site == "same-origin" || site == "none";
    let own = headers.get_all(ORIGIN).iter().all(is_own) && sites.iter().all(is_ours);
    if own { Ok(()) } else { Err(FOREIGN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: &str, target: &str, lines: &[(&str, &str)]) -> u16 {
        let door = Door::new("Warehouse", 28100);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let uri: Uri = target.parse().unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        match admit(&door, (&method, &uri, Version::HTTP_11), &headers) {
            Ok(_) => 200,
            Err(turned) => turned.status.as_u16(),
        }
    }

    #[test]
    fn only_its_own_names_with_its_own_port_are_its_host() {
        for (hosts, status) in [
            (&["127.0.0.1:28100"][..], 200),
            (&["localhost:28100"], 200),
            (&["[::1]:28100"], 200),
            (&["warehouse.localhost:28100"], 200),
            (&["WAREHOUSE.localhost:28100"], 200),
            (&["lake.localhost:28100"], 421),
            (&["127.0.0.1:28101"], 421),
            (&["127.0.0.1"], 421),
            (&["0.0.0.0:28100"], 421),
            (&["127.0.0.1.nip.io:28100"], 421),
            (&["localhost.:28100"], 421),
            (&["warehouse.corp.example"], 421),
            (&["evil@127.0.0.1:28100"], 421),
            (&["127.0.0.1:28100 "], 421),
            (&[""], 421),
            (&[], 400),
            (&["127.0.0.1:28100", "127.0.0.1:28100"], 400),
            (&["\u{e9}:28100"], 400),
        ] {
            let lines: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
            assert_eq!(judged("GET", "/v1", &lines), status, "{hosts:?}");
        }
    }

    #[test]
    fn whoever_looks_for_an_open_proxy_is_told_that_there_is_none() {
        let host = [("host", "127.0.0.1:28100")];
        for (method, target, status) in [
            ("CONNECT", "evil.example:443", 407),
            ("GET", "http://evil.example/", 407),
            ("GET", "http://127.0.0.1:28100/", 407),
            ("OPTIONS", "*", 400),
            ("GET", "/a/../b", 400),
            ("GET", "/a", 200),
        ] {
            assert_eq!(judged(method, target, &host), status, "{method} {target}");
        }
        let uri: Uri = "/a".parse().unwrap();
        let old =
            admit(&Door::new("w", 1), (&Method::GET, &uri, Version::HTTP_10), &HeaderMap::new());
        assert_eq!(old, Err(OLD));
    }

    #[test]
    fn a_page_of_another_site_has_nothing_sent() {
        for (line, status) in [
            (("origin", "http://127.0.0.1:28100"), 200),
            (("origin", "http://warehouse.localhost:28100"), 200),
            (("origin", "http://127.0.0.1:28101"), 403),
            (("origin", "https://127.0.0.1:28100"), 403),
            (("origin", "https://evil.example"), 403),
            (("origin", "null"), 403),
            (("sec-fetch-site", "same-origin"), 200),
            (("sec-fetch-site", "none"), 200),
            (("sec-fetch-site", "same-site"), 403),
            (("sec-fetch-site", "cross-site"), 403),
            (("sec-fetch-mode", "no-cors"), 200),
        ] {
            let lines = [("host", "127.0.0.1:28100"), line];
            assert_eq!(judged("POST", "/v1", &lines), status, "{line:?}");
        }
        let twice = [
            ("host", "127.0.0.1:28100"),
            ("origin", "http://127.0.0.1:28100"),
            ("origin", "https://evil.example"),
        ];
        assert_eq!(judged("POST", "/v1", &twice), 403);
    }

    #[test]
    fn no_header_makes_another_request_of_it_and_no_coding_is_lost() {
        for (lines, status) in [
            (&[("X-HTTP-Method-Override", "DELETE")][..], 400),
            (&[("x-http-method", "DELETE")], 400),
            (&[("X-Method-Override", "")], 400),
            (&[("X-Original-URL", "/admin")], 400),
            (&[("x_original_url", "/admin")], 400),
            (&[("X-Rewrite-URL", "/admin")], 400),
            (&[("X-Original-URL-Of", "1")], 200),
            (&[("transfer-encoding", "chunked")], 200),
            (&[("transfer-encoding", "Chunked")], 200),
            (&[("transfer-encoding", "gzip, chunked")], 501),
            (&[("transfer-encoding", "gzip")], 501),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], 501),
        ] {
            let lines = [&[("host", "127.0.0.1:28100")], lines].concat();
            assert_eq!(judged("POST", "/v1", &lines), status, "{lines:?}");
        }
    }

    #[test]
    fn what_is_sent_is_the_spelling_that_is_judged() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost:1"));
        let uri: Uri = "/etl%3ax/%c3%a9?q=%3a".parse().unwrap();
        let line = (&Method::GET, &uri, Version::HTTP_11);
        let readable = admit(&Door::new("w", 1), line, &headers).unwrap();
        assert_eq!(readable.path, "/etl:x/%C3%A9");
        assert_eq!(readable.target, "/etl:x/%C3%A9?q=%3a");
    }
}
