//! Statements 1, 17, 18, 20, 22 and 24: where the endpoint stands, and what its files look like.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::{CONFIG, Door};
use crate::world::{Process, World};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn s01_it_listens_on_loopback_only() {
    let door = Door::open();
    let wanted = format!(":{:04X}", door.port);
    let mut seen = 0;
    for (file, loopback) in
        [("/proc/net/tcp", "0100007F"), ("/proc/net/tcp6", "00000000000000000000000001000000")]
    {
        let table = std::fs::read_to_string(file).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state) = (fields[1], fields[3]);
            if state == "0A" && local.ends_with(&wanted) {
                assert_eq!(local, format!("{loopback}{wanted}"), "{file}: {line}");
                seen += 1;
            }
        }
    }
    assert!((1..=2).contains(&seen), "{seen} listeners");
    door.world.close();
}

#[test]
fn s17_after_its_end_nothing_listens_and_nothing_is_left() {
    let door = Door::open();
    let (socket, port) = (door.world.socket(), door.port);
    let endpoint = socket.with_file_name("endpoint.json");
    assert!(endpoint.exists());
    door.world.stop_agent();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_err());
    assert!(!endpoint.exists(), "the capability went with it");
    door.world.close();
}

#[test]
fn s18_a_fixed_port_that_is_taken_in_either_family_is_an_error_naming_the_holder() {
    let world = World::bare();
    let families = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    for family in families {
        let Ok(taken) = TcpListener::bind((family, 0)) else { continue };
        let place = taken.local_addr().unwrap();
        world.configure(&format!("[endpoint]\nport = {}\n{CONFIG}", place.port()));
        let ended = world.launch_agent().ended();
        assert_ne!(ended.code(), 0, "{place}");
        let holder = format!("pid {} (", std::process::id());
        assert!(ended.stderr.contains(&place.to_string()), "{}", ended.stderr);
        assert!(ended.stderr.contains(&holder), "{holder} is not named: {}", ended.stderr);
        world.keep("dagpass-agent", ended);
    }
    world.secret("nothing was handed out", "no-secret-in-this-world");
    world.close();
}

/// A machine without IPv6 is as good as any: its loopback has one address.
#[test]
fn s18_without_ipv6_the_agent_serves_on_ipv4_alone() {
    if !rustix::process::getuid().is_root() {
        println!("not run: a network of its own takes root");
        return;
    }
    const NO_V6: &str = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up; \
                         exec \"$1\" run";
    let world = World::bare();
    let port = 21_300;
    world.configure(&format!("[endpoint]\nport = {port}\n{CONFIG}"));
    let mut agent = world.command("unshare");
    // A `/proc` of that network: only there can it be switched off.
    agent.args(["--net", "--mount", "--propagation", "private", "sh", "-c", NO_V6, "sh"]);
    agent.arg(env!("CARGO_BIN_EXE_dagpass-agent"));
    world.start_agent_by(&mut agent);
    assert_eq!(world.api("GET", "/v1/status", &serde_json::Value::Null).status, 200);
    let table = |name: &str| {
        let path = format!("/proc/{}/net/{name}", world.agent_pid());
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let listens = format!(":{port:04X} 0");
    assert!(table("tcp").contains(&listens) && !table("tcp6").contains(&listens));
    world.close();
}

/// Another user, who does in Python what `script` says with one argument.
fn stranger(door: &Door, script: &str, argument: &Path) -> Command {
    let mut stranger = door.world.command("/usr/bin/python3");
    stranger.args(["-c", script]).arg(argument).current_dir("/").uid(65_534).gid(65_534);
    stranger
}

#[test]
fn s18_the_port_of_an_agent_that_was_killed_may_be_anybody_s_and_is_told_nothing() {
    if !rustix::process::getuid().is_root() {
        println!("skipped: becoming another user takes root");
        return;
    }
    let door = Door::open();
    let file = door.world.socket().with_file_name("endpoint.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let endpoint: serde_json::Value = serde_json::from_str(&text).unwrap();
    let port = endpoint["port"].to_string();
    door.world.kill_agent();
    let script = "import socket,sys\ns=socket.socket()\n\
        s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n\
        s.bind(('127.0.0.1',int(sys.argv[1])))\ns.listen()\nprint('listens',flush=True)\n\
        c,_=s.accept()\nprint('got',len(c.recv(9)),flush=True)\n";
    let mut stranger = Process::spawn("a stranger", &mut stranger(&door, script, port.as_ref()));
    stranger.stdout.wait_for("the port", |text| text.contains("listens").then_some(()));
    let ended = door.world.cli(&["agent", "status"]).expect(7);
    assert!(ended.stderr.contains("no agent is running"), "{}", ended.stderr);
    let said = stranger.ended().stdout;
    assert!(said.contains("got 0"), "{said}");
    door.world.start_agent();
    door.world.cli(&["agent", "status"]).expect(0);
    door.world.close();
}

#[test]
fn s20_the_capability_is_new_at_each_start_and_its_file_is_the_owner_s_alone() {
    let door = Door::open();
    let endpoint = door.world.socket().with_file_name("endpoint.json");
    assert_eq!(mode(&endpoint), 0o600);
    assert_eq!(mode(endpoint.parent().unwrap()), 0o700);
    assert_eq!(mode(&door.world.socket()), 0o600);
    assert_eq!(mode(&door.world.state().join("ledger.jsonl")), 0o600);
    assert_eq!(mode(&door.world.state().join("connections.json")), 0o600);
    door.world.restart_agent();
    let text = std::fs::read_to_string(&endpoint).unwrap();
    assert!(!text.contains(&door.capability));
    door.world.close();
}

#[test]
fn s22_another_user_on_the_socket_gets_no_byte_and_is_on_the_record() {
    if !rustix::process::getuid().is_root() {
        println!("skipped: becoming another user takes root");
        return;
    }
    let door = Door::open();
    let socket = door.world.socket();
    // Open what the folder's mode would keep shut, so that the peer check alone stands.
    for folder in socket.ancestors().skip(1).take(3) {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        try:\n s.sendall(b'GET /v1/status HTTP/1.1\\r\\nhost: localhost\\r\\nsec-dagpass: 1\\r\\n\\r\\n')\n print(len(s.recv(9)))\n\
        except (BrokenPipeError, ConnectionResetError):\n print(0)\n";
    let output = stranger(&door, script, &socket).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "0", "{}", String::from_utf8_lossy(&output.stderr));
    let ledger = std::fs::read_to_string(door.world.state().join("ledger.jsonl")).unwrap();
    assert!(ledger.contains(r#""uid":65534"#), "{ledger}");
    door.world.close();
}

#[test]
fn s24_a_file_at_the_socket_s_place_is_never_removed_and_a_stale_socket_is() {
    let world = World::bare();
    world.configure(CONFIG);
    world.secret("nothing was handed out", "no-secret-in-this-world");
    let socket = world.socket();
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let folder = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(socket.parent().unwrap(), folder).unwrap();
    std::fs::write(&socket, "somebody's").unwrap();
    let mut refused = world.launch_agent();
    let ended = refused.ended();
    assert_ne!(ended.code(), 0);
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "somebody's");
    world.keep("dagpass-agent", ended);
    std::fs::remove_file(&socket).unwrap();
    world.start_agent();
    world.kill_agent();
    assert!(socket.exists(), "a killed agent leaves its socket");
    world.start_agent();
    world.close();
}

#[test]
fn a_socket_that_vanished_is_made_again_with_a_new_capability() {
    let door = Door::open();
    let socket = door.world.socket();
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    crate::wait::until("the socket to be made again", || {
        std::os::unix::net::UnixStream::connect(&socket).ok()
    });
    let endpoint = std::fs::read_to_string(socket.with_file_name("endpoint.json")).unwrap();
    assert!(!endpoint.contains(&door.capability));
    assert_eq!(door.ask("GET", "/v1/status", &[]).status, 401, "the old capability has ended");
    door.world.close();
}
