//! The usual scene: one world, one provider, one agent, and a person who signs in.

use std::process::Stdio;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::http::Reply;
use crate::idp::{Idp, Setting};
use crate::world::{Ended, World};

/// Two connections that are narrowed, each to one scope of its own.
pub(crate) const WAREHOUSE_API: &str = r#"
[connection.warehouse_api]
profile = "prod"
conn-type = "http"
host = "https://warehouse.corp.example"
scopes = ["warehouse:read"]
token-in = "password"
"#;
pub(crate) const LAKE_API: &str = r#"
[connection.lake_api]
profile = "prod"
conn-type = "http"
host = "https://lake.corp.example"
scopes = ["lake:read"]
token-in = "password"
"#;

#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) idp: Idp,
}

impl Scene {
    /// Keyring open, agent up, nobody signed in.
    pub(crate) fn new(setting: Setting<'_>) -> Self {
        Self::configured(setting, "")
    }

    /// `more` goes into the profile's table and may open tables of its own.
    pub(crate) fn configured(setting: Setting<'_>, more: &str) -> Self {
        let scene = Self::in_world(World::new(), setting, more);
        scene.world.start_agent();
        scene
    }

    /// In a world made ready by the test; the agent is not started.
    pub(crate) fn in_world(world: World, setting: Setting<'_>, more: &str) -> Self {
        let idp = Idp::start(setting);
        world.configure(&idp.config(more));
        Self { world, idp }
    }

    /// As [`Self::new`], signed in.
    pub(crate) fn signed_in(setting: Setting<'_>) -> Self {
        let scene = Self::new(setting);
        scene.sign_in();
        scene
    }

    /// `dagpass login --device`, approved by a person elsewhere.
    pub(crate) fn sign_in(&self) -> Ended {
        self.sign_in_by("dagpass login")
    }

    /// The same by another `dagpass login …`, as a hint may name it.
    pub(crate) fn sign_in_by(&self, line: &str) -> Ended {
        self.sign_in_at(line, &self.idp)
    }

    /// At whichever provider the profile names.
    pub(crate) fn sign_in_at(&self, line: &str, idp: &Idp) -> Ended {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_dagpass"));
        command.args(line.split(' ').skip(1)).arg("--device").stdin(Stdio::null());
        let mut login = crate::world::Process::spawn(line, &mut command);
        let code = login.stderr.wait_for("user code", user_code);
        idp.approve(&code);
        let ended = login.ended();
        self.world.keep_text("stdout of dagpass login", &ended.stdout);
        self.world.keep_text("stderr of dagpass login", &ended.stderr);
        ended.expect(0)
    }

    /// `POST /v1/token` on the socket.
    pub(crate) fn ask(&self, ask: &Value) -> Reply {
        self.world.api("POST", "/v1/token", ask)
    }

    /// A token by the socket, which must be there.
    pub(crate) fn token(&self) -> String {
        let reply = self.ask(&json!({}));
        assert_eq!(reply.status, 200, "{}\n{}", reply.body, self.world.agent_said());
        let token = reply.json()["access_token"].as_str().unwrap().to_owned();
        self.world.secret("access token", &token);
        token
    }

    /// What makes the agent refresh now: a server refused its current token.
    pub(crate) fn rejecting(&self) -> Value {
        json!({ "rejected": fingerprint(&self.token()) })
    }

    /// A token by a refresh made now.
    pub(crate) fn refreshed(&self) -> String {
        let reply = self.ask(&self.rejecting());
        assert_eq!(reply.status, 200, "{}\n{}", reply.body, self.world.agent_said());
        reply.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Waits until the provider no longer takes this token.
    pub(crate) fn wait_until_expired(&self, token: &str) {
        crate::wait::until("the token's end", || (self.idp.call_api(token) == 401).then_some(()));
    }

    /// Ends the scene with the scan for every secret the provider handed out or was sent.
    pub(crate) fn close(self) {
        self.idp.give_secrets(&self.world);
        self.world.close();
    }
}

/// SHA-256 in lower-case hex.
pub(crate) fn fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The code a person is shown: two groups of four capitals or digits.
pub(crate) fn user_code(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .find(|word| {
            let groups: Vec<_> = word.split('-').collect();
            let plain = |group: &&str| {
                group.len() == 4
                    && group.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            };
            groups.len() == 2 && groups.iter().all(plain)
        })
        .map(str::to_owned)
}
