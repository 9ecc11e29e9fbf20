//! Fact: what an admin hands out, by file or by address, is shown and checked before it is taken, holds
//! no secret and no choice of the machine's own, and never replaces what is there unasked.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use crate::world::World;

const HANDED: &str = "# by the data platform\n[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\n\
                      client-id = \"team\"\n";

/// Answers each connection with the next of these, and gives the address.
fn handing_out(answers: Vec<String>) -> String {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}/dagpass.toml", door.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = door.accept().unwrap();
            let mut head = [0; 4096];
            let asked = stream.read(&mut head).unwrap();
            let asked = String::from_utf8_lossy(&head[..asked]).to_lowercase();
            assert!(!asked.contains("authorization") && !asked.contains("cookie"), "{asked}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn config(world: &World) -> String {
    fs::read_to_string(world.root().join("config.toml")).unwrap_or_default()
}

#[test]
fn a_file_is_shown_and_taken_when_the_person_agrees() {
    let world = World::bare();
    world.secret("nothing here is secret", "canary-init-from");
    world.start_agent();
    let file = world.root().join("team.toml");
    fs::write(&file, HANDED).unwrap();
    let file = file.to_str().unwrap();
    let asked = world.cli(&["init", "--from", file]).expect(2);
    assert!(asked.stderr.contains("client-id = \"team\""), "shown: {}", asked.stderr);
    assert!(asked.stderr.contains("give --yes"), "{}", asked.stderr);
    assert_eq!(config(&world), "", "nobody agreed");

    world.cli(&["init", "--from", file, "--yes"]).expect(0);
    assert_eq!(config(&world), HANDED);
    world.cli(&["init", "--from", file, "--yes"]).expect(0);
    fs::write(file, HANDED.replace("team", "other")).unwrap();
    let refused = world.cli(&["init", "--from", file, "--yes"]).expect(1);
    assert!(refused.stderr.contains("`profile.prod` is in the config already"));
    assert_eq!(config(&world), HANDED);
    world.cli(&["init", "--from", file, "--yes", "--force"]).expect(0);
    assert!(config(&world).contains("other"));
    world.close();
}

#[test]
fn an_address_is_fetched_by_the_agent_and_only_a_config_is_taken() {
    let world = World::bare();
    world.start_agent();
    let canary = "canary-handed-out-8841";
    world.secret("a secret that was handed out", canary);
    let secret = format!(
        "{HANDED}[connection.a]\nconn-type = \"http\"\nextra = {{ client_secret = \"{canary}\" }}\n"
    );
    let large = format!("# {}\n{HANDED}", "x".repeat(70_000));
    let bad = [
        (
            "a redirect",
            answer("302 Found\r\nlocation: http://127.0.0.1:9/", ""),
            "answered HTTP 302",
        ),
        ("a page", answer("200 OK\r\ncontent-type: text/html", HANDED), "a page for people"),
        ("too much", answer("200 OK", &large), "more than 65536 bytes"),
        ("an unknown table", answer("200 OK", "[hook]\nrun = \"sh\"\n"), "unknown key `hook`"),
        (
            "the machine's own",
            answer("200 OK", &format!("{HANDED}[store]\n")),
            "each machine's own",
        ),
    ];
    for (case, answer, why) in bad {
        let address = handing_out(vec![answer]);
        let refused = world.cli(&["init", "--from", &address, "--yes"]);
        assert_ne!(refused.code(), 0, "{case}");
        assert!(refused.stderr.contains(why), "{case}: {}", refused.stderr);
        assert_eq!(config(&world), "", "{case}");
    }
    let address = handing_out(vec![answer("200 OK", &secret)]);
    let refused = world.cli(&["init", "--from", &address, "--yes"]).expect(2);
    assert!(refused.stderr.contains("connection.a.extra.client_secret: looks like a secret"));
    for address in ["http://it.corp.example/dagpass.toml", "ftp://127.0.0.1/x"] {
        let refused = world.cli(&["init", "--from", address, "--yes"]).expect(1);
        assert!(refused.stderr.contains("https"), "{}", refused.stderr);
    }
    let address = handing_out(vec![answer("200 OK", HANDED)]);
    world.cli(&["init", "--from", &address, "--yes"]).expect(0);
    assert_eq!(config(&world), HANDED);
    world.close();
}
