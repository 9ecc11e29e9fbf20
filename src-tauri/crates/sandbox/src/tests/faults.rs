//! Faults on the wire, and TLS under the private CA.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::{Fault, Kind};

#[test]
fn a_fault_meets_a_refresh_once_and_rotates_only_where_it_should() {
    let status = |status, retry_after: &str| Kind::Status {
        status,
        retry_after: Some(retry_after.to_owned()),
    };
    let table = [
        (Kind::PortalHtml, 200, "<form", false),
        (Kind::PortalRedirect, 302, "", false),
        (Kind::HalfJson, 200, "{\"access_token\":\"eyJ", false),
        (status(429, "3"), 429, "try again", false),
        (status(429, "999999"), 429, "try again", false),
        (Kind::StatusDate { status: 503, seconds: 90 }, 503, "try again", false),
        (Kind::OAuth { status: 400, error: "invalid_grant".into() }, 400, "invalid_grant", false),
        (Kind::Platform { status: 400 }, 400, "\"details\":", false),
        (Kind::ProxyForbidden, 403, "proxy", false),
        (Kind::ResetBefore, 0, "", false),
        (Kind::ResetAfter, 0, "", true),
        (Kind::Truncated, 200, "access", true),
        (Kind::Delay { millis: 1 }, 200, "refresh_token", true),
        (Kind::Late { millis: 1 }, 200, "refresh_token", true),
    ];
    for (kind, status, text, rotates) in table {
        let sandbox = start(Family::PingOne);
        let token = sign_in(&sandbox, "alice").text("refresh_token");
        sandbox.fault(Fault::next_refresh(kind.clone()));
        let answer = refresh(&sandbox, &token);
        assert_eq!(answer.status, status, "{kind:?}");
        assert!(answer.body.contains(text), "{kind:?}: {}", answer.body);
        let log = sandbox.log();
        assert_eq!(log.last().unwrap().fault.as_deref(), Some(kind.name().as_str()));
        let after = refresh(&sandbox, &token);
        assert_eq!(after.status == 400, rotates, "{kind:?}: {}", after.body);
    }
}

#[test]
fn retry_after_is_written_as_seconds_or_as_a_date() {
    let sandbox = start(Family::PingOne);
    let kind = Kind::Status { status: 429, retry_after: Some("3".to_owned()) };
    sandbox.fault(Fault::at(Endpoint::Jwks, kind).times(2));
    sandbox.fault(Fault::everywhere(Kind::StatusDate { status: 503, seconds: 90 }).times(1));
    let url = sandbox.url(Endpoint::Jwks);
    let said = [(); 4].map(|()| read(&url));
    assert_eq!(said.each_ref().map(|answer| answer.status), [429, 429, 503, 200]);
    assert_eq!(said[0].header("retry-after"), Some("3"));
    assert!(said[2].header("retry-after").unwrap().ends_with(" GMT"));
}

#[test]
fn a_truncated_answer_breaks_the_body_not_the_head() {
    let sandbox = start(Family::PingOne);
    let whole = read(&sandbox.url(Endpoint::Discovery));
    sandbox.fault(Fault::at(Endpoint::Discovery, Kind::Truncated).times(1));
    let cut = read(&sandbox.url(Endpoint::Discovery));
    assert_eq!(cut.status, 200);
    assert_eq!(cut.header("transfer-encoding"), Some("chunked"));
    assert!(!cut.body.ends_with("0\r\n\r\n") && cut.body.len() < whole.body.len());
}

#[test]
fn held_requests_wait_for_the_release_served_or_not() {
    for (kind, served) in [(Kind::HoldBefore, 0), (Kind::HoldAfter, 1)] {
        let sandbox = Arc::new(start(Family::PingOne));
        let token = sign_in(&sandbox, "alice").text("refresh_token");
        sandbox.fault(Fault::next_refresh(kind));
        let other = Arc::clone(&sandbox);
        let caller = std::thread::spawn(move || refresh(&other, &token).status);
        assert!(sandbox.wait_held(1, Duration::from_secs(5)));
        assert_eq!(sandbox.refreshes(), served);
        sandbox.release();
        assert_eq!(caller.join().unwrap(), 200);
        assert!(sandbox.wait_log(Duration::from_secs(5), |log| log.iter().any(|e| e.is_refresh())));
    }
}

#[test]
fn refreshes_that_overlap_are_counted() {
    let sandbox = Arc::new(start(Family::PingOne));
    let tokens = ["alice", "bob"].map(|user| sign_in(&sandbox, user).text("refresh_token"));
    for token in &tokens {
        assert_eq!(refresh(&sandbox, token).status, 200);
    }
    assert_eq!(sandbox.most_refreshing(), 1);
    sandbox.fault(Fault::at(Endpoint::Token, Kind::HoldBefore));
    let callers = tokens.map(|token| {
        let other = Arc::clone(&sandbox);
        std::thread::spawn(move || refresh(&other, &token).status)
    });
    assert!(sandbox.wait_held(2, Duration::from_secs(5)));
    assert_eq!(sandbox.most_refreshing(), 2);
    sandbox.release();
    assert!(callers.into_iter().all(|caller| caller.join().is_ok()));
}

#[test]
fn a_hanging_issuer_delays_nobody_else_and_stops_when_told() {
    let sandbox = start(Family::PingOne);
    sandbox.fault(Fault::at(Endpoint::Jwks, Kind::Hang).times(1));
    let url = Url::parse(&sandbox.url(Endpoint::Jwks)).unwrap();
    let mut hanging = TcpStream::connect(("127.0.0.1", url.port().unwrap())).unwrap();
    let text = format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", url.path());
    hanging.write_all(text.as_bytes()).unwrap();
    assert!(sandbox.wait_log(Duration::from_secs(5), |log| !log.is_empty()));
    assert_eq!(read(url.as_str()).status, 200);
    drop(sandbox);
    hanging.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(hanging.read(&mut [0; 1]).unwrap_or(0), 0);
}

#[test]
fn https_is_trusted_by_those_who_have_the_private_ca_only() {
    let options = Options { tls: true, ..Options::default() };
    let sandbox = Sandbox::start(Family::PingFederate, options);
    assert!(sandbox.issuer().starts_with("https://127.0.0.1:"));
    let ca = CertificateDer::from_pem_slice(sandbox.ca_pem().unwrap().as_bytes()).unwrap();
    let mut trusting = RootCertStore::empty();
    trusting.add(ca).unwrap();
    for (roots, trusted) in [(trusting, true), (RootCertStore::empty(), false)] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let port = Url::parse(&sandbox.issuer()).unwrap().port().unwrap();
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(client, socket);
        let asked = stream.write_all(
            b"GET /.well-known/openid-configuration HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        );
        assert_eq!(asked.is_ok(), trusted);
        if trusted {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert!(text.contains(&sandbox.issuer()));
        }
    }
}
