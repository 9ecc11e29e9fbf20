//! Statements 3 to 14, 16 and 19: what one request may look like.

use std::io::Write;

use super::{Answer, Door};

#[test]
fn s03_a_foreign_host_is_misdirected_before_anything_else() {
    let door = Door::open();
    let port = door.port;
    for host in [
        format!("0.0.0.0:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("localhost.:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port.wrapping_add(1)),
        format!("evil.example:{port}"),
    ] {
        let line = format!("host: {host}");
        assert_eq!(door.ask("GET", "/v1/status", &[&line]).status, 421, "{host}");
        let unknown = door.ask("GET", "/nowhere", &[&line, "authorization:"]);
        assert_eq!(unknown.status, 421, "before auth and routing: {host}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")]
    {
        assert_eq!(
            door.ask("GET", "/v1/status", &[&format!("host: {host}")]).status,
            200,
            "{host}"
        );
    }
    door.world.close();
}

#[test]
fn s04_no_host_two_hosts_or_another_authority_is_a_bad_request() {
    let door = Door::open();
    let own = format!("host: 127.0.0.1:{}", door.port);
    assert_eq!(door.ask("GET", "/v1/status", &["host:"]).status, 400);
    assert_eq!(door.ask("GET", "/v1/status", &[&own, &own]).status, 400);
    assert_eq!(door.ask("GET", "http://evil.example/v1/status", &[]).status, 400);
    door.world.close();
}

#[test]
fn s05_s06_s07_s11_what_only_browsers_and_proxies_send_is_forbidden() {
    let door = Door::open();
    for line in [
        "origin: null",
        "origin: https://evil.example",
        "referer: http://127.0.0.1/",
        "sec-fetch-site: cross-site",
        "sec-fetch-mode: no-cors",
        "x-forwarded-for: 10.0.0.1",
        "forwarded: for=10.0.0.1",
        "via: 1.1 proxy",
        "x-real-ip: 10.0.0.1",
    ] {
        assert_eq!(door.ask("GET", "/v1/status", &[line]).status, 403, "{line}");
    }
    door.world.close();
}

#[test]
fn s08_there_is_no_cors_and_no_private_network_access() {
    let door = Door::open();
    let preflight = [
        "origin: https://evil.example",
        "access-control-request-method: POST",
        "access-control-request-private-network: true",
    ];
    for lines in [&preflight[..], &[]] {
        let answer = door.ask("OPTIONS", "/v1/token", lines);
        assert_eq!(answer.status, 403);
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
    }
    assert!(!door.ask("GET", "/v1/status", &[]).head.contains("access-control"));
    door.world.close();
}

#[test]
fn s09_every_route_needs_the_header_that_scripts_cannot_set() {
    let door = Door::open();
    for path in ["/v1/status", "/v1/token", "/v1/events", "/v1/activity", "/v1/try", "/nowhere"] {
        assert_eq!(door.ask("GET", path, &["sec-dagpass:"]).status, 403, "{path}");
        assert_eq!(door.ask("GET", path, &["sec-dagpass: 2"]).status, 403, "{path}");
    }
    door.world.close();
}

#[test]
fn s10_a_token_is_posted_for_as_json_and_never_got() {
    let door = Door::open();
    assert_eq!(door.ask("GET", "/v1/token", &[]).status, 405);
    assert_eq!(door.ask("GET", "/v1/try", &[]).status, 405);
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let head = door.head(
            "POST",
            "/v1/token",
            &[&format!("content-type: {kind}"), "content-length: 2"],
        );
        assert_eq!(door.raw(format!("{head}{{}}").as_bytes()).status, 415, "{kind}");
    }
    assert_eq!(door.ask("POST", "/v1/token", &["content-length: 0"]).status, 415);
    door.world.close();
}

#[test]
fn s12_there_is_no_upgrade_and_no_tunnel() {
    let door = Door::open();
    let socket = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"];
    assert_eq!(door.ask("GET", "/v1/events", &socket).status, 400);
    assert_eq!(door.ask("CONNECT", "example.com:443", &[]).status, 400);
    door.world.close();
}

#[test]
fn s13_a_credential_in_the_query_is_refused_and_not_logged() {
    let door = Door::open();
    door.world.secret("canary in a query", "canary-in-a-query-7731");
    for name in ["access_token", "token", "capability", "Authorization"] {
        let target = format!("/v1/status?{name}=canary-in-a-query-7731");
        assert_eq!(door.ask("GET", &target, &[]).status, 400, "{name}");
    }
    door.world.close();
}

fn forbids_caching_sniffing_and_framing(answer: &Answer) {
    for line in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "x-frame-options: deny",
    ] {
        assert!(answer.head.contains(line), "{line} is missing: {}", answer.head);
    }
    assert!(!answer.head.contains("set-cookie"));
}

#[test]
fn s14_every_answer_forbids_caching_sniffing_and_framing() {
    let door = Door::open();
    let foreign_host = ["host: evil.example"];
    for answer in [
        door.ask("GET", "/v1/status", &[]),
        door.ask("GET", "/v1/token", &[]),
        door.ask("GET", "/nowhere", &[]),
        door.ask("GET", "/v1/status", &["authorization:"]),
        door.ask("GET", "/v1/status", &["origin: null"]),
        door.ask("GET", "/v1/status", &foreign_host),
    ] {
        forbids_caching_sniffing_and_framing(&answer);
    }
    door.world.close();
}

#[test]
fn s14_the_answer_to_a_head_that_is_no_http_does_too() {
    let door = Door::open();
    let good = door.head("GET", "/v1/status", &["connection: keep-alive"]);
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let unreadable = [
        ("no HTTP", "hello\r\n\r\n".to_owned(), 400),
        ("another version", "GET / HTTP/3.0\r\n\r\n".to_owned(), 400),
        ("a space in a name", "GET / HTTP/1.1\r\nho st: x\r\n\r\n".to_owned(), 400),
        ("a length that is none", "GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n".to_owned(), 400),
        ("a long target", format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(66_000)), 431),
        ("many headers", format!("GET / HTTP/1.1\r\n{many}\r\n"), 431),
    ];
    for (case, bytes, status) in unreadable {
        let answer = door.raw(bytes.as_bytes());
        assert_eq!(answer.status, status, "{case}: {answer:?}");
        forbids_caching_sniffing_and_framing(&answer);
        let mut socket = std::os::unix::net::UnixStream::connect(door.world.socket()).unwrap();
        socket.write_all(bytes.as_bytes()).unwrap();
        let answer = Answer::read(&mut socket);
        assert_eq!(answer.status, status, "{case} on the socket: {answer:?}");
        forbids_caching_sniffing_and_framing(&answer);
    }
    let first = door.raw(format!("{good}hello\r\n\r\n").as_bytes());
    assert_eq!(first.status, 200);
    let (_body, second) = first.body.split_once("HTTP/1.1 ").expect("a second answer");
    let second = Answer::parse(&format!("HTTP/1.1 {second}"));
    assert_eq!(second.status, 400);
    forbids_caching_sniffing_and_framing(&second);
    door.world.close();
}

#[test]
fn s16_without_a_capability_every_path_answers_the_same_and_names_nothing() {
    let door = Door::open();
    let known = door.ask("GET", "/v1/status", &["authorization:"]);
    let unknown = door.ask("GET", "/nowhere", &["authorization:"]);
    let strip = |head: &str| {
        let lines = head.lines().filter(|line| !line.starts_with("date:"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(known.status, 401);
    assert_eq!((strip(&known.head), &known.body), (strip(&unknown.head), &unknown.body));
    let all = format!("{}{}", known.head, known.body).to_lowercase();
    for name in ["dagpass", "0.1.0", "prod", "root", "server:"] {
        assert!(!all.contains(name), "{name} in {all}");
    }
    door.world.close();
}

#[test]
fn s19_tcp_needs_the_whole_capability_and_a_wrong_one_is_on_the_record() {
    let door = Door::open();
    let mut almost = door.capability.clone();
    almost.pop();
    door.world.secret("almost the capability", &almost);
    for line in [
        "authorization:".to_owned(),
        "authorization: Bearer".to_owned(),
        format!("authorization: Bearer {almost}"),
        format!("authorization: Basic {}", door.capability),
        format!("authorization: Bearer {} ", "A".repeat(43)),
    ] {
        assert_eq!(door.ask("GET", "/v1/status", &[&line]).status, 401, "{line}");
    }
    assert!(door.capability.len() >= 43, "256 bits in base64url");
    let refused = || -> Vec<Option<u64>> {
        let text = std::fs::read_to_string(door.world.state().join("ledger.jsonl")).unwrap();
        let lines =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["event"] == "refused").map(|line| line["count"].as_u64()).collect()
    };
    assert_eq!(refused(), [None], "the first presented capability that was wrong, at once");
    door.world.stop_agent();
    assert_eq!(refused(), [None, Some(3)], "and the other three, counted");
    door.world.start_agent();
    door.world.close();
}
