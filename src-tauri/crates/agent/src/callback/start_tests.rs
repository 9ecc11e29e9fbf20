//! The address that a local browser is sent to first: who is sent on from it, who is not, and how often.

use dagpass_core::error::ErrorCode;
use dagpass_core::ports::Listening;
use dagpass_core::sign_in::SentOn;

use super::tests::{ask, connect, listening, port, send};

const PING: &str = "https://auth.example/as/authorize?client_id=c&request_uri=urn%3Ax";

fn path(listening: &Listening) -> String {
    let url = url::Url::parse(&listening.start.url).expect("an address");
    assert_eq!(url.port(), Some(port(listening)), "its own");
    url.path().to_owned()
}

async fn opened(answer: SentOn) -> String {
    let mut listening = listening().await;
    let (port, path) = (port(&listening), path(&listening));
    let flow = async {
        let click = listening.start.clicks.recv().await.expect("a browser");
        click.send(answer).expect("it waits");
    };
    tokio::join!(ask(port, &path), flow).0
}

#[tokio::test]
async fn whoever_has_the_address_is_sent_on_and_leaves_no_trace_of_it() {
    let page = opened(SentOn::To(PING.to_owned())).await;
    let (head, body) = page.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 303 "), "{head}");
    let head = head.to_ascii_lowercase();
    for line in [
        &format!("location: {}", PING.to_ascii_lowercase()),
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-frame-options: deny",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(!body.contains("request_uri"), "{body}");
}

#[tokio::test]
async fn a_second_time_and_a_failure_are_pages() {
    let failed = SentOn::Failed { code: ErrorCode::InvalidScope, description: "no such".into() };
    for (answer, status, words) in [
        (SentOn::Used, "410", "was used already"),
        (failed, "400", "no such"),
        (SentOn::To("not\na header".to_owned()), "400", "is over"),
    ] {
        let page = opened(answer).await;
        assert!(page.starts_with(&format!("HTTP/1.1 {status} ")) && page.contains(words), "{page}");
        assert!(!page.to_ascii_lowercase().contains("\r\nlocation:"), "{page}");
    }
}

#[tokio::test]
async fn nobody_else_is_sent_on() {
    let mut listening = listening().await;
    let (port, path) = (port(&listening), path(&listening));
    assert!(path.strip_prefix("/start/").is_some_and(|random| random.len() == 43), "{path}");
    for target in [
        "/start",
        "/start/",
        &path[..path.len() - 1],
        &format!("{path}/"),
        &format!("{path}?x=y"),
        &path.to_ascii_lowercase(),
        &format!("http://127.0.0.1:{port}{path}"),
    ] {
        let page = ask(port, target).await;
        let refused = page.starts_with("HTTP/1.1 404 ") || page.starts_with("HTTP/1.1 400 ");
        assert!(refused, "{target}: {page}");
    }
    for method in ["POST", "HEAD", "OPTIONS"] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let page = send(connect(port).await, &request).await;
        assert!(!page.starts_with("HTTP/1.1 3"), "{method}: {page}");
    }
    assert!(listening.start.clicks.try_recv().is_err(), "the flow saw none of them");
}

#[tokio::test]
async fn where_the_flow_sends_nobody_on_there_is_nothing_at_the_address() {
    let mut listening = listening().await;
    let (port, path) = (port(&listening), path(&listening));
    listening.start.clicks.close();
    let page = ask(port, &path).await;
    assert!(page.starts_with("HTTP/1.1 404 ") && page.contains("Nothing here"), "{page}");
}
