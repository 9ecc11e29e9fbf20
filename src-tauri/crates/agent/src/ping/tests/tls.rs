use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

fn https() -> Stage {
    Stage::with(Family::PingOne, Options { tls: true, ..Options::default() })
}

fn pem_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
#[cfg_attr(windows, ignore = "Wine 8 cannot verify under roots of one's own; a real Windows can")]
async fn a_private_ca_is_refused_until_the_profile_names_it() {
    let mut stage = https();
    let failure = stage.ping.offers(&stage.profile).await.unwrap_err();
    let TokenFailure::Unreachable { cause, sent, .. } = &failure else { panic!("{failure:?}") };
    assert!(!sent && cause.text.contains("certificate"), "{cause}");

    let other = https();
    let wrong = pem_file(other.sandbox.ca_pem().unwrap());
    stage.profile.network.ca_file = Some(wrong.path().to_owned());
    let failure = stage.ping.offers(&stage.profile).await.unwrap_err();
    assert!(matches!(failure, TokenFailure::Unreachable { sent: false, .. }), "{failure:?}");

    let right = pem_file(stage.sandbox.ca_pem().unwrap());
    stage.profile.network.ca_file = Some(right.path().to_owned());
    let set = stage.browser("alice").await.unwrap();
    assert!(stage.refresh(&stage.session(&set)).await.is_ok());
    let ask = DiscoverAsk {
        url: stage.sandbox.issuer(),
        ca_file: Some(right.path().display().to_string()),
        proxy: None,
    };
    assert_eq!(stage.ping.discover(&ask).await.unwrap().issuer, stage.sandbox.issuer());
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_named() {
    let mut stage = https();
    let empty = pem_file("no certificate");
    for path in [empty.path().to_owned(), empty.path().with_extension("absent")] {
        stage.profile.network.ca_file = Some(path);
        let failure = stage.ping.offers(&stage.profile).await.unwrap_err();
        assert!(failure.to_string().contains("ca-file"), "{failure}");
    }
}

#[tokio::test]
async fn loopback_never_goes_through_a_proxy() {
    let mut stage = Stage::new(Family::PingOne);
    stage.profile.network.proxy = Some("http://127.0.0.1:9".into());
    assert!(stage.browser("alice").await.is_ok());
}

#[tokio::test]
async fn another_host_goes_through_the_profile_s_proxy_and_its_refusal_is_offline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://user:proxy-canary@{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 64];
        let read = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    crate::http::install_crypto();
    let ping = Ping::new(FakeClock::at(1_000_000));
    let mut profile = Profile::new("prod", "https://ping.invalid/as", "desk");
    profile.network.proxy = Some(proxy);
    let failure = ping.offers(&profile).await.unwrap_err();
    assert!(matches!(failure, TokenFailure::Unreachable { sent: false, .. }), "{failure:?}");
    assert!(!failure.to_string().contains("proxy-canary"), "{failure}");
    assert!(asked.join().unwrap().starts_with("CONNECT ping.invalid:443"));
}

#[tokio::test]
async fn plain_http_is_for_loopback_alone() {
    crate::http::install_crypto();
    let ping = Ping::new(FakeClock::at(1_000_000));
    let profile = Profile::new("prod", "http://ping.example.com/as", "desk");
    let failure = ping.offers(&profile).await.unwrap_err();
    assert!(failure.to_string().contains("is not https"), "{failure}");
}
