//! What of a head goes on, in both directions: nothing that is for one connection alone (RFC 9110 §7.6.1), no
//! credential but the one that is ours to send, and no word of where the caller found us.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{
    AUTHORIZATION, CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
    LOCATION, ORIGIN, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, REFERER, SET_COOKIE, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use url::{Position, Url};
use zeroize::Zeroizing;

use crate::config::Upstream;

/// Of one connection, beside those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
];
const PROXY_CONNECTION: &str = "proxy-connection";
/// Another way to the upstream would be one around us.
const ALT_SVC: &str = "alt-svc";
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// What the caller shows of itself, and the headers that it was in: these never go on. As a proxy's credential,
/// as a bearer, or as the password of one who knows nothing but an address (`http://dagpass:PHANTOM@…`).
pub(crate) fn phantom_in(headers: &HeaderMap) -> Option<(Zeroizing<String>, HeaderName)> {
    [PROXY_AUTHORIZATION, AUTHORIZATION].into_iter().find_map(|name| {
        let mut values = headers.get_all(&name).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        Some((credential(value.to_str().ok()?)?, name))
    })
}

/// All that one header's value may show as a credential: the whole, a bearer, either half of a login.
pub(crate) fn credentials(value: &HeaderValue) -> Vec<Zeroizing<String>> {
    let Ok(whole) = value.to_str() else { return Vec::new() };
    let mut all = vec![Zeroizing::new(whole.to_owned())];
    let Some((_, rest)) = whole.split_once(' ') else { return all };
    let rest = rest.trim();
    all.push(Zeroizing::new(rest.to_owned()));
    let login = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(login) = login.map(Zeroizing::new) {
        all.extend(login.split(':').map(|half| Zeroizing::new(half.to_owned())));
    }
    all
}

fn credential(value: &str) -> Option<Zeroizing<String>> {
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Zeroizing::new(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = Zeroizing::new(String::from_utf8(STANDARD.decode(rest).ok()?).ok()?);
    let (_, password) = text.split_once(':')?;
    Some(Zeroizing::new(password.to_owned()))
}

/// The head that goes to the upstream. `proven`: where the caller's own credential for us stood.
pub(crate) fn onward(
    mut headers: HeaderMap,
    upstream: &Upstream,
    (token, proven): (HeaderValue, &HeaderName),
) -> HeaderMap {
    let trailers = headers.get_all(TE).iter().any(|value| has(value, "trailers"));
    strip(&mut headers);
    headers.remove(TE);
    headers.remove(EXPECT);
    headers.remove(REFERER);
    headers.remove(COOKIE);
    headers.remove(proven);
    if !upstream.keep_authorization {
        headers.remove(AUTHORIZATION);
    }
    let of_the_way: Vec<HeaderName> =
        headers.keys().filter(|name| is_of_the_way(name)).cloned().collect();
    of_the_way.iter().for_each(|name| drop(headers.remove(name)));
    if trailers {
        headers.insert(TE, TRAILERS);
    }
    if headers.contains_key(ORIGIN) {
        insert(&mut headers, ORIGIN, &upstream.origin());
    }
    insert(&mut headers, HOST, &upstream.authority());
    if let Ok(name) = HeaderName::from_bytes(upstream.header.as_bytes()) {
        headers.insert(name, token);
    }
    headers
}

/// The head that goes back. `host` is what the caller knows us by: the upstream's own addresses become ours.
pub(crate) fn back(mut headers: HeaderMap, upstream: &Upstream, host: &str) -> HeaderMap {
    strip(&mut headers);
    headers.remove(ALT_SVC);
    headers.remove(SET_COOKIE);
    for name in [LOCATION, HeaderName::from_static("content-location")] {
        let there = headers.get(&name).and_then(|value| value.to_str().ok());
        if let Some(here) = there.and_then(|value| ours(value, upstream, host)) {
            insert(&mut headers, name, &here);
        }
    }
    headers
}

/// `None`: it stays as it is, a way within the upstream or one that leads elsewhere, where no token of ours goes.
fn ours(value: &str, upstream: &Upstream, host: &str) -> Option<String> {
    let named = value.starts_with("//") || Url::parse(value).is_ok();
    let url = upstream.url.join(value).ok().filter(|_| named)?;
    match url.origin() == upstream.url.origin() {
        true => Some(format!("http://{host}{}", &url[Position::BeforePath..])),
        // By the upstream's scheme, not by ours.
        false => value.starts_with("//").then(|| url.to_string()),
    }
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(PROXY_CONNECTION);
}

/// By which browsers say who sends it, and proxies who sent it to them and as what: no word of ours, and what a
/// caller says there some servers believe.
fn is_of_the_way(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name == FORWARDED.as_str()
        || ["sec-fetch-", "x-forwarded-"].iter().any(|of| name.starts_with(of))
}

fn has(value: &HeaderValue, word: &str) -> bool {
    let text = value.to_str().unwrap_or_default();
    text.split(',')
        .any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(word))
}

/// What cannot be a value is no header at all.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => drop(headers.insert(name, value)),
        Err(_) => drop(headers.remove(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;

    fn upstream(more: &str) -> Arc<Upstream> {
        let text = format!(
            "[profile.prod]\nissuer = \"https://auth.example\"\nclient-id = \"c\"\n\
             [upstream.w]\nurl = \"https://warehouse.example/api\"\n{more}"
        );
        crate::config::parse(&text, Path::new("config.toml")).unwrap().upstreams["w"].clone()
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn told(headers: &HeaderMap) -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        let mut told: Vec<String> = headers.iter().map(line).collect();
        told.sort();
        told
    }

    const SENT: [(&str, &str); 18] = [
        ("host", "127.0.0.1:28100"),
        ("authorization", "Bearer phantom"),
        ("proxy-connection", "keep-alive"),
        ("connection", "close, X-Mine"),
        ("x-mine", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "gzip, trailers;q=1"),
        ("transfer-encoding", "chunked"),
        ("expect", "100-continue"),
        ("upgrade", "h2c"),
        ("referer", "http://127.0.0.1:28100/x"),
        ("origin", "http://127.0.0.1:28100"),
        ("sec-fetch-mode", "cors"),
        ("forwarded", "host=evil.example"),
        ("x-forwarded-prefix", "/admin"),
        ("x_forwarded_host", "evil.example"),
        ("cookie", "of=another"),
        ("accept", "text/event-stream"),
    ];

    #[test]
    fn what_goes_on_is_the_caller_s_but_for_the_connection_and_the_credential() {
        let token = HeaderValue::from_static("Bearer real");
        let sent = onward(headers(&SENT), &upstream(""), (token, &AUTHORIZATION));
        assert_eq!(
            told(&sent),
            [
                "accept: text/event-stream",
                "authorization: Bearer real",
                "host: warehouse.example",
                "origin: https://warehouse.example",
                "te: trailers",
            ]
        );
    }

    #[test]
    fn the_caller_s_own_authorization_goes_on_where_the_config_says_so_and_the_phantom_never() {
        let kept = upstream("header = \"X-Token\"\nkeep-authorization = true\n");
        let token = || HeaderValue::from_static("real");
        let own = [
            ("authorization", "Basic bWU6eA=="),
            ("proxy-authorization", "Bearer phantom"),
            ("x-token", "forged"),
        ];
        let sent = onward(headers(&own), &kept, (token(), &PROXY_AUTHORIZATION));
        assert_eq!(
            told(&sent),
            ["authorization: Basic bWU6eA==", "host: warehouse.example", "x-token: real"]
        );
        let phantom = [("authorization", "Bearer phantom")];
        let sent = onward(headers(&phantom), &kept, (token(), &AUTHORIZATION));
        assert_eq!(told(&sent), ["host: warehouse.example", "x-token: real"]);
    }

    #[test]
    fn a_phantom_is_found_where_clients_put_one() {
        let basic = format!("Basic {}", STANDARD.encode("dagpass:phantom"));
        for (lines, found) in [
            (&[("authorization", "Bearer phantom")][..], Some("phantom")),
            (&[("authorization", "bearer phantom")], Some("phantom")),
            (&[("authorization", basic.as_str())], Some("phantom")),
            (
                &[("proxy-authorization", "Bearer phantom"), ("authorization", "Bearer x")],
                Some("phantom"),
            ),
            (&[("authorization", "Bearer phantom"), ("authorization", "Bearer phantom")], None),
            (&[("authorization", "Digest phantom")], None),
            (&[("authorization", "Basic !")], None),
            (&[("cookie", "phantom")], None),
        ] {
            let shown = phantom_in(&headers(lines)).map(|(phantom, _)| phantom.to_string());
            assert_eq!(shown.as_deref(), found, "{lines:?}");
        }
    }

    #[test]
    fn no_cookie_of_one_upstream_is_kept_for_the_next_on_the_same_host() {
        let answered = headers(&[("set-cookie", "s=1"), ("set-cookie", "t=2"), ("x", "1")]);
        assert_eq!(told(&back(answered, &upstream(""), "h:1")), ["x: 1"]);
    }

    #[test]
    fn a_credential_is_found_in_whatever_form_it_would_go_on() {
        let login = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for value in
            ["Bearer p", "bearer  p", "Token p", "p", &login("me:p"), &login("p:"), &login("a:p:b")]
        {
            let all = credentials(&HeaderValue::from_str(value).unwrap());
            assert!(all.iter().any(|one| one.as_str() == "p"), "{value}");
        }
        assert!(
            credentials(&HeaderValue::from_static("Basic !")).iter().all(|one| one.as_str() != "p")
        );
    }

    #[test]
    fn a_way_to_the_upstream_itself_leads_by_us_and_any_other_stays() {
        for (there, here) in [
            ("https://warehouse.example/api/x?y=1#z", "http://h:1/api/x?y=1#z"),
            ("https://WAREHOUSE.example:443/x", "http://h:1/x"),
            ("https://warehouse.example", "http://h:1/"),
            ("//warehouse.example/x", "http://h:1/x"),
            ("//evil.example/x", "https://evil.example/x"),
            ("http://warehouse.example/x", "http://warehouse.example/x"),
            ("https://warehouse.example.evil/x", "https://warehouse.example.evil/x"),
            (
                "https://warehouse.example@evil.example/x",
                "https://warehouse.example@evil.example/x",
            ),
            ("/login?to=https://warehouse.example/", "/login?to=https://warehouse.example/"),
            ("x", "x"),
        ] {
            let answered =
                headers(&[("location", there), ("alt-svc", "h3=\":1\""), ("connection", "close")]);
            let told = told(&back(answered, &upstream(""), "h:1"));
            assert_eq!(told, [format!("location: {here}")], "{there}");
        }
    }
}
