//! The second independent provider, PyPI `django-oauth-toolkit` (`tests/idp/django`): started for one
//! test, asked what it saw, told what only its admin or a thief could do.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::http;
use crate::idp::rig_folder;
use crate::world::{Process, World};

#[derive(Debug)]
pub(crate) struct Django {
    pub(crate) issuer: String,
    origin: String,
    browser: String,
    device: String,
    _process: Process,
}

impl Django {
    pub(crate) fn start() -> Self {
        prepare();
        let mut command = starter();
        let process = Process::spawn("django provider", command.stdin(Stdio::piped()));
        let line: Value = process.stdout.wait_for("line of the provider", |text| {
            text.split_once('\n').map(|(line, _)| serde_json::from_str(line).unwrap())
        });
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        Self {
            issuer: text("issuer"),
            origin: text("origin"),
            browser: text("browser"),
            device: text("device"),
            _process: process,
        }
    }

    /// Profile `prod` signs in by browser and has what this provider's document names, no more; `device`
    /// by device code, with the endpoints that the document leaves out.
    pub(crate) fn config(&self) -> String {
        let Self { issuer, browser, device, .. } = self;
        let same = "scopes = [\"openid\", \"profile\", \"groups\", \"warehouse:read\"]\n\
                    redirect-ports = [0]\n";
        format!(
            "default-profile = \"prod\"\n\n\
             [profile.prod]\nissuer = \"{issuer}\"\nclient-id = \"{browser}\"\n{same}\n\
             [profile.device]\nissuer = \"{issuer}\"\nclient-id = \"{device}\"\n{same}\
             [profile.device.endpoints]\n\
             device_authorization = \"{issuer}/device-authorization/\"\n\
             revocation = \"{issuer}/revoke_token/\"\n"
        )
    }

    /// Its token endpoint's calls with this grant, in order.
    pub(crate) fn grants(&self, grant: &str) -> Vec<Value> {
        self.calls(|call| call["grant"] == grant)
    }

    pub(crate) fn revocations(&self) -> Vec<Value> {
        self.calls(|call| {
            call["path"].as_str().is_some_and(|path| path.ends_with("/revoke_token/"))
        })
    }

    /// Calls an API that the provider's own library protects, and gives the status.
    pub(crate) fn call_api(&self, token: &str) -> u16 {
        let header = format!("Bearer {token}");
        let api = format!("{}/rig/api", self.origin);
        http::with_headers(&api, "GET", &[("Authorization", &header)], "").unwrap().status
    }

    /// Somebody else redeems the refresh token that stands, and gives their answer.
    pub(crate) fn steal(&self) -> Value {
        let standing = self.rig("current", "GET");
        let token = standing["tokens"][0].as_str().expect("a refresh token stands").to_owned();
        self.redeem(&token)
    }

    pub(crate) fn redeem(&self, token: &str) -> Value {
        let form =
            format!("grant_type=refresh_token&client_id={}&refresh_token={token}", self.device);
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let endpoint = format!("{}/token/", self.issuer);
        http::with_headers(&endpoint, "POST", &headers, &form).unwrap().json()
    }

    pub(crate) fn end_families(&self) {
        let ended = self.rig("end-families", "POST");
        assert!(ended["ended"].as_u64().is_some_and(|count| count > 0), "none stood");
    }

    /// A person goes through its pages from `url`; `args` are those of `tests/idp/walk.mjs`.
    pub(crate) fn walk(&self, url: &str, args: &[&str]) -> Value {
        let mut command = Command::new("node");
        command.arg(rig_folder().join("walk.mjs")).args(args).arg(url).stdin(Stdio::null());
        let walked = Process::spawn("walk.mjs", &mut command).ended().expect(0);
        serde_json::from_str(&walked.stdout).unwrap()
    }

    /// Tells the world's scan every secret this provider handed out or was sent.
    pub(crate) fn give_secrets(&self, world: &World) {
        let answer = self.rig("secrets", "GET");
        let secrets = answer["secrets"].as_array().unwrap();
        assert!(!secrets.is_empty(), "the provider handed out no secret");
        for secret in secrets {
            world.secret(secret["kind"].as_str().unwrap(), secret["value"].as_str().unwrap());
        }
    }

    pub(crate) fn calls(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let answer = self.rig("calls", "GET");
        answer["calls"].as_array().unwrap().iter().filter(|call| wanted(call)).cloned().collect()
    }

    fn rig(&self, route: &str, method: &str) -> Value {
        let reply = http::request(&format!("{}/rig/{route}", self.origin), method, "").unwrap();
        assert_eq!(reply.status, 200, "{route}: {}", reply.body);
        reply.json()
    }
}

fn starter() -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idp/django/start.py"));
    command
}

/// Its environment, from its lock file, once; without a deadline, as it may come over the network.
fn prepare() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let done = starter().arg("--prepare").stdin(Stdio::null()).output();
        let done = done.expect("Python is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    });
}
