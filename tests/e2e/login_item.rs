//! Fact: the agent is made to start with the desktop, or no longer, by the command, by the route and by
//! `purge`, in the form that this session will read: an autostart entry or a unit of systemd, which the
//! specifications' own checkers take.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::{Process, World};

const CONFIG: &str = "[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n";

fn world() -> World {
    configured(World::bare())
}

fn configured(world: World) -> World {
    world.configure(CONFIG);
    world.secret("nothing was handed out", "no-secret-in-this-world");
    world
}

fn item(world: &World) -> Value {
    world.api("GET", "/v1/agent/login-item", &Value::Null).json()
}

/// A checker that the machine has, or has not.
fn checked(world: &World, program: &str, args: &[&str], file: &Path) {
    if !Path::new("/usr/bin").join(program).exists() {
        println!("skipped: no {program} here");
        return;
    }
    let ended = Process::spawn(program, world.command(program).args(args).arg(file)).ended();
    let ours = |line: &&str| line.contains("dagpass");
    let said: Vec<&str> = ended.stdout.lines().chain(ended.stderr.lines()).filter(ours).collect();
    assert!(ended.code() == 0 || said.is_empty(), "{said:?}");
}

#[test]
fn a_desktop_gets_an_autostart_entry() {
    let world = world();
    world.set("DISPLAY", ":4711");
    let entry: PathBuf = world.home().join(".config/autostart/dagpass.desktop");
    let said = world.cli(&["agent", "enable"]).expect(0);
    assert!(said.stderr.contains("autostart/dagpass.desktop"), "{}", said.stderr);
    let text = fs::read_to_string(&entry).unwrap();
    let program = env!("CARGO_BIN_EXE_dagpass-agent");
    assert!(text.contains(&format!("Exec=\"{program}\" run --at-login\n")), "{text}");
    checked(&world, "desktop-file-validate", &[], &entry);

    world.start_agent();
    let shown = item(&world);
    assert_eq!((&shown["enabled"], &shown["how"]), (&json!(true), &json!("autostart")));
    assert_eq!(shown["path"], entry.to_str().unwrap());
    let status = world.cli(&["agent", "status"]).expect(0);
    assert!(status.stdout.contains("starts at login"), "{}", status.stdout);

    let off = world.api("PUT", "/v1/agent/login-item", &json!({ "enabled": false })).json();
    assert_eq!(off["enabled"], false);
    assert!(!entry.exists());
    let on = world.api("PUT", "/v1/agent/login-item", &json!({ "enabled": true })).json();
    assert_eq!(on["enabled"], true);
    world.cli(&["agent", "disable"]).expect(0);
    assert!(!entry.exists());
    world.close();
}

#[test]
fn a_server_with_systemd_gets_a_unit_and_purge_takes_it_back() {
    let world = configured(World::new());
    fs::create_dir_all(world.root().join("run/systemd")).unwrap();
    fs::write(world.root().join("run/systemd/private"), "").unwrap();
    world.start_agent();
    let on = world.api("PUT", "/v1/agent/login-item", &json!({ "enabled": true })).json();
    assert_eq!((&on["enabled"], &on["how"]), (&json!(true), &json!("systemd")));
    let unit = world.home().join(".config/systemd/user/dagpass.service");
    let wanted = world.home().join(".config/systemd/user/default.target.wants/dagpass.service");
    assert_eq!(fs::canonicalize(&wanted).unwrap(), fs::canonicalize(&unit).unwrap());
    checked(&world, "systemd-analyze", &["--user", "verify"], &unit);

    let purged = world.cli(&["purge", "--yes"]);
    world.forget_agent();
    assert!(purged.stdout.contains("dagpass.service"), "{}{}", purged.stdout, purged.stderr);
    assert!(!unit.exists() && !wanted.is_symlink());
    world.close();
}

#[test]
fn where_nothing_starts_programs_it_says_so() {
    let world = world();
    world.start_agent();
    let shown = item(&world);
    assert_eq!((&shown["enabled"], &shown["available"]), (&json!(false), &json!(false)));
    let refused = world.api("PUT", "/v1/agent/login-item", &json!({ "enabled": true }));
    assert_eq!(refused.status, 502);
    assert!(refused.json()["cause"].as_str().unwrap().contains("neither a desktop"));
    world.cli(&["agent", "enable"]).expect(1);
    world.close();
}

#[test]
fn an_agent_that_the_desktop_started_says_so() {
    let world = world();
    let mut command = world.command(env!("CARGO_BIN_EXE_dagpass-agent"));
    world.start_agent_by(command.args(["run", "--at-login"]));
    let status = world.api("GET", "/v1/status", &Value::Null).json();
    assert_eq!(status["agent"]["started_by_login"], true);
    world.close();
}
