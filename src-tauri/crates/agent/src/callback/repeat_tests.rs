//! The same callback brought twice, at once and after the flow; and a browser that comes by https.

use dagpass_core::error::ErrorCode;
use dagpass_core::ports::Callbacks as _;
use dagpass_core::profile::Redirect;
use dagpass_core::sign_in::Verdict;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use super::LoopbackCallbacks;
use super::tests::{any_port, ask, connect, listening, port};

const OURS: &str = "/callback?code=x&state=ours";

fn signed_in() -> Verdict {
    Verdict::SignedIn { who: Some("Ada".into()) }
}

#[tokio::test]
async fn a_callback_that_comes_twice_at_once_is_one_to_the_flow() {
    let mut listening = listening().await;
    let port = port(&listening);
    let flow = async {
        let arrival = listening.arrivals.recv().await.expect("an arrival");
        // Somebody reads the page anew while the flow redeems the code.
        let again = tokio::spawn(ask(port, OURS));
        tokio::task::yield_now().await;
        arrival.verdict.send(signed_in()).expect("the flow is waited for");
        again.await.expect("a page")
    };
    let (page, again) = tokio::join!(ask(port, OURS), flow);
    for page in [page, again] {
        assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("as Ada"), "{page}");
    }
    assert!(listening.arrivals.try_recv().is_err(), "the flow saw one");
}

#[tokio::test]
async fn a_browser_that_goes_away_does_not_take_the_verdict_with_it() {
    let mut listening = listening().await;
    let port = port(&listening);
    let mut ahead = connect(port).await;
    let request = format!("GET {OURS} HTTP/1.1\r\nHost: x\r\n\r\n");
    ahead.write_all(request.as_bytes()).await.expect("sent");
    let arrival = listening.arrivals.recv().await.expect("an arrival");
    drop(ahead);
    arrival.verdict.send(signed_in()).expect("the flow is waited for");
    let page = ask(port, OURS).await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("as Ada"), "{page}");
}

#[tokio::test]
async fn after_the_flow_an_exact_repeat_gets_its_verdict_and_nothing_else_does() {
    for (verdict, status) in [
        (signed_in(), "200"),
        (Verdict::Failed { code: ErrorCode::AccessDenied, description: "no".into() }, "400"),
    ] {
        let callbacks = LoopbackCallbacks::default();
        let mut listening = callbacks.listen(&any_port()).await.expect("a listener");
        let port = port(&listening);
        let flow = async move {
            let arrival = listening.arrivals.recv().await.expect("an arrival");
            arrival.verdict.send(verdict).expect("the flow is waited for");
            drop(listening);
        };
        let (first, ()) = tokio::join!(ask(port, OURS), flow);
        let again = ask(port, OURS).await;
        assert!(again.starts_with(&format!("HTTP/1.1 {status} ")), "{again}");
        let body = |page: &str| page.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        assert_eq!(body(&again), body(&first), "the same page");
        let other = ask(port, "/callback?code=y&state=ours").await;
        assert!(other.contains("This sign-in is over"), "{other}");
        // The next flow gets the port at once.
        let redirect = Redirect { ports: vec![port], ..Redirect::default() };
        let mut next = callbacks.listen(&redirect).await.expect("the port is free");
        let flow = async {
            let arrival = next.arrivals.recv().await.expect("its own arrival");
            arrival.verdict.send(Verdict::NotThisFlow).expect("the flow is waited for");
        };
        let (page, ()) = tokio::join!(ask(port, OURS), flow);
        assert!(page.contains("was not expected"), "{page}");
    }
}

#[tokio::test]
async fn a_listener_that_judged_nothing_of_its_own_does_not_stay() {
    let mut listening = listening().await;
    let port = port(&listening);
    let flow = async {
        let arrival = listening.arrivals.recv().await.expect("an arrival");
        arrival.verdict.send(Verdict::NotThisFlow).expect("the flow is waited for");
    };
    tokio::join!(ask(port, "/callback?code=x&state=alien"), flow);
    drop(listening);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_browser_that_comes_by_https_is_told_of() {
    let mut listening = listening().await;
    let mut stream = connect(port(&listening)).await;
    stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.expect("sent");
    listening.by_https.notified().await;
    let mut answer = Vec::new();
    let closed = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{closed:?}");
    assert!(listening.arrivals.try_recv().is_err());
}
