//! The local endpoint's guard, each statement of the localhost security list as raw bytes on the
//! wire. A test's name begins with the statement's number.

mod connections;
mod heads;
mod places;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::world::World;

const CONFIG: &str = r#"
[profile.prod]
issuer = "http://127.0.0.1:9/as"
client-id = "agent"
"#;

/// A running agent and what its `endpoint.json` says.
pub(super) struct Door {
    pub(super) world: World,
    pub(super) port: u16,
    pub(super) capability: String,
}

impl Door {
    pub(super) fn open() -> Self {
        let world = World::bare();
        world.configure(CONFIG);
        world.start_agent();
        let file = world.socket().with_file_name("endpoint.json");
        let endpoint: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let port = u16::try_from(endpoint["port"].as_u64().unwrap()).unwrap();
        let capability = endpoint["capability"].as_str().unwrap().to_owned();
        Self { world, port, capability }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends these bytes and reads to the end.
    pub(super) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        Answer::read(&mut stream)
    }

    /// A request that is right in all but what `lines` add or replace.
    pub(super) fn ask(&self, method: &str, target: &str, lines: &[&str]) -> Answer {
        self.raw(self.head(method, target, lines).as_bytes())
    }

    pub(super) fn head(&self, method: &str, target: &str, lines: &[&str]) -> String {
        let named = |name: &str| {
            lines.iter().any(|line| line.to_lowercase().starts_with(&format!("{name}:")))
        };
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        let usual = [
            ("host", format!("127.0.0.1:{}", self.port)),
            ("sec-dagpass", "1".to_owned()),
            ("authorization", format!("Bearer {}", self.capability)),
            ("connection", "close".to_owned()),
        ];
        for (name, value) in usual {
            if !named(name) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        // A line that ends with a colon alone leaves that header out.
        for line in lines.iter().filter(|line| !line.ends_with(':')) {
            head.push_str(&format!("{line}\r\n"));
        }
        head + "\r\n"
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// To the end. What we sent and nobody read makes the end a reset, which takes nothing back.
    pub(super) fn read(stream: &mut impl Read) -> Self {
        let mut text = Vec::new();
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut part) {
            text.extend_from_slice(&part[..length]);
        }
        Self::parse(&String::from_utf8_lossy(&text))
    }

    pub(super) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}
