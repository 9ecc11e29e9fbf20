//! Browser and code beside each other: what ends one of them, what ends both, and how soon it is said.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::broker;
use crate::broker::Broker;
use crate::error::{ErrorCode, Refusal};
use crate::fakes::{FakeClock, World};
use crate::ports::{Browser, Callbacks, Clock as _, Listening, Pending, Start, TokenFailure};
use crate::profile::{Flow, Redirect};
use crate::request::{Caller, SessionKey};
use crate::sign_in::{
    Arrival, CallbackAnswer, CallbackError, Click, Desktop, Opening, Progress, SentOn,
    SignInOptions, SignInPorts, Step,
};
use crate::time::Timestamp;

/// A desktop with a browser, and a listener that was brought one answer, or none that stands.
struct Stage {
    brought: Option<&'static str>,
    clock: Arc<FakeClock>,
    notes: Mutex<Vec<String>>,
    code_shown_at: Mutex<Option<Timestamp>>,
    /// The listener's own address, until the browser opens it; what came of each time it was opened.
    start: Mutex<Option<mpsc::Sender<Click>>>,
    sent_on: Mutex<Vec<SentOn>>,
    /// What was shown, and for how long it can be opened.
    shown: Mutex<Option<(String, u64)>>,
}

impl Browser for Stage {
    fn opening(&self, _desktop: &Desktop) -> Opening {
        Opening::Likely
    }

    /// It comes twice for an address of ours, before anybody knows that it opened.
    fn open<'a>(&'a self, url: &'a str, _desk: &'a Desktop) -> Pending<'a, Result<(), String>> {
        Box::pin(async move {
            let start = self.start.lock().unwrap().take().filter(|_| url == START);
            for _ in 0..2 {
                let Some(start) = &start else { break };
                let (click, told) = oneshot::channel();
                start.send(click).await.unwrap();
                if let Ok(sent_on) = told.await {
                    self.sent_on.lock().unwrap().push(sent_on);
                }
            }
            Ok(())
        })
    }
}

const START: &str = "http://127.0.0.1:21217/start/x";

impl Callbacks for Stage {
    fn listen<'a>(&'a self, redirect: &'a Redirect) -> Pending<'a, Result<Listening, String>> {
        let Some(error) = self.brought else {
            return Box::pin(async { Err("21217 (in use)".to_owned()) });
        };
        let (arrived, arrivals) = mpsc::channel(1);
        let told = CallbackError { error: error.to_owned(), description: "its words".to_owned() };
        let state = Some(random());
        let answer = CallbackAnswer { state, iss: None, outcome: Err(told) };
        let (verdict, _page) = oneshot::channel();
        arrived.try_send(Arrival { answer, verdict }).unwrap();
        let (start, clicks) = mpsc::channel(1);
        *self.start.lock().unwrap() = Some(start);
        let listening = Listening {
            redirect_uri: redirect.uri(21217),
            start: Start { url: START.to_owned(), clicks },
            arrivals,
            by_https: Arc::<Notify>::default(),
            guard: Box::new(arrived),
        };
        Box::pin(async { Ok(listening) })
    }
}

impl Progress for Stage {
    fn tell(&self, step: Step) {
        match step {
            Step::Note(text) => self.notes.lock().unwrap().push(text),
            Step::Device(_) => *self.code_shown_at.lock().unwrap() = Some(self.clock.now()),
            Step::Browser { url, expires_at, .. } => {
                let left = self.clock.now().until(expires_at).as_secs();
                *self.shown.lock().unwrap() = Some((url, left));
            }
        }
    }
}

fn random() -> String {
    "0".repeat(43)
}

struct Ended {
    outcome: Result<(), Refusal>,
    notes: String,
    /// Seconds after the sign-in began.
    code_shown_after: Option<u64>,
    sent_on: Vec<SentOn>,
    /// What was shown, and for how many seconds it can be opened.
    shown: Option<(String, u64)>,
}

async fn signed_in(brought: Option<&'static str>, flow: Flow) -> Ended {
    let options = SignInOptions { flow: Some(flow), ..SignInOptions::default() };
    signed_in_at(&World::signed_in(), brought, options).await
}

async fn signed_in_at(
    world: &World,
    brought: Option<&'static str>,
    options: SignInOptions,
) -> Ended {
    let broker: Broker = broker(world);
    let stage = Arc::new(Stage {
        brought,
        clock: world.clock.clone(),
        notes: Mutex::default(),
        code_shown_at: Mutex::default(),
        start: Mutex::default(),
        sent_on: Mutex::default(),
        shown: Mutex::default(),
    });
    let ports = SignInPorts {
        clock: world.clock.clone(),
        server: world.server.clone(),
        store: world.store.clone(),
        browser: stage.clone(),
        callbacks: stage.clone(),
        random,
    };
    let (_nobody, pasted) = mpsc::channel(1);
    let (how, caller) = ((&ports, &options), Caller::default());
    let key = SessionKey::of("prod");
    let began = world.clock.now();
    let sign_in = broker.sign_in(&key, how, &caller, (&*stage, pasted)).await.unwrap();
    let outcome = sign_in.run().await;
    let shown = *stage.code_shown_at.lock().unwrap();
    let code_shown_after = shown.map(|at| began.until(at).as_secs());
    let notes = stage.notes.lock().unwrap().join("\n");
    let sent_on = stage.sent_on.lock().unwrap().clone();
    let shown = stage.shown.lock().unwrap().clone();
    Ended { outcome, notes, code_shown_after, sent_on, shown }
}

fn pushing(life: u64) -> World {
    let world = World::signed_in();
    *world.server.pushes.lock().unwrap() = Some(Duration::from_secs(life));
    world
}

/// By browser, to its end: what it was shown and where it was sent.
async fn shown(world: &World, no_open: bool, remote: bool) -> Ended {
    let desktop = Desktop { remote, ..Desktop::default() };
    let options =
        SignInOptions { flow: Some(Flow::Browser), no_open, desktop, ..SignInOptions::default() };
    signed_in_at(world, Some("login_required"), options).await
}

#[tokio::test]
async fn a_pushed_request_begins_to_live_when_a_local_browser_comes_for_it_and_once() {
    let at_ping = format!("https://idp.example/authorize?state={}", random());
    let ended = shown(&pushing(60), false, false).await;
    assert_eq!(ended.shown, Some((START.to_owned(), 600)));
    assert_eq!(ended.sent_on, [SentOn::To(at_ping.clone()), SentOn::Used]);
    for (no_open, remote, life, left) in
        [(true, false, 60, 60), (false, true, 60, 60), (true, false, 7200, 600)]
    {
        let ended = shown(&pushing(life), no_open, remote).await;
        assert_eq!(ended.shown, Some((at_ping.clone(), left)), "{no_open} {remote} {life}");
        assert!(ended.sent_on.is_empty());
    }
    let ended = shown(&World::signed_in(), false, false).await;
    assert_eq!(ended.shown, Some((at_ping, 600)), "what is not pushed does not end");
}

#[tokio::test]
async fn where_ping_does_not_take_what_is_pushed_the_page_and_the_way_end_with_its_word() {
    let world = pushing(60);
    let (error, description) = ("invalid_scope".to_owned(), "no such".to_owned());
    *world.server.no_push.lock().unwrap() =
        Some(TokenFailure::Misconfigured { error, description });
    let ended = shown(&world, false, false).await;
    assert_eq!(ended.outcome.unwrap_err().code, ErrorCode::InvalidScope);
}

#[tokio::test]
async fn an_error_in_the_browser_leaves_the_code_and_only_a_no_ends_both() {
    for word in ["login_required", "invalid_scope", "server_error", "unauthorized_client", "odd"] {
        let ended = signed_in(Some(word), Flow::Auto).await;
        ended.outcome.unwrap();
        assert_eq!(ended.code_shown_after, Some(0), "{word}: at once");
        assert!(ended.notes.contains(&format!("{word}: its words")), "{}", ended.notes);
        assert!(ended.notes.ends_with("sign in by code"), "{}", ended.notes);
    }
    let ended = signed_in(Some("access_denied"), Flow::Auto).await;
    assert_eq!(ended.outcome.unwrap_err().code, ErrorCode::AccessDenied);
    assert_eq!(ended.code_shown_after, None);
}

#[tokio::test]
async fn where_the_browser_is_the_only_way_its_error_is_the_answer() {
    for (word, code) in [
        ("login_required", ErrorCode::LoginRequired),
        ("consent_required", ErrorCode::ConsentRequired),
        ("invalid_scope", ErrorCode::InvalidScope),
        ("temporarily_unavailable", ErrorCode::TemporarilyUnavailable),
        ("access_denied", ErrorCode::AccessDenied),
    ] {
        let refusal = signed_in(Some(word), Flow::Browser).await.outcome.unwrap_err();
        assert_eq!(refusal.code, code);
        assert_eq!(refusal.cause, Some(format!("{word}: its words")));
    }
}

#[tokio::test]
async fn where_no_port_is_free_the_code_comes_at_once_and_nothing_is_asked_of_ping() {
    let ended = signed_in(None, Flow::Auto).await;
    ended.outcome.unwrap();
    assert_eq!(ended.code_shown_after, Some(0));
    assert!(ended.notes.contains("no port is free"), "{}", ended.notes);
    assert!(ended.notes.contains("end what holds one of them"), "{}", ended.notes);
    assert!(!ended.notes.contains("redirect URI"), "{}", ended.notes);
    let refusal = signed_in(None, Flow::Browser).await.outcome.unwrap_err();
    assert!(refusal.hint.unwrap().contains("`dagpass login prod --device` needs none"));
}

#[test]
fn what_is_to_be_registered_names_no_port_zero() {
    for (ports, listed) in [
        (vec![21217, 23683], "http://127.0.0.1:21217/callback http://127.0.0.1:23683/callback"),
        (vec![0], "http://127.0.0.1/callback with any port"),
    ] {
        let redirect = Redirect { ports, ..Redirect::default() };
        assert_eq!(redirect.to_register().join(" "), listed);
    }
}
