//! The port, for where sockets cannot be mounted: loopback with the engines' names for this machine,
//! or a bridge by an explicit flag; never every address.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::Value;

use super::inside::{AIRFLOW, Inside};
use super::{capability, ledger, of_event, up};
use crate::wait::until;
use crate::world::{Process, World};

const CONFIG: &str = "[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n";
/// The bridge's address, and a network behind another interface of the same machine.
const BRIDGE: &str = "172.31.255.1";
const NETWORKS: &str = r#"set -e
ip link set lo up
ip link add bridge0 type veth peer name inside0
ip addr add 172.31.255.1/30 dev bridge0
ip link set bridge0 up
ip link add lan0 type veth peer name far0
ip addr add 10.99.0.1/30 dev lan0
ip link set lan0 up
exec "$1" run"#;

fn status(port: u64, host: &str, capability: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    let head = format!(
        "GET /v1/status HTTP/1.1\r\nhost: {host}\r\nsec-dagpass: 1\r\n\
         authorization: Bearer {capability}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn s29_the_port_takes_the_engines_names_and_its_own_capability_and_keeps_its_number() {
    let world = World::bare();
    world.configure(CONFIG);
    world.start_agent();
    let (folder, door) = up(&world, &["--port"]);
    let port = door["rules"]["port"]["port"].as_u64().unwrap();
    let own = capability(&world, &folder);
    let engine = format!("host.docker.internal:{port}");
    assert_eq!(status(port, &engine, &own), 200);
    for host in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "host.docker.internal".to_owned(),
        format!("host.docker.internal:{}", port ^ 1),
        format!("host.docker.internal.evil.example:{port}"),
    ] {
        assert_eq!(status(port, &host, &own), 421, "{host}");
    }
    let endpoint = std::fs::read(world.socket().with_file_name("endpoint.json")).unwrap();
    let endpoint: Value = serde_json::from_slice(&endpoint).unwrap();
    assert_eq!(status(port, &engine, endpoint["capability"].as_str().unwrap()), 401);

    world.restart_agent();
    until("the door", || folder.join("agent.sock").exists().then_some(()));
    assert_eq!(status(port, &engine, &capability(&world, &folder)), 200);
    let again = up(&world, &["--port", "--host", "elsewhere"]).1;
    assert_eq!(again["rules"]["port"]["port"], port, "a port that was found is kept");
    let own = capability(&world, &folder);
    assert_eq!(status(port, &engine, &own), 421);
    assert_eq!(status(port, &format!("elsewhere:{port}"), &own), 200);
    world.cli(&["container", "down", again["id"].as_str().unwrap()]).expect(0);
    assert!(TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).is_err());
    world.close();
}

#[test]
fn s01_a_door_on_every_address_or_on_a_public_one_is_refused() {
    let world = World::bare();
    world.configure(CONFIG);
    world.start_agent();
    world.secret("nothing was handed out", "no-secret-in-this-world");
    for address in ["0.0.0.0", "::", "203.0.113.7", "224.0.0.1"] {
        let words = ["container", "up", "--project", "/", "--port", "--bind", address];
        let refused = world.cli(&words);
        assert_ne!(refused.code(), 0, "{address}");
        assert!(refused.stderr.contains("is never opened on"), "{}", refused.stderr);
    }
    assert!(of_event(&ledger(&world), "door-opened").is_empty());
    world.close();
}

#[test]
fn s18_a_port_that_is_taken_leaves_the_door_shut_and_is_shown() {
    let world = World::bare();
    world.configure(CONFIG);
    world.start_agent();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let words = ["container", "up", "--project", "/", "--port", &port];
    let refused = world.cli(&words).expect(1);
    assert!(refused.stderr.contains(&format!("127.0.0.1:{port}")), "{}", refused.stderr);
    let doctor = world.cli(&["doctor"]);
    assert!(doctor.stdout.contains("the door of / is shut"), "{}", doctor.stdout);
    world.secret("nothing was handed out", "no-secret-in-this-world");
    world.close();
}

/// An agent on a machine with a bridge and another network, and a container on the bridge.
fn on_a_bridge(world: &World) -> Option<(PathBuf, u64, Inside)> {
    if !rustix::process::getuid().is_root() {
        println!("not run: a bridge takes root");
        return None;
    }
    world.configure(CONFIG);
    let mut agent = world.command("unshare");
    agent.args(["--net", "sh", "-c", NETWORKS, "sh", env!("CARGO_BIN_EXE_dagpass-agent")]);
    world.start_agent_by(&mut agent);
    let (folder, door) = up(world, &["--port", "--bind", BRIDGE]);
    let inside = Inside::start(world, &folder)?;
    let machine = world.agent_pid().to_string();
    let pid = inside.pid().to_string();
    let run = |words: &[&str]| {
        let mut command = world.command("nsenter");
        Process::spawn("nsenter", command.args(words)).ended().expect(0);
    };
    run(&["--target", &machine, "--net", "ip", "link", "set", "inside0", "netns", &pid]);
    run(&["--target", &machine, "--net", "ip", "link", "set", "far0", "netns", &pid]);
    let script = "ip addr add 172.31.255.2/30 dev inside0; ip link set inside0 up; \
                  ip addr add 10.99.0.2/30 dev far0; ip link set far0 up";
    run(&["--target", &pid, "--net", "sh", "-c", script]);
    Some((folder, door["rules"]["port"]["port"].as_u64().unwrap(), inside))
}

#[test]
fn s29_a_bridge_serves_its_own_network_alone_and_is_warned_of_recorded_and_shown() {
    let world = World::bare();
    let Some((_folder, port, inside)) = on_a_bridge(&world) else {
        world.secret("nothing was handed out", "no-secret-in-this-world");
        return world.close();
    };
    let tcp = format!("DAGPASS_TCP={BRIDGE}:{port}");
    let served = inside.run(&world, AIRFLOW, &[&tcp, "/run/bin/dagpass", "--json", "status"]);
    assert_eq!(served.code(), 0, "{}", served.stderr);
    let python =
        "from airflow_provider_dagpass.client import AGENT; print(AGENT.connection('nobody_s'))";
    let missed = inside.run(&world, AIRFLOW, &[&tcp, "/usr/bin/python3", "-c", python]);
    assert_eq!(missed.stdout.trim(), "None", "{}", missed.stderr);
    let head = format!(
        "GET /v1/status HTTP/1.1|host: {BRIDGE}:{port}|sec-dagpass: 1|connection: close|\
         authorization: Bearer CAPABILITY"
    );
    let ask = |address: &str| inside.raw(&world, AIRFLOW, address, &head);
    assert_eq!(ask(&format!("{BRIDGE}:{port}")), "200 OK");
    assert_eq!(
        inside.raw(&world, AIRFLOW, &format!("{BRIDGE}:{port}"), &head.replace("CAPABILITY", "x")),
        "401 Una"
    );

    // The same machine, now as a neighbour on the other network: the kernel takes its packets for the
    // bridge's address, and the door does not.
    let pid = inside.pid().to_string();
    let mut moved = world.command("nsenter");
    let script = "ip link set inside0 down; ip route add 172.31.255.1 via 10.99.0.1";
    moved.args(["--target", &pid, "--net", "sh", "-c", script]);
    Process::spawn("nsenter", &mut moved).ended().expect(0);
    assert_eq!(ask(&format!("{BRIDGE}:{port}")), "nothing");

    let said = world.cli(&["status"]).expect(0).stdout;
    assert!(said.contains(&format!("{BRIDGE}:{port} (beyond loopback)")), "{said}");
    let doctor = world.cli(&["doctor"]);
    assert!(doctor.stdout.contains("beyond loopback"), "{}", doctor.stdout);
    let project = world.home().join("etl").display().to_string();
    let again = ["container", "up", "--project", &project, "--port", "--bind", BRIDGE];
    let warned = world.cli(&again).expect(0);
    assert!(warned.stderr.contains("warning: this door listens on"), "{}", warned.stderr);
    let lines = ledger(&world);
    let opened = of_event(&lines, "door-opened");
    assert!(
        opened.iter().all(|line| line["reason"].as_str().unwrap().ends_with("beyond loopback"))
    );
    world.close();
}
