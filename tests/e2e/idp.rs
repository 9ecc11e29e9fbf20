//! The independent provider of `tests/idp`: one for each test, in one program for all; asked what it saw,
//! told what to do wrong.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use crate::certificates::Certificates;
use crate::http;
use crate::world::{Process, World, program};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the products' own names")]
pub(crate) enum Family {
    PingOne,
    PingFederate,
    PingAm,
}

impl Family {
    pub(crate) const ALL: [Self; 3] = [Self::PingOne, Self::PingFederate, Self::PingAm];
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PingOne => "pingone",
            Self::PingFederate => "pingfederate",
            Self::PingAm => "pingam",
        })
    }
}

/// What a provider is started with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) family: Family,
    /// Seconds an access token lives.
    pub(crate) access: u32,
    /// `detect`, `drop`, `grace`, `never`.
    pub(crate) rotation: &'a str,
    pub(crate) tls: Option<&'a Certificates>,
    /// Whether authorization requests must be pushed (RFC 9126).
    pub(crate) par: bool,
    /// 0 is the system's choice.
    pub(crate) port: u16,
    /// What the agent's client is registered with beside its name; a public one where absent.
    pub(crate) client: Option<&'a Value>,
}

impl Setting<'_> {
    pub(crate) const fn of(family: Family) -> Self {
        Self {
            family,
            access: 300,
            rotation: "detect",
            tls: None,
            par: false,
            port: 0,
            client: None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Idp {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) api: String,
    control: String,
    /// What the house of providers calls it; none once it was stopped.
    number: Option<u64>,
}

impl Idp {
    pub(crate) fn start(setting: Setting<'_>) -> Self {
        let tls = setting.tls.map(|tls| json!({ "chain": tls.chain, "key": tls.key }));
        let (number, line) = House::of_providers().ask(&json!({ "start": {
            "family": setting.family.to_string(),
            "access": setting.access,
            "rotation": setting.rotation,
            "tls": tls,
            "key": Path::new(env!("CARGO_TARGET_TMPDIR")).join("idp-key.json"),
            "port": setting.port,
            "requirePar": setting.par,
            "client": setting.client,
        } }));
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        Self {
            issuer: text("issuer"),
            client_id: text("client_id"),
            api: text("api"),
            control: text("control"),
            number: Some(number),
        }
    }

    /// Ends it at once; its port is free then, for another with the same name and keys.
    pub(crate) fn stop(&mut self) -> u16 {
        let port = self.issuer.split(':').nth(2).and_then(|rest| rest.split('/').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port in the issuer");
        let number = self.number.take().expect("it stands");
        House::of_providers().ask(&json!({ "stop": number }));
        port
    }

    /// A profile `prod` at this provider; `more` is added inside its table.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "default-profile = \"prod\"\n\n[profile.prod]\nissuer = \"{}\"\nclient-id = \"{}\"\n\
             scopes = [\"openid\", \"profile\", \"groups\", \"airflow\", \"warehouse:read\", \
             \"lake:read\", \"reports:read\"]\nredirect-ports = [0]\n{more}\n",
            self.issuer, self.client_id
        )
    }

    /// The calls that match, e.g. `endpoint=token&grant=refresh_token`, as soon as there are `count`.
    pub(crate) fn wait(&self, count: usize, filter: &str) -> Vec<Value> {
        let answer = self.get(&format!("wait?{filter}&count={count}&ms=30000"));
        assert_eq!(answer["came"], true, "{count} calls with {filter}; saw: {}", self.get("log"));
        answer["calls"].as_array().unwrap().clone()
    }

    /// The calls that match, now.
    pub(crate) fn calls(&self, filter: &str) -> Vec<Value> {
        self.get(&format!("wait?{filter}&ms=0"))["calls"].as_array().unwrap().clone()
    }

    pub(crate) fn refreshes(&self) -> Vec<Value> {
        self.calls("endpoint=token&grant=refresh_token")
    }

    /// What the protected API saw: time, token, expiry, status.
    pub(crate) fn api_log(&self) -> Vec<Value> {
        self.get("api-log")["calls"].as_array().unwrap().clone()
    }

    /// Calls the protected API and gives the status.
    pub(crate) fn call_api(&self, token: &str) -> u16 {
        let header = format!("Bearer {token}");
        http::with_headers(&self.api, "GET", &[("Authorization", &header)], "").unwrap().status
    }

    pub(crate) fn approve(&self, user_code: &str) {
        self.post("approve", &json!({ "user_code": user_code }));
    }

    /// Signs in without a browser; gives the callback URL, which holds a code.
    pub(crate) fn authorize(&self, url: &str) -> String {
        self.post("authorize", &json!({ "url": url }))["callback"].as_str().unwrap().to_owned()
    }

    /// Asks for a fault; `tests/idp/faults.mjs` lists the kinds.
    pub(crate) fn fault(&self, fault: &Value) {
        self.post("fault", fault);
    }

    /// Changes a habit of the family; `tests/idp/families.mjs` lists them.
    pub(crate) fn quirk(&self, quirk: &Value) {
        self.post("quirk", quirk);
    }

    pub(crate) fn release(&self) {
        self.post("release", &Value::Null);
    }

    pub(crate) fn access_lifetime(&self, seconds: u32) {
        self.post("ttl", &json!({ "access": seconds }));
    }

    pub(crate) fn revoke_families(&self) {
        assert!(self.post("revoke-family", &Value::Null)["revoked"].as_u64().unwrap() > 0);
    }

    /// Tells the world's scan every secret this provider handed out or was sent.
    pub(crate) fn give_secrets(&self, world: &World) {
        let answer = self.get("secrets");
        let secrets = answer["secrets"].as_array().unwrap();
        assert!(!secrets.is_empty(), "the provider handed out no secret");
        for secret in secrets {
            world.secret(secret["kind"].as_str().unwrap(), secret["value"].as_str().unwrap());
        }
    }

    fn get(&self, route: &str) -> Value {
        self.ask(route, "GET", "")
    }

    fn post(&self, route: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(route, "POST", &body)
    }

    fn ask(&self, route: &str, method: &str, body: &str) -> Value {
        let reply = http::request(&format!("{}/{route}", self.control), method, body).unwrap();
        assert_eq!(reply.status, 200, "{route}: {}", reply.body);
        reply.json()
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            // Nobody waits for it, a test that fails least of all.
            let _gone_with_its_house = House::of_providers().tell(&json!({ "stop": number }));
        }
    }
}

/// To be started.
pub(crate) fn house() -> Command {
    let mut command = Command::new("node");
    command.arg(folder().join("house.mjs"));
    command
}

/// The one program that all providers of these tests live in; it ends with this one, whose pipe it reads.
#[derive(Debug)]
struct House {
    process: Process,
    ear: Mutex<ChildStdin>,
    asked: AtomicU64,
}

impl House {
    fn of_providers() -> &'static Self {
        static HOUSE: OnceLock<House> = OnceLock::new();
        HOUSE.get_or_init(|| {
            install();
            let mut process = Process::spawn("providers", house().stdin(Stdio::piped()));
            let ear = Mutex::new(process.stdin());
            Self { process, ear, asked: AtomicU64::new(1) }
        })
    }

    /// The number of what is said.
    fn tell(&self, what: &Value) -> io::Result<u64> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut line = what.clone();
        line["id"] = json!(number);
        let mut ear = self.ear.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(ear, "{line}").map(|()| number)
    }

    /// The number of the question, and its answer.
    fn ask(&self, question: &Value) -> (u64, Value) {
        let number = self.tell(question).expect("the providers live");
        let answer = self.process.stdout.wait_for("answer of the providers", |text| {
            // The library has its word there too, and a line may not be whole yet.
            let mut answers =
                text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            answers.find(|answer| answer["id"] == number)
        });
        assert!(answer.get("error").is_none(), "{question}: {answer}");
        (number, answer)
    }
}

/// No refresh token may ever reach the provider twice.
pub(crate) fn assert_none_twice(refreshes: &[Value]) {
    let mut seen = std::collections::BTreeSet::new();
    for call in refreshes {
        let presented = call["presented"].as_str().unwrap();
        assert!(seen.insert(presented.to_owned()), "presented twice: {refreshes:#?}");
    }
}

/// `$BROWSER` for the agent: a real Chromium that signs in, its report in the world's `tmp`.
pub(crate) fn chromium(world: &World) -> PathBuf {
    install();
    let home = world.home();
    let tmp = world.root().join("tmp");
    let script = format!(
        "#!/bin/sh\nHOME='{}' TMPDIR='{}' exec node '{}' --report '{}' --screenshot '{}' \"$1\"\n",
        home.display(),
        tmp.display(),
        folder().join("browser.mjs").display(),
        tmp.join("page.json").display(),
        tmp.join("page.png").display(),
    );
    script_file(world, "chromium", &script)
}

/// `$BROWSER` that only writes down which URL it was to open.
pub(crate) fn notebook(world: &World) -> PathBuf {
    let file = world.root().join("tmp/opened");
    script_file(world, "notebook", &format!("#!/bin/sh\necho \"$1\" >> '{}'\n", file.display()))
}

fn script_file(world: &World, name: &str, text: &str) -> PathBuf {
    let file = world.root().join(name);
    program::script(&file, text);
    file
}

/// Where the rig lies, its packages installed.
pub(crate) fn rig_folder() -> &'static Path {
    install();
    folder()
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/idp"))
}

/// The provider's packages, from its lock file, once; under a lock, as test programs may overlap.
fn install() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let lock =
            fs::File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm.lock")).unwrap();
        lock.lock().unwrap();
        if folder().join("node_modules/.package-lock.json").exists() {
            return;
        }
        let mut npm = Command::new("npm");
        npm.arg("ci").arg("--prefix").arg(folder()).stdin(Stdio::null());
        let done = npm.output().expect("Node.js with npm is installed");
        assert!(done.status.success(), "npm ci: {}", String::from_utf8_lossy(&done.stderr));
    });
}
