//! Fact: what an administrator lays down in `/etc/dagpass/config.toml` is what everybody on the machine begins
//! with; what it locks is nobody else's to set, by no door; and one that cannot be trusted is never left out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::{Ended, Process, World};

/// A machine whose `/etc` is another one: there is no variable that would lead elsewhere.
const ON_MACHINE: &str = r#"mount --bind "$1" /etc && shift && exec "$@""#;
const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");
const AGENT: &str = env!("CARGO_BIN_EXE_dagpass-agent");
const NOT_IN_FORCE: &str = "the machine's config is not taken";

struct Machine {
    scene: Scene,
    etc: tempfile::TempDir,
    /// What an administrator would ship: the profile of the provider.
    profile: String,
}

impl Machine {
    /// `None` where the test cannot make one.
    fn new() -> Option<Self> {
        if !rustix::process::getuid().is_root() {
            println!("not run: an `/etc` of its own takes root");
            return None;
        }
        let etc = tempfile::tempdir().unwrap();
        let copied =
            Command::new("cp").args(["-a", "/etc/.", "."]).current_dir(etc.path()).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(etc.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(etc.path().join("dagpass")).unwrap();
        fs::set_permissions(etc.path().join("dagpass"), fs::Permissions::from_mode(0o755)).unwrap();
        let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), "");
        let own = scene.world.root().join("config.toml");
        let profile = fs::read_to_string(&own).unwrap();
        fs::remove_file(own).unwrap();
        Some(Self { scene, etc, profile })
    }

    fn theirs(&self) -> PathBuf {
        self.etc.path().join("dagpass/config.toml")
    }

    fn own(&self) -> PathBuf {
        self.scene.world.root().join("config.toml")
    }

    /// As a tool for it does: whole, and root's.
    fn lay(&self, text: &str) {
        let fresh = self.theirs().with_extension("new");
        fs::write(&fresh, text).unwrap();
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o644)).unwrap();
        fs::rename(fresh, self.theirs()).unwrap();
    }

    fn locking(&self, keys: &str) -> String {
        format!("locked = [{keys}]\nconnection-hosts = [\"*.corp.example\"]\n{}", self.profile)
    }

    fn on_machine(&self, program: &str) -> Command {
        let mut command = self.scene.world.command("unshare");
        command.args(["--mount", "sh", "-c", ON_MACHINE, "sh"]).arg(self.etc.path()).arg(program);
        command
    }

    fn start_agent(&self) {
        self.scene.world.start_agent_by(self.on_machine(AGENT).arg("run"));
    }

    /// Which looks at the machine's files by itself.
    fn config(&self, args: &[&str]) -> Ended {
        let mut command = self.on_machine(DAGPASS);
        Process::spawn("dagpass config", command.arg("config").args(args)).ended()
    }

    fn agent(&self) -> Value {
        self.scene.world.api("GET", "/v1/status", &Value::Null).json()["agent"].clone()
    }

    fn until_state(&self, state: &str) {
        until(&format!("a config that is {state}"), || {
            (self.agent()["config_state"] == state).then_some(())
        });
    }

    fn doctor(&self) -> String {
        self.scene.world.cli(&["doctor"]).stdout
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn who_has_no_config_signs_in_by_the_machine_s_and_what_it_locks_is_refused_at_every_door() {
    let Some(machine) = Machine::new() else { return };
    let world = &machine.scene.world;
    machine
        .lay(&machine.locking(r#""issuer", "client-id", "connection-hosts", "policy", "audit""#));
    machine.start_agent();
    machine.scene.sign_in();
    machine.scene.token();
    assert!(!machine.own().exists());
    let status = world.cli(&["status"]).expect(0).stdout;
    assert!(
        status.contains("under /etc/dagpass/config.toml, which locks issuer, client-id"),
        "{status}"
    );
    assert!(
        machine.doctor().contains("/etc/dagpass/config.toml: locks issuer"),
        "{}",
        machine.doctor()
    );
    let checked = machine.config(&["check"]).expect(0);
    assert!(checked.stderr.contains("which locks issuer, client-id"), "{}", checked.stderr);
    let shown = machine.config(&["show"]).expect(0);
    assert!(shown.stderr.contains("/etc/dagpass/config.toml"), "{}", shown.stderr);

    // Each door, and what it would have said of the lock.
    let locked = "profile.prod.issuer: is locked by /etc/dagpass/config.toml";
    let put = json!({ "text": "[profile.prod]\nissuer = \"https://evil.example\"\n" });
    let edit = json!({ "set": { "profile.prod.issuer": "https://evil.example" } });
    for (method, path, body) in [("PUT", "/v1/config", &put), ("POST", "/v1/config/edit", &edit)] {
        let refused = world.api(method, path, body);
        assert_eq!(refused.json()["error"], "config_invalid", "{path}: {}", refused.body);
        assert!(
            refused.json()["cause"].as_str().unwrap().contains(locked),
            "{path}: {}",
            refused.body
        );
        assert!(!machine.own().exists(), "{path}");
    }
    let init =
        ["init", "prod", "--issuer", "http://127.0.0.1:9/as", "--client-id", "own", "--force"];
    assert_ne!(world.cli(&init).code(), 0);
    let elsewhere = json!({ "set": { "connection.own": { "conn-type": "http", "host": "https://evil.example" } } });
    let refused = world.api("POST", "/v1/config/edit", &elsewhere);
    assert!(refused.body.contains("is at none of the hosts"), "{}", refused.body);
    let glass = world.cli(&["agent", "break-glass", "the night shift"]);
    assert_ne!(glass.code(), 0);
    assert!(glass.stderr.contains("is locked by /etc/dagpass/config.toml"), "{}", glass.stderr);
    assert!(!machine.own().exists());

    // By an editor: named with its line, and what was in force stays so.
    fs::write(machine.own(), "# mine\n[profile.prod]\nclient-id = \"own\"\n").unwrap();
    machine.until_state("outdated");
    let error = machine.agent()["config_error"].to_string();
    assert!(error.contains("config.toml:3:13: profile.prod.client-id: is locked by"), "{error}");
    let checked = machine.config(&["check"]).expect(1).stdout;
    assert!(
        checked.contains("config.toml:3:13: profile.prod.client-id: is locked by /etc/dagpass"),
        "{checked}"
    );
    assert!(checked.contains("hint: take the line out"), "{checked}");
    machine.scene.token();
    // What is not locked is one's own.
    fs::write(machine.own(), "[profile.prod]\nlogin-hint = \"ada\"\n").unwrap();
    machine.until_state("in_force");
    machine.scene.token();
    machine.scene.close();
}

#[test]
fn one_that_others_may_write_is_held_to_as_it_last_was_and_after_a_restart_no_token_leaves() {
    let Some(machine) = Machine::new() else { return };
    let world = &machine.scene.world;
    machine.lay(&machine.locking(r#""issuer""#));
    machine.start_agent();
    machine.scene.sign_in();
    machine.scene.token();

    mode(&machine.theirs(), 0o664);
    machine.until_state("outdated");
    machine.scene.token();
    let doctor = machine.doctor();
    assert!(doctor.contains("the last good one is held to"), "{doctor}");
    let status = world.cli(&["status"]).expect(0).stdout;
    assert!(status.contains(NOT_IN_FORCE), "{status}");

    until("the record of it", || {
        let told = world.cli(&["audit", "search", "--event", "config-change"]).stdout;
        (told.contains("is not as it has to be") && told.contains("may write to")).then_some(())
    });

    world.stop_agent();
    machine.start_agent();
    machine.until_state("wrong");
    let refused = machine.scene.ask(&json!({}));
    assert_eq!(refused.json()["error"], "config_invalid", "{}", refused.body);
    assert!(refused.body.contains("/etc/dagpass/config.toml"), "{}", refused.body);
    let doctor = world.cli(&["doctor"]).expect(1).stdout;
    assert!(doctor.contains("no token leaves"), "{doctor}");
    let checked = machine.config(&["check"]).expect(1).stdout;
    assert!(checked.contains(NOT_IN_FORCE) && checked.contains("may write to"), "{checked}");
    // Nobody helps themselves to one of their own meanwhile.
    let put = json!({ "text": machine.profile });
    assert_eq!(world.api("PUT", "/v1/config", &put).json()["error"], "config_invalid");

    // Mended in its place, without a restart and without a new sign-in.
    mode(&machine.theirs(), 0o644);
    machine.until_state("in_force");
    machine.scene.token();

    // Under a running agent that had none, too.
    fs::write(machine.own(), &machine.profile).unwrap();
    fs::remove_file(machine.theirs()).unwrap();
    until("the machine's config is gone", || {
        machine.agent()["managed_config"].is_null().then_some(())
    });
    machine.scene.token();
    machine.lay("locked = [\"isuer\"]\n");
    machine.until_state("wrong");
    assert_eq!(machine.scene.ask(&json!({})).json()["error"], "config_invalid");
    let rule = "[[policy.rule]]\nwhen = { program = \"nobody-*\" }\nthen = \"deny\"\n";
    machine.lay(&format!("{}{rule}", machine.locking(r#""issuer""#)));
    machine.until_state("in_force");
    machine.scene.token();

    // A glass that was broken before there was a lock is whole again with it.
    until("the machine's rule", || (machine.agent()["policy_state"] == "in_force").then_some(()));
    world.cli(&["agent", "break-glass", "the night shift"]).expect(0);
    assert_eq!(machine.agent()["policy_state"], "switched_off");
    machine.lay(&format!("{}{rule}", machine.locking(r#""issuer", "policy""#)));
    until("the glass is whole", || (machine.agent()["policy_state"] == "in_force").then_some(()));
    assert_ne!(world.cli(&["agent", "break-glass", "the night shift"]).code(), 0);
    machine.scene.close();
}
