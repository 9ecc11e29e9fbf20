//! Fact: where two variables name two proxies, the one that `doctor` names is the one that is asked, its
//! login is sent to it and shown to nobody; one that cannot be used is named.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::world::World;

const CONFIG: &str = "[profile.prod]\nissuer = \"https://ping.invalid/as\"\nclient-id = \"c\"\n";

/// A proxy that lets nobody through, and the head of what each asked.
fn proxy() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0; 1];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.push(byte[0]);
            }
            stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").unwrap();
            if tell.send(String::from_utf8_lossy(&head).into_owned()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[test]
fn the_one_that_doctor_names_is_the_one_that_is_asked() {
    let world = World::new();
    world.configure(CONFIG);
    let (upper, asked) = proxy();
    let (lower, spared) = proxy();
    let password = "can@ary#tail/of?it";
    for part in [password, "ary#tail", "tail/of", "of?it"] {
        world.secret("the proxy's password", part);
    }
    world.set("HTTPS_PROXY", &format!("http://ada:{password}@127.0.0.1:{upper}"));
    world.set("https_proxy", &format!("http://127.0.0.1:{lower}"));
    world.set("HTTP_PROXY", "http://127.0.0.1:9");
    world.start_agent();

    let doctor = world.cli(&["doctor"]).stdout;
    let named =
        format!("HTTPS_PROXY=http://***@127.0.0.1:{upper} (https_proxy, HTTP_PROXY without");
    assert!(doctor.contains(&named), "{doctor}");
    let refused = world.cli(&["login", "--device"]).expect(6).stderr;
    let named = format!("through the proxy http://***@127.0.0.1:{upper} (HTTPS_PROXY)");
    assert!(refused.contains(&named), "{refused}");
    assert!(refused.contains("hint: check the proxy that HTTPS_PROXY names"), "{refused}");

    let head = asked.try_recv().expect("it was asked");
    assert!(head.starts_with("CONNECT ping.invalid:443 "), "{head}");
    let login = format!("Basic {}", STANDARD.encode(format!("ada:{password}")));
    assert!(head.lines().any(|line| line.ends_with(&login)), "the login went along");
    assert!(spared.try_recv().is_err(), "the other was left alone");
    world.close();
}

#[test]
fn one_that_cannot_be_used_is_named_with_its_variable_or_key() {
    let world = World::new();
    world.configure(CONFIG);
    world.secret("the proxy's password", "canary-pw");
    world.set("ALL_PROXY", "socks5h://ada:canary-pw@127.0.0.1:1080");
    world.start_agent();
    let what = "names a socks5h proxy, which dagpass cannot use";
    let refused = world.cli(&["login", "--device"]).expect(6).stderr;
    assert!(refused.contains(&format!("cause: ALL_PROXY {what}")), "{refused}");
    assert!(refused.contains("hint: have ALL_PROXY name an http or https proxy"), "{refused}");
    let doctor = world.cli(&["doctor"]).stdout;
    assert!(doctor.contains(&format!("ALL_PROXY {what}")), "{doctor}");

    world.configure(&format!("proxy = \"socks5h://ada:canary-pw@127.0.0.1:1080\"\n{CONFIG}"));
    let check = world.cli(&["config", "check"]);
    let text = format!("{}{}", check.stdout, check.stderr);
    assert!(check.code() != 0 && text.contains(":1:9") && text.contains(what), "{text}");
    // The file is the person's own, and holds what they wrote.
    world.configure(CONFIG);
    world.close();
}
