//! A stand-in for an Airflow deployment's token endpoint and logout, which a test can make refuse,
//! hang or go away. The real API server is `tests/airflow`'s; this one is for the faults.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use crate::world::World;

#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Seconds that a JWT lives.
    lifetime: AtomicU32,
    /// Every assertion that was handed in.
    assertions: Mutex<Vec<String>>,
    revoked: Mutex<BTreeSet<String>>,
    /// What it says it maps; no such route where there is none.
    roles: Mutex<Option<Value>>,
    /// What comes instead of an answer, until it is taken away.
    fault: Mutex<Option<Fault>>,
    gate: Mutex<Gate>,
    moved: Condvar,
    ended: AtomicBool,
}

/// Where requests wait before they are served.
#[derive(Debug, Default)]
struct Gate {
    shut: bool,
    waiting: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Status, content type, body.
    Answer(u16, &'static str, String),
    Hang,
}

impl Deployment {
    pub(crate) fn start(lifetime: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            lifetime: AtomicU32::new(lifetime),
            assertions: Mutex::default(),
            revoked: Mutex::default(),
            roles: Mutex::default(),
            fault: Mutex::default(),
            gate: Mutex::default(),
            moved: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = served.clone();
                std::thread::spawn(move || shared.serve(stream.unwrap()));
            }
        });
        Self { url, shared }
    }

    /// Its table of the config, as `[airflow.prod]`.
    pub(crate) fn config(&self) -> String {
        format!("[airflow.prod]\nurl = \"{}/\"\ntoken = \"exchange\"\n", self.url)
    }

    pub(crate) fn fault(&self, fault: Option<Fault>) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Requests wait from here on, until [`Self::release`].
    /// Of the JWTs from now on, in seconds.
    pub(crate) fn lifetime(&self, seconds: u32) {
        self.shared.lifetime.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn hold(&self) {
        self.shared.gate.lock().unwrap().shut = true;
    }

    pub(crate) fn wait_held(&self) {
        crate::wait::until("a request to the deployment", || {
            (self.shared.gate.lock().unwrap().waiting > 0).then_some(())
        });
    }

    pub(crate) fn release(&self) {
        self.shared.gate.lock().unwrap().shut = false;
        self.shared.moved.notify_all();
    }

    pub(crate) fn maps(&self, roles: Value) {
        *self.shared.roles.lock().unwrap() = Some(roles);
    }

    pub(crate) fn assertions(&self) -> Vec<String> {
        self.shared.assertions.lock().unwrap().clone()
    }

    pub(crate) fn has_revoked(&self, token: &str) -> bool {
        self.shared.revoked.lock().unwrap().contains(token)
    }

    /// The port is closed from here on.
    pub(crate) fn stop(&self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // The accept under way is the last one.
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        crate::wait::until("the deployment's end", || {
            TcpStream::connect(self.url.trim_start_matches("http://")).is_err().then_some(())
        });
    }

    /// Tells the world's scan every token it gave or was sent.
    pub(crate) fn give_secrets(&self, world: &World) {
        for (number, assertion) in self.assertions().iter().enumerate() {
            world.secret("assertion", assertion);
            world.secret("Airflow JWT", &jwt(number + 1));
        }
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
    }
}

/// The n-th that it gives.
pub(crate) fn jwt(number: usize) -> String {
    format!("e30.airflow-jwt-canary-{number:04}.c2lnbmVk")
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let (line, bearer, body) = request(&stream);
        self.pass_the_gate();
        let fault = self.fault.lock().unwrap().clone();
        let answer = match fault {
            Some(Fault::Answer(status, kind, body)) => answer(status, kind, &body),
            Some(Fault::Hang) => {
                // Until the client gives up.
                let mut rest = Vec::new();
                drop(stream.read_to_end(&mut rest));
                return;
            }
            None => self.answer(&line, &bearer, &body),
        };
        // A client that has gone away is a fact of the test, not of the server.
        drop(stream.write_all(answer.as_bytes()));
    }

    fn pass_the_gate(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting += 1;
        gate = self.moved.wait_while(gate, |gate| gate.shut).unwrap();
        gate.waiting -= 1;
    }

    fn answer(&self, line: &str, bearer: &str, body: &Value) -> String {
        let json = |status: u16, body: Value| answer(status, "application/json", &body.to_string());
        match line {
            "POST /auth/token" => {
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                assert_eq!(body["grant_type"], grant, "{body}");
                if body["assertion"].is_null() {
                    return json(400, json!({ "error": "invalid_request" }));
                }
                let mut assertions = self.assertions.lock().unwrap();
                assertions.push(body["assertion"].as_str().unwrap().to_owned());
                let token = jwt(assertions.len());
                json(
                    201,
                    json!({ "access_token": token, "expires_in": self.lifetime.load(Ordering::SeqCst) }),
                )
            }
            "GET /api/v2/auth/logout" => {
                self.revoked.lock().unwrap().insert(bearer.to_owned());
                answer(307, "text/plain", "")
            }
            "GET /auth/dagpass/roles" if bearer.starts_with("e30.airflow-jwt") => {
                match &*self.roles.lock().unwrap() {
                    Some(roles) => json(200, roles.clone()),
                    None => json(404, json!({ "detail": "Not Found" })),
                }
            }
            _ if self.revoked.lock().unwrap().contains(bearer) => {
                json(403, json!({ "detail": "Invalid JWT token" }))
            }
            _ => json(200, json!({ "dags": [] })),
        }
    }
}

fn answer(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Method and path, the bearer token, the body.
fn request(stream: &TcpStream) -> (String, String, Value) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut bearer, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            None => first = line.rsplit_once(' ').unwrap().0.to_owned(),
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                bearer = value.trim_start_matches("Bearer ").to_owned();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (first, bearer, serde_json::from_slice(&body).unwrap_or_default())
}
