//! Statements 32 to 37 of the endpoint's security list, each by raw bytes on a real socket.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use dagpass_core::error::ErrorCode;
use dagpass_core::ports::{Callbacks as _, Listening};
use dagpass_core::profile::Redirect;
use dagpass_core::sign_in::{CallbackError, Verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::LoopbackCallbacks;
use super::serve::Deadlines;

const CODE: &str = "canary-code-77";

pub(super) fn any_port() -> Redirect {
    Redirect { ports: vec![0], ..Redirect::default() }
}

pub(super) async fn listening() -> Listening {
    LoopbackCallbacks::default().listen(&any_port()).await.expect("a listener")
}

pub(super) fn port(listening: &Listening) -> u16 {
    let rest = listening.redirect_uri.strip_prefix("http://127.0.0.1:").expect("the literal");
    rest.strip_suffix("/callback").expect("the path").parse().expect("a port")
}

pub(super) async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.expect("connected")
}

/// Sends the bytes and reads until the server closes.
pub(super) async fn send(mut stream: TcpStream, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

pub(super) async fn ask(port: u16, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    send(connect(port).await, &request).await
}

/// Runs a callback against a flow that gives `verdict`.
async fn judged(target: &str, verdict: Verdict) -> String {
    let mut listening = listening().await;
    let port = port(&listening);
    let flow = async {
        let arrival = listening.arrivals.recv().await.expect("an arrival");
        arrival.verdict.send(verdict).expect("a page waits");
    };
    tokio::join!(ask(port, target), flow).0
}

#[tokio::test]
async fn s32_nothing_listens_once_the_flow_is_over() {
    let listening = listening().await;
    let port = port(&listening);
    let mut waiting = connect(port).await;
    drop(listening);
    // Closed, or reset where it had not been accepted yet; never answered.
    let mut rest = Vec::new();
    let closed = waiting.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{closed:?}");
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn s33_the_redirect_uri_is_the_literal_unless_localhost_is_registered() {
    let uri = listening().await.redirect_uri;
    assert!(uri.starts_with("http://127.0.0.1:") && uri.ends_with("/callback"), "{uri}");
    let redirect = Redirect { host: "localhost".into(), path: "/cb".into(), ports: vec![0] };
    let uri = LoopbackCallbacks::default().listen(&redirect).await.expect("stands").redirect_uri;
    assert!(uri.starts_with("http://localhost:") && uri.ends_with("/cb"), "{uri}");
}

#[tokio::test]
async fn s34_a_callback_that_is_not_the_flows_is_a_400_and_the_flow_goes_on() {
    let mut listening = listening().await;
    let port = port(&listening);
    for (target, state) in
        [("/callback?code=x", None), ("/callback?code=x&state=alien", Some("alien"))]
    {
        let flow = async {
            let arrival = listening.arrivals.recv().await.expect("an arrival");
            assert_eq!(arrival.answer.state.as_deref(), state);
            arrival.verdict.send(Verdict::NotThisFlow).expect("a page waits");
        };
        let (page, ()) = tokio::join!(ask(port, target), flow);
        assert!(page.starts_with("HTTP/1.1 400 "), "{page}");
    }
    let flow = async {
        let arrival = listening.arrivals.recv().await.expect("an arrival");
        arrival.verdict.send(Verdict::SignedIn { who: None }).expect("a page waits");
    };
    let (page, ()) = tokio::join!(ask(port, "/callback?code=x&state=ours"), flow);
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
}

#[tokio::test]
async fn s35_the_issuer_of_a_callback_reaches_the_flow() {
    let mut listening = listening().await;
    let port = port(&listening);
    let flow = async {
        let arrival = listening.arrivals.recv().await.expect("an arrival");
        let error = CallbackError { error: "login_required".into(), description: String::new() };
        assert_eq!(arrival.answer.outcome.expect_err("an error"), error);
        arrival.answer.iss
    };
    let target = "/callback?error=login_required&state=s&iss=https%3A%2F%2Fauth.example%3A443";
    let (page, iss) = tokio::join!(ask(port, target), flow);
    assert_eq!(iss.as_deref(), Some("https://auth.example:443"));
    assert!(page.contains("This sign-in is over"), "the verdict was dropped: {page}");
}

#[tokio::test]
async fn s36_a_token_in_the_address_is_a_400_that_no_flow_sees() {
    let mut listening = listening().await;
    let port = port(&listening);
    for name in ["access_token", "id_token", "token"] {
        let page = ask(port, &format!("/callback?code=x&state=s&{name}=canary-token")).await;
        assert!(page.starts_with("HTTP/1.1 400 "), "{name}: {page}");
        assert!(!page.contains("canary-token"), "{name}");
    }
    assert!(listening.arrivals.try_recv().is_err());
}

#[tokio::test]
async fn s37_the_page_escapes_and_loads_nothing() {
    let injected = "/callback?error=%3Cscript%3Ealert(1)%3C%2Fscript%3E&error_description=%3Cscript%20src%3Dhttp%3A%2F%2Fevil.example%3E%22%27%26&state=s";
    let verdict = Verdict::Failed {
        code: ErrorCode::AccessDenied,
        description: "<script src=http://evil.example>\"'& `tick".into(),
    };
    let page = judged(injected, verdict).await;
    assert!(!page.contains("<script"), "{page}");
    assert!(
        page.contains("&lt;script src=http://evil.example&gt;&quot;&#39;&amp; <code>tick</code>"),
        "{page}"
    );
    let (head, body) = page.split_once("\r\n\r\n").expect("a head");
    let head = head.to_ascii_lowercase();
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "connection: close",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("set-cookie") && !head.contains("access-control-"), "{head}");
    for foreign in ["src=\"", "href=", "url(", "@import", "onload"] {
        assert!(!body.contains(foreign), "{foreign}");
    }
}

#[tokio::test]
async fn the_page_says_who_signed_in_and_never_the_code() {
    let target = format!("/callback?code={CODE}&state=canary-state");
    let page = judged(&target, Verdict::SignedIn { who: Some("Ada <ada@x.example>".into()) }).await;
    assert!(page.contains("as Ada &lt;ada@x.example&gt;"), "{page}");
    assert!(!page.contains(CODE) && !page.contains("canary-state"));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_and_no_flow_sees_them() {
    let mut listening = listening().await;
    let port = port(&listening);
    assert!(ask(port, "/favicon.ico").await.starts_with("HTTP/1.1 404 "));
    assert!(ask(port, "/other?code=x&state=s").await.starts_with("HTTP/1.1 404 "));
    for (request, status) in [
        ("POST /callback?code=x&state=s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405"),
        ("OPTIONS /callback HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("GET http://evil.example/callback?code=x HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let page = send(connect(port).await, request).await;
        assert!(page.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {page}");
    }
    assert!(listening.arrivals.try_recv().is_err());
}

#[tokio::test]
async fn a_client_that_sends_nothing_delays_nobody_and_is_closed() {
    let deadlines = Deadlines { request: Duration::from_millis(300), ..Deadlines::default() };
    let callbacks = LoopbackCallbacks { deadlines, ..LoopbackCallbacks::default() };
    let listening = callbacks.listen(&any_port()).await.expect("a listener");
    let port = port(&listening);
    let mut silent = connect(port).await;
    let mut half = connect(port).await;
    half.write_all(b"GET /callback?co").await.expect("sent");
    assert!(ask(port, "/").await.starts_with("HTTP/1.1 404 "));
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.expect("closed");
    rest.clear();
    half.read_to_end(&mut rest).await.expect("closed");
}

#[tokio::test]
async fn a_flood_of_silent_clients_does_not_shut_the_browser_out() {
    let listening = listening().await;
    let port = port(&listening);
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(connect(port).await);
    }
    assert!(ask(port, "/").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_page_that_waits_too_long_sends_the_person_to_the_terminal() {
    let deadlines = Deadlines { verdict: Duration::from_millis(20), ..Deadlines::default() };
    let callbacks = LoopbackCallbacks { deadlines, ..LoopbackCallbacks::default() };
    let mut listening = callbacks.listen(&any_port()).await.expect("a listener");
    let page = ask(port(&listening), "/callback?code=x&state=s").await;
    assert!(page.starts_with("HTTP/1.1 202 "), "{page}");
    assert!(listening.arrivals.recv().await.is_some(), "the flow still has it");
}

#[tokio::test]
async fn the_page_of_the_last_verdict_is_sent_though_the_listener_is_gone() {
    let mut listening = listening().await;
    let port = port(&listening);
    let flow = async move {
        let arrival = listening.arrivals.recv().await.expect("an arrival");
        drop(listening);
        tokio::task::yield_now().await;
        arrival.verdict.send(Verdict::SignedIn { who: None }).expect("a page waits");
    };
    let (page, ()) = tokio::join!(ask(port, "/callback?code=x&state=s"), flow);
    assert!(page.contains("You are signed in"), "{page}");
}

#[tokio::test]
async fn candidate_ports_are_tried_in_order() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken_port = taken.local_addr().expect("its number").port();
    let redirect = Redirect { ports: vec![taken_port, 0], ..Redirect::default() };
    let next = LoopbackCallbacks::default().listen(&redirect).await.expect("the next one");
    assert_ne!(port(&next), taken_port);

    let redirect = Redirect { ports: vec![taken_port], ..Redirect::default() };
    let error = LoopbackCallbacks::default().listen(&redirect).await.expect_err("taken");
    assert!(
        error.starts_with(&format!("no port for the callback is free: {taken_port} (")),
        "{error}"
    );
}

fn without_v6(address: SocketAddr) -> io::Result<TcpListener> {
    if address.is_ipv6() {
        return Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
    }
    TcpListener::bind(address)
}

fn v6_held_by_another(address: SocketAddr) -> io::Result<TcpListener> {
    if address.is_ipv6() {
        return Err(io::Error::from(io::ErrorKind::AddrInUse));
    }
    TcpListener::bind(address)
}

#[tokio::test]
async fn a_machine_without_ipv6_is_no_error_and_a_stranger_on_it_is() {
    let callbacks = LoopbackCallbacks { bind: without_v6, ..LoopbackCallbacks::default() };
    let listening = callbacks.listen(&any_port()).await.expect("IPv4 alone");
    assert!(ask(port(&listening), "/").await.starts_with("HTTP/1.1 404 "));
    let v6 = Redirect { host: "[::1]".into(), ..any_port() };
    assert!(callbacks.listen(&v6).await.is_err(), "the registered URI needs IPv6");

    let callbacks = LoopbackCallbacks { bind: v6_held_by_another, ..LoopbackCallbacks::default() };
    assert!(callbacks.listen(&any_port()).await.is_err());
}

#[tokio::test]
async fn both_families_answer_on_one_port() {
    let listening = listening().await;
    let port = port(&listening);
    let Ok(stream) = TcpStream::connect(("::1", port)).await else {
        assert!(TcpListener::bind("[::1]:0").is_err(), "this machine has IPv6");
        return;
    };
    let page = send(stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.1 404 "), "{page}");
}
