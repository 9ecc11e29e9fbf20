//! Signing in on the stage: a person who opens the page or types the code, and what they were shown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dagpass_core::error::Refusal;
use dagpass_core::ports::{Browser, Pending};
use dagpass_core::profile::Flow;
use dagpass_core::request::{Caller, SessionKey};
use dagpass_core::sign_in::{
    Claim, Desktop, DeviceAuthorization, NewProof, Opening, Progress, SignInOptions, SignInPorts,
    Step,
};
use dagpass_core::token::Fingerprint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::StageClock;
use crate::stage::Stage;

/// Who sits there, and what they do.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    /// How long after the code was shown they approve it; never where `None`.
    pub(crate) approves_after: Option<Duration>,
    /// How long the code of the callback lies about before the browser brings it.
    pub(crate) dawdles: Duration,
    pub(crate) comes: Comes,
    pub(crate) proof: NewProof,
}

/// How the browser comes back.
#[derive(Clone, Copy)]
pub(crate) enum Comes {
    Once,
    /// Fetched ahead, then read, then read anew.
    Thrice,
    /// By https first.
    ByHttps,
}

impl Person {
    pub(crate) fn named(name: &'static str) -> Self {
        let (now, comes) = (Duration::ZERO, Comes::Once);
        Self { name, approves_after: Some(now), dawdles: now, comes, proof: NewProof::Unneeded }
    }

    /// `--fresh`.
    pub(crate) fn proving(self) -> Self {
        Self { proof: NewProof::Demanded, ..self }
    }

    pub(crate) fn approving_after(self, seconds: u64) -> Self {
        Self { approves_after: Some(Duration::from_secs(seconds)), ..self }
    }

    pub(crate) fn away() -> Self {
        Self { approves_after: None, ..Self::named("alice") }
    }
}

/// What a person saw of one sign-in.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) codes: Vec<DeviceAuthorization>,
    /// Where the browser was to come back.
    pub(crate) redirect_uris: Vec<String>,
    /// Errors that the issuer's page showed in the browser.
    pub(crate) issuer_errors: Vec<String>,
    pub(crate) notes: Vec<String>,
    /// What the callback's page said.
    pub(crate) pages: String,
    visits: Vec<JoinHandle<String>>,
}

impl Stage {
    /// Signs in by code on a second device.
    pub(crate) async fn device(&self, name: &'static str) -> Result<Seen, Refusal> {
        let (outcome, seen) = self.sign_in(Flow::Device, Person::named(name)).await;
        outcome.map(|()| seen)
    }

    /// Signs in by browser.
    pub(crate) async fn browser(&self, name: &'static str) -> Result<Seen, Refusal> {
        let (outcome, seen) = self.sign_in(Flow::Browser, Person::named(name)).await;
        outcome.map(|()| seen)
    }

    /// A sign-in on another session than the stage's own.
    pub(crate) async fn another_sign_in(&self, key: &SessionKey, name: &'static str) {
        let progress = Watching::new(self, Person::named(name));
        self.flow(key, Flow::Device, &progress).await.unwrap();
    }

    /// The whole flow, and what the person saw of it.
    pub(crate) async fn sign_in(&self, flow: Flow, person: Person) -> (Result<(), Refusal>, Seen) {
        let progress = Watching::new(self, person);
        let outcome = self.flow(&Self::key(), flow, &progress).await;
        let mut seen = progress.seen.into_inner().unwrap();
        for visit in std::mem::take(&mut seen.visits) {
            seen.pages.push_str(&visit.await.unwrap());
        }
        self.hear(progress.said.into_inner().unwrap());
        self.hear(format!("{outcome:?}{}", seen.pages));
        if let Err(refusal) = &outcome {
            self.hear(refusal.to_string());
        }
        (outcome, seen)
    }

    async fn flow(&self, key: &SessionKey, flow: Flow, progress: &Watching) -> Result<(), Refusal> {
        let ports = SignInPorts {
            clock: self.clock.clone(),
            server: self.ping.clone(),
            store: self.store.clone(),
            browser: Arc::new(Desk),
            callbacks: self.callbacks.clone(),
            random,
        };
        let claim = Claim { proof: progress.person.proof, accept_subject: None };
        let options = SignInOptions { flow: Some(flow), claim, ..SignInOptions::default() };
        let (_nobody, pasted) = mpsc::channel(1);
        let (how, caller) = ((&ports, &options), Caller::default());
        self.broker.sign_in(key, how, &caller, (progress, pasted)).await?.run().await
    }
}

/// The desk has a browser; who looks into it hears the URL from the progress.
struct Desk;

impl Browser for Desk {
    fn opening(&self, _desktop: &Desktop) -> Opening {
        Opening::Likely
    }

    fn open<'a>(&'a self, _url: &'a str, _desk: &'a Desktop) -> Pending<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

struct Watching {
    clock: Arc<StageClock>,
    sandbox: Arc<dagpass_sandbox::Sandbox>,
    person: Person,
    seen: Mutex<Seen>,
    said: Mutex<String>,
}

impl Progress for Watching {
    fn tell(&self, step: Step) {
        let mut seen = self.seen.lock().unwrap();
        match step {
            Step::Note(text) => {
                self.said.lock().unwrap().push_str(&text);
                seen.notes.push(text);
            }
            Step::Device(device) => {
                self.said.lock().unwrap().push_str(&format!("{device:?}"));
                self.meet_code(&device);
                seen.codes.push(device);
            }
            Step::Browser { url, redirect_uri, .. } => {
                seen.redirect_uris.push(redirect_uri);
                match self.sandbox.authorize_as(self.person.name, &url) {
                    Ok(callback) => {
                        self.clock.jump(self.person.dawdles);
                        seen.visits.push(tokio::spawn(come_back(callback, self.person.comes)));
                    }
                    Err(page) => seen.issuer_errors.push(page),
                }
            }
        }
    }
}

impl Watching {
    fn new(stage: &Stage, person: Person) -> Self {
        Self {
            clock: stage.clock.clone(),
            sandbox: stage.sandbox.clone(),
            person,
            seen: Mutex::default(),
            said: Mutex::default(),
        }
    }

    fn meet_code(&self, device: &DeviceAuthorization) {
        let (name, code) = (self.person.name, device.user_code.clone());
        match self.person.approves_after {
            None => {}
            Some(Duration::ZERO) => self.sandbox.approve_device(&code, name).unwrap(),
            Some(span) => self.clock.after(span, move |sandbox| {
                sandbox.approve_device(&code, name).unwrap();
            }),
        }
    }
}

async fn come_back(callback: String, how: Comes) -> String {
    match how {
        Comes::Once => {}
        Comes::Thrice => {
            let (one, two) = tokio::join!(visit(callback.clone()), visit(callback.clone()));
            return one + &two + &visit(callback).await;
        }
        Comes::ByHttps => {
            let rest = callback.strip_prefix("http://").unwrap();
            let mut stream = TcpStream::connect(rest.split_once('/').unwrap().0).await.unwrap();
            stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
            let mut nothing = Vec::new();
            if let Ok(read) = stream.read_to_end(&mut nothing).await {
                assert_eq!(read, 0);
            }
        }
    }
    visit(callback).await
}

/// The browser comes back; says what page it was shown.
async fn visit(callback: String) -> String {
    let rest = callback.strip_prefix("http://").unwrap();
    let (authority, target) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let head = format!("GET /{target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut page = Vec::new();
    stream.read_to_end(&mut page).await.unwrap();
    String::from_utf8_lossy(&page).into_owned()
}

/// Never the same twice, which is all that the sandbox can tell.
fn random() -> String {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let drawn = DRAWN.fetch_add(1, Ordering::SeqCst);
    Fingerprint::of(&format!("{}-{drawn}", std::process::id())).as_str().to_owned()
}
