//! What a request must look like before anything of ours is reached. Decides from the head alone,
//! in this order: 400 parse, 421 Host, 403 headers. Capability (401) and routing come after it.
//! The numbers in the tests are the statements of the localhost security list.

use std::sync::Arc;

use hyper::header::{HOST, HeaderMap};
use hyper::http::Version;
use hyper::{Method, StatusCode, Uri};

use dagpass_client::wire::{GUARD_HEADER, GUARD_VALUE};

/// Where a request came in: decides which `Host` is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Unix socket or named pipe: `Host: localhost`.
    Local,
    /// TCP loopback on this port.
    Tcp(u16),
    /// A door for containers: one of these, whole, and nothing else.
    Container(Arc<[String]>),
}

/// Refused by the guard: a status and nothing that names us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    BadRequest,
    Misdirected,
    Forbidden,
}

impl Refused {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
        }
    }

    /// For the record; the caller is told none of it.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest => "400: not a request of ours",
            Self::Misdirected => "421: another Host",
            Self::Forbidden => "403: a browser's or a proxy's headers, or none of ours",
        }
    }
}

/// Headers that only a browser, a proxy or a container bridge adds.
const FOREIGN: [&str; 7] =
    ["origin", "referer", "x-forwarded-for", "x-forwarded-host", "forwarded", "via", "x-real-ip"];

/// Names under which a credential in a query string would hide (RFC 6750 §2.3).
const CREDENTIALS: [&str; 6] =
    ["access_token", "token", "capability", "authorization", "bearer", "refresh_token"];

pub(super) fn admit(
    door: &Door,
    method: &Method,
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<(), Refused> {
    well_formed(method, uri, version, headers)?;
    right_host(door, headers)?;
    from_a_program(method, headers)
}

fn well_formed(
    method: &Method,
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<(), Refused> {
    let absolute = uri.scheme().is_some() || uri.authority().is_some();
    let upgrade = headers.contains_key("upgrade");
    let hosts = headers.get_all(HOST).iter().count();
    if version != Version::HTTP_11 || method == Method::CONNECT || absolute || upgrade || hosts != 1
    {
        return Err(Refused::BadRequest);
    }
    let query = uri.query().unwrap_or_default().to_ascii_lowercase();
    let named = |pair: &str| CREDENTIALS.contains(&pair.split('=').next().unwrap_or_default());
    if query.split('&').any(named) { Err(Refused::BadRequest) } else { Ok(()) }
}

fn right_host(door: &Door, headers: &HeaderMap) -> Result<(), Refused> {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let right = match door {
        Door::Local => host == "localhost",
        Door::Tcp(port) => ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name) == Some(format!(":{port}").as_str())),
        Door::Container(hosts) => hosts.iter().any(|right| host.eq_ignore_ascii_case(right)),
    };
    if right { Ok(()) } else { Err(Refused::Misdirected) }
}

fn from_a_program(method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    let foreign = headers
        .keys()
        .any(|name| FOREIGN.contains(&name.as_str()) || name.as_str().starts_with("sec-fetch-"));
    let marked = headers.get(GUARD_HEADER).is_some_and(|value| value == GUARD_VALUE);
    if foreign || !marked || method == Method::OPTIONS { Err(Refused::Forbidden) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(
        door: &Door,
        method: &str,
        target: &str,
        lines: &[(&str, &str)],
    ) -> Result<(), Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        admit(door, &method, &target.parse().unwrap(), Version::HTTP_11, &headers)
    }

    #[test]
    fn the_guard_s_table() {
        use Refused::{BadRequest, Forbidden, Misdirected};
        let (tcp, local) = (&Door::Tcp(4321), &Door::Local);
        let marked = |host: &'static str| vec![("host", host), ("sec-dagpass", "1")];
        let with = |name: &'static str, value: &'static str| {
            vec![("host", "127.0.0.1:4321"), ("sec-dagpass", "1"), (name, value)]
        };
        let bridge = Door::Container(Arc::new(["host.docker.internal:21300".to_owned()]));
        type Row<'a> = (
            &'a Door,
            &'static str,
            &'static str,
            Vec<(&'static str, &'static str)>,
            Result<(), Refused>,
        );
        let table: Vec<Row<'_>> = vec![
            (tcp, "POST", "/v1/token", marked("127.0.0.1:4321"), Ok(())),
            (tcp, "POST", "/v1/token", marked("localhost:4321"), Ok(())),
            (tcp, "POST", "/v1/token", marked("[::1]:4321"), Ok(())),
            (local, "POST", "/v1/token", marked("localhost"), Ok(())),
            (local, "POST", "/v1/token", marked("localhost:4321"), Err(Misdirected)),
            // 29
            (&bridge, "POST", "/v1/token", marked("host.docker.internal:21300"), Ok(())),
            (&bridge, "POST", "/v1/token", marked("127.0.0.1:21300"), Err(Misdirected)),
            (&bridge, "POST", "/v1/token", marked("localhost:21300"), Err(Misdirected)),
            (&bridge, "POST", "/v1/token", marked("host.docker.internal"), Err(Misdirected)),
            (&bridge, "POST", "/v1/token", marked("host.docker.internal:80"), Err(Misdirected)),
            (&bridge, "POST", "/v1/token", marked("172.17.0.1:21300"), Err(Misdirected)),
            // 3
            (tcp, "GET", "/v1/status", marked("0.0.0.0:4321"), Err(Misdirected)),
            (tcp, "GET", "/v1/status", marked("127.0.0.1.nip.io:4321"), Err(Misdirected)),
            (tcp, "GET", "/v1/status", marked("localhost.:4321"), Err(Misdirected)),
            (tcp, "GET", "/v1/status", marked("127.0.0.1"), Err(Misdirected)),
            (tcp, "GET", "/v1/status", marked("127.0.0.1:80"), Err(Misdirected)),
            // 4
            (tcp, "GET", "/v1/status", vec![("sec-dagpass", "1")], Err(BadRequest)),
            (tcp, "GET", "/v1/status", with("host", "127.0.0.1:4321"), Err(BadRequest)),
            (
                tcp,
                "GET",
                "http://evil.example/v1/status",
                marked("127.0.0.1:4321"),
                Err(BadRequest),
            ),
            // 5, 6, 7, 11
            (tcp, "POST", "/v1/token", with("origin", "null"), Err(Forbidden)),
            (tcp, "POST", "/v1/token", with("referer", "http://127.0.0.1:4321/"), Err(Forbidden)),
            (tcp, "GET", "/v1/status", with("sec-fetch-site", "none"), Err(Forbidden)),
            (tcp, "GET", "/v1/status", with("x-forwarded-for", "10.0.0.1"), Err(Forbidden)),
            (tcp, "GET", "/v1/status", with("forwarded", "for=10.0.0.1"), Err(Forbidden)),
            (tcp, "GET", "/v1/status", with("via", "1.1 proxy"), Err(Forbidden)),
            (tcp, "GET", "/v1/status", with("x-real-ip", "10.0.0.1"), Err(Forbidden)),
            // 8, 9
            (tcp, "OPTIONS", "/v1/token", marked("127.0.0.1:4321"), Err(Forbidden)),
            (tcp, "POST", "/v1/token", vec![("host", "127.0.0.1:4321")], Err(Forbidden)),
            // 12, 13
            (tcp, "GET", "/v1/status", with("upgrade", "websocket"), Err(BadRequest)),
            (tcp, "CONNECT", "127.0.0.1:4321", marked("127.0.0.1:4321"), Err(BadRequest)),
            (tcp, "GET", "/v1/status?access_token=x", marked("127.0.0.1:4321"), Err(BadRequest)),
        ];
        for (door, method, target, lines, expected) in table {
            assert_eq!(
                judge(door, method, target, &lines),
                expected,
                "{method} {target} {lines:?}"
            );
        }
    }
}
