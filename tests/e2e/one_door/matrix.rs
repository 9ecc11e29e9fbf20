//! Every route, asked for by each kind of caller through its own door, under no policy, one that forbids all
//! and one that asks for tokens. What is to come of it stands here; the agent's own table is not read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{begin, empty, ledger, with};
use crate::containers::{capability, up};
use crate::http::{self, Reply};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Process;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");
const LAKE: &str = "\n[connection.lake]\nconn-type = \"http\"\nscopes = [\"lake:read\"]\n";
const FORBIDS: &str =
    "permit(principal, action, resource);\nforbid(principal, action, resource);\n";
const ASKS: &str = "permit(principal, action, resource);\n\
    forbid(principal, action in Action::\"tokens\", resource) unless { context.approved };\n";

/// Whose it is by our own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// Every door, and runs.
    All,
    /// The owner and runs.
    Runs,
    /// The owner, by whichever way.
    Owner,
    /// The owner at this very machine.
    AtHand,
}
use For::{All, AtHand, Owner, Runs};

/// What a policy has to say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    /// A token: asked about by the one that asks.
    Token,
    /// Whatever one forbids.
    Policy,
    /// As that, and nobody's whose own question waits: it could open what is asked about.
    Widens,
    /// None closes it; but for the same.
    Switch,
    /// None closes it.
    None,
}
use Under::{None as Outside, Policy, Switch, Token, Widens};

/// The uid of nobody's.
const NOBODY_S: u32 = 65_534;

/// Text is no body that any route takes: it gets as far as the judge, and does nothing.
const NOBODY: &str = "\"\"";

/// `!` before a
/// path: it would end the world, or never end itself, so it is asked for where it is to be denied alone.
const ROWS: &[(&str, &str, &str, For, Under)] = &[
    ("POST", "/v1/token", r#"{"profile":"prod"}"#, All, Token),
    ("POST", "/v1/airflow/connection", r#"{"conn_id":"lake"}"#, All, Token),
    ("POST", "/v1/try", r#"{"connection":"lake"}"#, Owner, Token),
    ("POST", "/v1/airflow/roles", NOBODY, Owner, Policy),
    ("GET", "/v1/airflow/connections", "", Owner, Policy),
    ("GET", "/v1/status", "", All, Outside),
    ("GET", "!/v1/events", "", Owner, Outside),
    ("GET", "/v1/activity", "", Owner, Policy),
    ("GET", "/v1/connections", "", All, Policy),
    ("GET", "!/v1/doctor", "", Owner, Outside),
    ("POST", "/v1/doctor", NOBODY, Owner, Outside),
    ("GET", "/v1/config", "", Owner, Policy),
    ("PUT", "/v1/config", NOBODY, Owner, Widens),
    ("POST", "/v1/config/edit", NOBODY, Owner, Widens),
    ("POST", "/v1/config/preview", NOBODY, Owner, Policy),
    ("POST", "/v1/discover", NOBODY, Owner, Policy),
    ("POST", "/v1/sign-in", NOBODY, Owner, Policy),
    ("POST", "/v1/sign-in/callback", NOBODY, Owner, Policy),
    ("POST", "/v1/sign-out", NOBODY, Owner, Outside),
    ("POST", "!/v1/purge", "", Owner, Outside),
    ("POST", "/v1/runs", "{}", Runs, Policy),
    ("DELETE", "/v1/runs/run-of-nobody", "", Owner, Outside),
    ("POST", "/v1/run-events", NOBODY, All, Policy),
    ("POST", "/v1/run-outlook", NOBODY, Owner, Policy),
    ("GET", "/v1/containers", "", Owner, Policy),
    ("POST", "/v1/containers", NOBODY, Owner, Policy),
    ("DELETE", "/v1/containers/container-of-nobody", "", Owner, Outside),
    ("POST", "/v1/relay", NOBODY, Owner, Policy),
    ("GET", "/v1/clients", "", Owner, Policy),
    ("PUT", "/v1/clients", NOBODY, Owner, Policy),
    ("POST", "/v1/store/unlock", NOBODY, Owner, Policy),
    ("POST", "/v1/store/use", NOBODY, Owner, Policy),
    ("POST", "!/v1/agent/pause", "", Owner, Outside),
    ("POST", "!/v1/agent/resume", "", Owner, Policy),
    ("POST", "!/v1/agent/stop", "", Owner, Outside),
    ("GET", "/v1/agent/login-item", "", Owner, Policy),
    ("PUT", "/v1/agent/login-item", NOBODY, Owner, Policy),
    ("POST", "/v1/audit/evidence", NOBODY, Owner, Policy),
    ("GET", "/v1/audit/prune", "", Owner, Outside),
    ("POST", "/v1/audit/prune", NOBODY, AtHand, Policy),
    ("GET", "/v1/audit/ship", "", Owner, Outside),
    ("POST", "/v1/audit/ship", NOBODY, Owner, Outside),
    ("GET", "/v1/approvals", "", Owner, Outside),
    ("POST", "/v1/approvals/ap-of-nobody", r#"{"answer":"once"}"#, Owner, Policy),
    ("DELETE", "/v1/approvals/ap-of-nobody", "", Owner, Outside),
    ("GET", "/v1/policy", "", Owner, Outside),
    ("POST", "/v1/policy/break-glass", NOBODY, AtHand, Switch),
    ("POST", "/v1/policy/check", NOBODY, Owner, Outside),
    ("POST", "/v1/policy/why", NOBODY, Owner, Outside),
    ("POST", "/v1/policy/simulate", NOBODY, Owner, Outside),
    ("GET", "/v1/policy/lint", "", Owner, Outside),
    ("POST", "/v1/leaks", NOBODY, Owner, Outside),
    ("GET", "/v1/leases", "", Runs, Outside),
    ("POST", "/v1/proxy", NOBODY, Owner, Policy),
    ("GET", "/v1/proxy", "", Owner, Policy),
    ("POST", "/v1/leases/revoke", NOBODY, Runs, Outside),
];

#[derive(Clone, Debug)]
enum Caller {
    Person,
    Run(String),
    Container(PathBuf, String),
    Relay(PathBuf),
    /// Behind a process that carries what comes to a socket of its own to the door that is opened for ssh, as
    /// `ssh -R` does.
    Forwarded(PathBuf),
    /// A process of another user's, which the socket's mode lets in.
    Stranger(PathBuf),
    /// With the capability of `endpoint.json`.
    Tcp(String, String),
}

impl Caller {
    fn name(&self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Run(_) => "run",
            Self::Container(..) => "container",
            Self::Relay(_) => "relay",
            Self::Forwarded(_) => "forwarded",
            Self::Stranger(_) => "stranger",
            Self::Tcp(..) => "tcp",
        }
    }

    /// The relay itself has to be permitted before anybody is heard through it.
    fn passes(&self, policy: &str) -> bool {
        policy != "forbids" || !matches!(self, Self::Relay(_))
    }

    /// Where it may not: a refusal, or not a byte.
    fn shut(&self) -> &'static str {
        if matches!(self, Self::Stranger(_)) { "shut" } else { "no" }
    }

    fn may(&self, whose: For) -> bool {
        match self {
            Self::Person | Self::Tcp(..) => true,
            Self::Relay(_) => whose != AtHand,
            Self::Run(_) => matches!(whose, All | Runs),
            Self::Container(..) | Self::Forwarded(_) => whose == All,
            Self::Stranger(_) => false,
        }
    }

    fn asks(&self, scene: &Scene, (method, path): (&str, &str), body: &str) -> Option<Reply> {
        let world = &scene.world;
        let headers = |capability: &str| {
            [
                ("Authorization", format!("Bearer {capability}")),
                ("Sec-Dagpass", "1".to_owned()),
                ("Content-Type", "application/json".to_owned()),
            ]
        };
        Some(match self {
            Self::Person => http::on_socket(&world.socket(), method, path, body).unwrap(),
            // What may not begin passes nothing on, and whoever is sent away without a byte has no answer.
            Self::Relay(near) | Self::Forwarded(near) | Self::Stranger(near) => {
                return http::on_socket(near, method, path, body).ok();
            }
            Self::Run(capability) => {
                let body =
                    if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
                with(world, capability, (method, path), &body)
            }
            Self::Container(socket, capability) => {
                let headers = headers(capability);
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                http::on_socket_with(socket, (method, path), &headers, body).unwrap()
            }
            Self::Tcp(url, capability) => {
                let headers = headers(capability);
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                http::with_headers(&format!("{url}{path}"), method, &headers, body).unwrap()
            }
        })
    }
}

/// `yes`: it got past the judge, whatever came of it. A try answers 200 with what it met.
fn outcome(reply: &Reply) -> &'static str {
    let error = match reply.status {
        200 if reply.body.starts_with("{\"ok\":false") => reply.json()["error"]["error"].clone(),
        403 => reply.json()["error"].clone(),
        401 => return "401",
        _ => return "yes",
    };
    if error == "approval_pending" { "ask" } else { "no" }
}

fn expected(policy: &str, under: Under) -> &'static str {
    match (policy, under) {
        ("forbids", Token | Policy | Widens) | ("asks", Widens | Switch) => "no",
        ("asks", Token) => "ask",
        _ => "yes",
    }
}

/// Whatever comes at `near` goes to `far`, by a process of its own: that user's where one is named.
fn carry(scene: &Scene, (near, far): (&Path, &Path), uid: u32) -> Process {
    const CARRY: &str = r#"
import os, socket, sys, threading
near, far, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
door = socket.socket(socket.AF_UNIX)
door.bind(near)
door.listen(64)
if uid:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
print('carries', flush=True)

def end(one, how):
    try:
        one.shutdown(how)
    except OSError:
        pass

def pipe(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    end(other, socket.SHUT_WR)

def serve(client):
    with client, socket.socket(socket.AF_UNIX) as back:
        try:
            back.connect(far)
        except OSError:
            print('not let in', flush=True)
            return
        threading.Thread(target=pipe, args=(client, back), daemon=True).start()
        pipe(back, client)
        end(client, socket.SHUT_RDWR)

while True:
    client, _ = door.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
"#;
    let mut command = scene.world.command("/usr/bin/python3");
    command.args(["-c", CARRY]).arg(near).arg(far).arg(uid.to_string()).current_dir("/");
    let carries = Process::spawn("a carrier", command.stdin(Stdio::null()));
    carries.stdout.wait_for("its door", |text| text.contains("carries").then_some(()));
    carries
}

#[test]
fn every_route_by_every_kind_of_caller_under_no_policy_one_that_forbids_and_one_that_asks() {
    let scene = Scene::configured(Setting::of(Family::PingOne), LAKE);
    scene.sign_in();
    scene.token();
    let world = &scene.world;
    let (_, run) = begin(world, &empty());
    let (folder, _) = up(world, &[]);
    let near = world.root().join("near");
    std::fs::create_dir(&near).unwrap();
    let near = near.join("agent.sock");
    let mut command = world.command(DAGPASS);
    command.args(["--socket", near.to_str().unwrap(), "relay", "--", DAGPASS, "--socket"]);
    command.args([world.socket().to_str().unwrap(), "relay"]);
    let relay = Process::spawn("dagpass relay", command.stdin(Stdio::null()));
    relay.stderr.wait_for("line that it listens", |text| text.contains("carrying").then_some(()));
    let said = world.cli(&["--json", "container", "up", "--ssh", "box"]).expect(0).stdout;
    let door: Value = serde_json::from_str(&said).unwrap();
    let forwarded = world.root().join("forwarded.sock");
    let _ssh = carry(&scene, (&forwarded, Path::new(door["socket"].as_str().unwrap())), 0);
    let endpoint = std::fs::read_to_string(world.socket().with_file_name("endpoint.json")).unwrap();
    let endpoint: Value = serde_json::from_str(&endpoint).unwrap();
    let mut callers = vec![
        Caller::Person,
        Caller::Run(run),
        Caller::Container(folder.join("agent.sock"), capability(world, &folder)),
        Caller::Relay(near),
        Caller::Tcp(
            format!("http://127.0.0.1:{}", endpoint["port"]),
            endpoint["capability"].as_str().unwrap().to_owned(),
        ),
        Caller::Forwarded(forwarded),
    ];
    let stranger = world.root().join("stranger.sock");
    let carried = match rustix::process::getuid().is_root() {
        true => {
            // What the folder's mode keeps shut is open here, so that the look at the peer stands alone.
            for folder in world.socket().ancestors().skip(1).take(3) {
                std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            let open = std::fs::Permissions::from_mode(0o666);
            std::fs::set_permissions(world.socket(), open).unwrap();
            let carries = carry(&scene, (&stranger, &world.socket()), NOBODY_S);
            callers.push(Caller::Stranger(stranger));
            Some(carries)
        }
        false => {
            println!("no row for another user's process: becoming one takes root");
            None
        }
    };
    let mut wrong = Vec::new();
    for (policy, text) in [("none", None), ("forbids", Some(FORBIDS)), ("asks", Some(ASKS))] {
        if let Some(text) = text {
            std::fs::write(world.root().join("policy.cedar"), text).unwrap();
            until("the policy", || {
                let found = outcome(&world.api("GET", "/v1/activity", &Value::Null));
                let asked = outcome(&scene.ask(&json!({})));
                let both = (expected(policy, Policy), expected(policy, Token));
                ((found, asked) == both).then_some(())
            });
        }
        let names: Vec<&str> = callers.iter().map(Caller::name).collect();
        println!("\n{:<52} {}", format!("policy: {policy}"), names.join("  "));
        for (method, path, body, whose, under) in ROWS {
            let (plain, deadly) =
                path.strip_prefix('!').map_or((*path, false), |path| (path, true));
            let mut cells = Vec::new();
            for caller in &callers {
                let wanted = if caller.may(*whose) && caller.passes(policy) {
                    expected(policy, *under)
                } else {
                    caller.shut()
                };
                if deadly && wanted == "yes" {
                    cells.push("-");
                    continue;
                }
                let reply = caller.asks(&scene, (method, plain), body);
                let found = reply.as_ref().map_or(caller.shut(), outcome);
                if found != wanted {
                    let who = caller.name();
                    wrong.push(format!(
                        "{policy}: {method} {plain} by {who}: {found}, not {wanted}: {}",
                        reply.map(|reply| reply.body).unwrap_or_default()
                    ));
                }
                cells.push(found);
            }
            let cells: Vec<String> = cells
                .iter()
                .zip(&names)
                .map(|(cell, name)| format!("{cell:<width$}", width = name.len()))
                .collect();
            println!("{:<52} {}", format!("{method} {plain}"), cells.join("  "));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let recorded = ledger(world);
    let has = |is: &dyn Fn(&Value) -> bool| recorded.iter().any(is);
    assert!(has(&|line| line["event"] == "issue" && line["caller"]["remote"] == true));
    if let Some(stranger) = &carried {
        assert!(has(&|line| line["event"] == "refused" && line["caller"]["uid"] == NOBODY_S));
        assert!(!stranger.stdout.text().contains("not let in"), "it was kept out by a mode");
    }
    // Whoever presents nothing by TCP is told nothing, whatever it asks for.
    let Caller::Tcp(url, _) = &callers[4] else { unreachable!() };
    for (method, path, ..) in [ROWS[0], ROWS[5], ROWS[13]] {
        let headers = [("Sec-Dagpass", "1"), ("Content-Type", "application/json")];
        let reply = http::with_headers(&format!("{url}{path}"), method, &headers, "{}").unwrap();
        assert_eq!(reply.status, 401, "{method} {path}: {}", reply.body);
    }
    drop(relay);
    scene.close();
}
