//! Statements 2 and 15: connections that are too many, too slow, too large or from elsewhere; and
//! that none of them delays another.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};

use super::Door;
use crate::world::Process;

/// Far above what a request takes, far below the deadline of a silent one.
const AT_ONCE: Duration = Duration::from_secs(4);

#[test]
fn s02_a_peer_from_another_address_is_dropped_without_a_byte() {
    let door = Door::open();
    // No packet leaves: connecting a datagram socket only chooses the address it would leave from.
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let own = probe.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| probe.local_addr());
    let Some(own) = own.ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback()) else {
        println!("skipped: this machine has no address but loopback to come from");
        door.world.close();
        return;
    };
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::new(own, 0)).unwrap();
    let to = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), door.port);
    rustix::net::connect(&socket, &to).unwrap();
    let mut stream = std::net::TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The other end may be gone before we have written.
    let _reset_is_fine = stream.write_all(door.head("GET", "/v1/status", &[]).as_bytes());
    let mut answer = Vec::new();
    let _reset_is_fine = stream.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    door.world.close();
}

#[test]
fn s15_a_body_over_16_kib_is_too_large_and_half_a_request_is_closed() {
    let door = Door::open();
    let json = ["content-type: application/json", "content-length: 16385"];
    let head = door.head("POST", "/v1/token", &json);
    let large = format!("{head}{}", "x".repeat(16_385));
    assert_eq!(door.raw(large.as_bytes()).status, 413);
    let began = Instant::now();
    let mut half = door.connect();
    half.write_all(b"POST /v1/token HTTP/1.1\r\nhost: 127").unwrap();
    let mut rest = Vec::new();
    half.read_to_end(&mut rest).unwrap();
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(3) && waited < Duration::from_secs(9), "{waited:?}");
    door.world.close();
}

#[test]
fn s15_the_65th_silent_stranger_pushes_out_the_oldest_and_nobody_waits() {
    let door = Door::open();
    let mut strangers: Vec<_> = (0..64).map(|_| door.connect()).collect();
    let mut half = door.connect();
    half.write_all(b"GET /v1/status HTTP/1.1\r\n").unwrap();
    let began = Instant::now();
    assert_eq!(door.ask("GET", "/v1/status", &[]).status, 200);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let mut byte = [0];
    let oldest = strangers.first_mut().unwrap();
    oldest.set_read_timeout(Some(AT_ONCE)).unwrap();
    assert_eq!(oldest.read(&mut byte).unwrap(), 0, "the oldest is closed");
    door.world.close();
}

#[test]
fn a_client_that_sends_nothing_or_half_a_request_never_delays_another_on_the_socket() {
    let door = Door::open();
    let silent: Vec<_> =
        (0..50).map(|_| UnixStream::connect(door.world.socket()).unwrap()).collect();
    let mut half = UnixStream::connect(door.world.socket()).unwrap();
    half.write_all(b"POST /v1/token HTTP/1.1\r\ncontent-length: 9\r\n\r\n{").unwrap();
    let began = Instant::now();
    assert_eq!(door.world.api("GET", "/v1/status", &serde_json::Value::Null).status, 200);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    drop((silent, half));
    door.world.close();
}

#[test]
fn s15_whoever_sends_nothing_is_closed_whichever_door_it_came_by() {
    let door = Door::open();
    let silent: Vec<_> = (0..65).map(|_| door.connect()).collect();
    let mut on_socket = UnixStream::connect(door.world.socket()).unwrap();
    on_socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
    assert_eq!(on_socket.read(&mut [0]).unwrap(), 0);
    door.world.close();
}

/// Connects as another user as often as the second argument says, and waits each time for the end.
const FLOOD: &str = r#"import socket, sys
port, times = int(sys.argv[1]), int(sys.argv[2])
for _ in range(times):
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        try:
            assert sock.recv(1) == b"", "a byte for a stranger"
        except ConnectionResetError:
            pass
"#;

#[test]
fn s15_a_thousand_connects_of_another_user_are_two_lines_on_the_record() {
    if !rustix::process::getuid().is_root() {
        println!("not run: another user takes root");
        return;
    }
    let door = Door::open();
    let mut flood = door.world.command("/usr/bin/python3");
    flood.args(["-c", FLOOD, &door.port.to_string(), "1000"]).current_dir("/");
    let ended = Process::spawn("a flood", flood.uid(65_534).gid(65_534)).ended().expect(0);
    door.world.keep("a flood", ended);
    assert_eq!(door.ask("GET", "/v1/status", &[]).status, 200);
    door.world.stop_agent();
    let text = std::fs::read_to_string(door.world.state().join("ledger.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let refused: Vec<_> = lines.filter(|line| line["event"] == "refused").collect();
    assert_eq!(refused.len(), 2, "{refused:#?}");
    let counted = refused.iter().map(|line| line["count"].as_u64().unwrap_or(1)).sum::<u64>();
    assert_eq!(counted, 1000);
    for line in &refused {
        assert_eq!((&line["caller"]["uid"], &line["door"]), (&65_534.into(), &"tcp".into()));
    }
    assert!(refused[1]["first"].as_i64() <= refused[1]["last"].as_i64());
    door.world.close();
}
