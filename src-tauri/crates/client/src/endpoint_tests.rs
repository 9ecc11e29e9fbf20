//! Trust, by real sockets and files in a folder of our own.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::{self, JoinHandle};

use super::*;
use crate::wire::TokenAsk;

const OK: &str =
    r#"{"access_token":"abc","token_type":"Bearer","expires_in":60,"expires_at":1,"more":true}"#;

fn agent(socket: &Path) -> Agent {
    Agent {
        places: vec![Place::Socket(socket.to_owned())],
        tcp_only: false,
        door: None,
        capability: None,
        record: None,
        named: true,
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    folder
}

/// Answers one connection and gives what it was asked.
fn answer_once(mut stream: impl Read + Write, status: u16, body: &str) -> String {
    let mut buffer = [0; 4096];
    let size = stream.read(&mut buffer).unwrap();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).unwrap();
    String::from_utf8_lossy(&buffer[..size]).into_owned()
}

fn serve(listener: UnixListener, status: u16, body: &'static str) -> JoinHandle<String> {
    thread::spawn(move || answer_once(listener.accept().unwrap().0, status, body))
}

fn endpoint_file(folder: &Path, port: u16, mode: u32) {
    let text = format!(r#"{{"version":1,"pid":1,"port":{port},"capability":"c4pab1l1ty"}}"#);
    fs::write(folder.join("endpoint.json"), text).unwrap();
    fs::set_permissions(folder.join("endpoint.json"), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_token_comes_over_the_socket_without_a_capability() {
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    let server = serve(UnixListener::bind(&socket).unwrap(), 200, OK);
    let token = agent(&socket).token(&TokenAsk::default()).unwrap();
    assert_eq!(token.access_token.as_str(), "abc");
    let asked = server.join().unwrap();
    assert!(asked.starts_with("POST /v1/token HTTP/1.1\r\nHost: localhost\r\nSec-Dagpass: 1\r\n"));
    assert!(!asked.contains("Authorization"), "{asked}");
}

#[test]
fn a_runs_capability_goes_with_every_request_on_the_socket() {
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    let server = serve(UnixListener::bind(&socket).unwrap(), 200, OK);
    let mut agent = agent(&socket);
    agent.capability = Some(Capability::parse("run-c4p".to_owned()).unwrap());
    agent.token(&TokenAsk::default()).unwrap();
    assert!(server.join().unwrap().contains("\r\nAuthorization: Bearer run-c4p\r\n"));
}

#[test]
fn a_refusal_keeps_its_code_and_hint() {
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    let body = r#"{"error":"login_required","error_description":"sign in","hint":"dagpass login"}"#;
    let server = serve(UnixListener::bind(&socket).unwrap(), 401, body);
    match agent(&socket).token(&TokenAsk::default()) {
        Err(ClientError::Refused { reply, status: 401 }) => {
            assert_eq!(reply.error, "login_required");
            assert_eq!(reply.hint.as_deref(), Some("dagpass login"));
        }
        other => panic!("{other:?}"),
    }
    server.join().unwrap();
}

#[test]
fn no_socket_and_a_dead_socket_both_mean_not_running() {
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    let ask = TokenAsk::default();
    assert!(matches!(agent(&socket).token(&ask), Err(ClientError::NotRunning { .. })));
    drop(UnixListener::bind(&socket).unwrap());
    assert!(matches!(agent(&socket).token(&ask), Err(ClientError::NotRunning { .. })));
    assert!(!agent(&socket).answers().unwrap());
}

/// As the pipe of an agent that ends is, while others are still connected to it. Where a queue of none takes one.
#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nobody_is_taken_any_more_is_not_gone_until_it_is() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &SocketAddrUnix::new(&socket).unwrap()).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _first = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    assert!(matches!(agent(&socket).answers(), Err(ClientError::Io(_))), "it has no room");
    assert!(!agent(&socket).is_gone().unwrap());
    drop(listener);
    assert!(agent(&socket).is_gone().unwrap());
}

#[test]
fn a_folder_that_others_may_write_to_is_not_trusted() {
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let error = agent(&socket).token(&TokenAsk::default()).unwrap_err();
    assert!(matches!(error, ClientError::Untrusted { .. }), "{error:?}");
}

#[test]
fn a_plain_file_in_the_sockets_place_is_not_trusted() {
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    fs::write(&socket, "").unwrap();
    let error = agent(&socket).token(&TokenAsk::default()).unwrap_err();
    assert!(matches!(error, ClientError::Untrusted { .. }), "{error:?}");
}

#[test]
fn tcp_is_taken_where_no_socket_works_and_carries_the_capability() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    endpoint_file(folder.path(), port, 0o600);
    let server = thread::spawn(move || answer_once(listener.accept().unwrap().0, 200, OK));
    agent(&folder.path().join("agent.sock")).token(&TokenAsk::default()).unwrap();
    let asked = server.join().unwrap();
    assert!(asked.contains(&format!("Host: 127.0.0.1:{port}\r\n")), "{asked}");
    assert!(asked.contains("Authorization: Bearer c4pab1l1ty\r\n"), "{asked}");
}

#[test]
fn an_endpoint_file_that_others_may_read_is_not_trusted() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    endpoint_file(folder.path(), listener.local_addr().unwrap().port(), 0o644);
    let error = agent(&folder.path().join("agent.sock")).token(&TokenAsk::default()).unwrap_err();
    assert!(matches!(error, ClientError::Untrusted { .. }), "{error:?}");
}

#[test]
fn a_capability_that_could_end_a_header_is_refused() {
    for bad in ["", "a b", "a\r\nX: y", "ä", &"a".repeat(257)] {
        assert!(Capability::parse(bad.to_owned()).is_err(), "{bad:?}");
    }
    assert_eq!(format!("{:?}", Capability::parse("abc".to_owned()).unwrap()), "Capability");
}

#[test]
fn one_deadline_covers_an_answer_that_comes_in_small_pieces() {
    let folder = folder();
    let socket = folder.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = 0;
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").unwrap();
        while stream.write_all(b"H").is_ok() {
            sent += 1;
            thread::park_timeout(Duration::from_millis(20));
        }
        sent
    });
    let started = Instant::now();
    let limit = Limit::Whole(Duration::from_millis(100));
    let call = Call { method: "GET", path: "/v1/status", body: None, limit };
    match agent(&socket).send(&call).map(|answer| answer.status) {
        // A socket says `WouldBlock` where its timeout runs out.
        Err(ClientError::Io(error)) => {
            assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock));
        }
        other => panic!("{other:?}"),
    }
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(server.join().unwrap() >= 1);
}
