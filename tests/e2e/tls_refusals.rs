//! Fact: a certificate that is not believed is said in a sentence, with who can mend it: on real TLS
//! servers, each wrong in one way, through the real command line.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use crate::world::{Process, World};

/// The files of one server and of the authorities above it.
struct Papers {
    folder: PathBuf,
    key: KeyPair,
    root: Issuer<'static, KeyPair>,
    middle: Issuer<'static, KeyPair>,
}

fn named(name: &str, hosts: &[&str], ca: bool) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
    params
}

impl Papers {
    fn new(folder: &Path) -> Self {
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        let root = Issuer::new(named("Corp Root", &[], true), KeyPair::generate().unwrap());
        let root_pem = named("Corp Root", &[], true).self_signed(root.key()).unwrap().pem();
        fs::write(folder.join("root.pem"), &root_pem).unwrap();
        let middle_key = KeyPair::generate().unwrap();
        let middle = named("Corp Issuing", &[], true);
        let middle_pem = middle.signed_by(&middle_key, &root).unwrap().pem();
        fs::write(folder.join("middle.pem"), &middle_pem).unwrap();
        fs::write(folder.join("both.pem"), middle_pem + &root_pem).unwrap();
        let middle = Issuer::new(middle, middle_key);
        Self { folder: folder.to_owned(), key, root, middle }
    }

    fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn write(&self, name: &str, pem: &str) {
        fs::write(self.folder.join(name), pem).unwrap();
    }

    /// Signed by the root.
    fn signed(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = named("idp", &["localhost"], false);
        change(&mut params);
        self.write(name, &params.signed_by(&self.key, &self.root).unwrap().pem());
    }

    /// `openssl s_server` with this certificate, and what else it is given; and its port.
    fn serve(&self, certificate: &str, more: &[&str]) -> (Process, u16) {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_server", "-www", "-accept", "127.0.0.1:0", "-cert"]);
        openssl.arg(self.at(certificate)).arg("-key").arg(self.at("key.pem"));
        for word in more {
            let of_ours = word.ends_with(".pem");
            openssl.arg(if of_ours { self.at(word) } else { (*word).to_owned() });
        }
        let server = Process::spawn("openssl s_server", &mut openssl);
        let port = server.stdout.wait_for("port of the server", |text| {
            let line = text.lines().find_map(|line| line.strip_prefix("ACCEPT "))?;
            line.rsplit(':').next()?.parse().ok()
        });
        (server, port)
    }
}

/// What `dagpass login` says of a server on this port.
fn said(world: &World, port: u16, ca_file: Option<&str>) -> String {
    let ca_file = ca_file.map(|file| format!("ca-file = \"{file}\"\n")).unwrap_or_default();
    let config = format!(
        "[profile.prod]\nissuer = \"https://localhost:{port}/as\"\nclient-id = \"c\"\n{ca_file}"
    );
    // In force at once, as the file alone is not.
    let put = world.api("PUT", "/v1/config", &serde_json::json!({ "text": config }));
    assert_eq!(put.status, 200, "{}", put.body);
    let ended = world.cli(&["login", "--device"]);
    assert_ne!(ended.code(), 0);
    ended.stderr
}

fn expect(name: &str, said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{name}: no `{word}` in\n{said}");
    }
    // A page where a document belongs may well be a portal's.
    let network = if words.contains(&PAST_TLS) { "OtherError" } else { "check the network" };
    for word in ["OtherError", "InvalidCertificate", "InvalidContentType", network] {
        assert!(!said.contains(word), "{name}: `{word}` in\n{said}");
    }
}

type Words = &'static [&'static str];

/// The server's certificate, what else it is given, the `ca-file`, and what is said.
type Case = (&'static str, Words, Option<&'static str>, Words);

const PAST_TLS: &str = "sent HTTP 200, no JSON";

#[test]
fn each_certificate_that_is_not_believed_has_a_sentence_and_a_remedy() {
    let world = World::new();
    let papers = Papers::new(world.root());
    let own = named("my idp", &["localhost"], false).self_signed(&papers.key).unwrap();
    papers.write("own.pem", &own.pem());
    let authority = named("my CA", &["localhost"], true).self_signed(&papers.key).unwrap();
    papers.write("authority.pem", &authority.pem());
    let leaf = named("idp", &["localhost"], false);
    papers.write("leaf.pem", &leaf.signed_by(&papers.key, &papers.middle).unwrap().pem());
    papers.signed("old.pem", |leaf| leaf.not_after = date_time_ymd(2024, 2, 3));
    papers.signed("new.pem", |leaf| leaf.not_before = date_time_ymd(2999, 2, 3));
    papers.signed("other.pem", |leaf| *leaf = named("x", &["idp.example", "10.0.0.1"], false));
    papers.signed("nameless.pem", |leaf| *leaf = named("localhost", &[], false));
    papers.signed("client.pem", |leaf| {
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    papers.signed("right.pem", |_| {});
    let namesake = named("Corp Root", &[], true).self_signed(&KeyPair::generate().unwrap());
    papers.write("namesake.pem", &namesake.unwrap().pem());
    world.start_agent();

    let table: &[Case] = &[
        (
            "own.pem",
            &[],
            None,
            &["(`my idp`) is signed by itself", "hint: if the server is yours", "as `ca-file`"],
        ),
        ("own.pem", &[], Some("own.pem"), &[PAST_TLS]),
        (
            "leaf.pem",
            &[],
            Some("root.pem"),
            &[
                "without that of its issuer (`Corp Issuing`)",
                "send the intermediate certificates too",
                "root.pem",
            ],
        ),
        ("leaf.pem", &["-cert_chain", "middle.pem"], Some("root.pem"), &[PAST_TLS]),
        ("leaf.pem", &[], Some("middle.pem"), &[PAST_TLS]),
        (
            "leaf.pem",
            &["-cert_chain", "middle.pem"],
            None,
            &["leads to `Corp Root`", "hint: if `Corp Root` is your company's authority"],
        ),
        (
            "leaf.pem",
            &["-cert_chain", "both.pem"],
            Some("own.pem"),
            &["leads to `Corp Root`", "add it to `ca-file`"],
        ),
        (
            "authority.pem",
            &[],
            Some("authority.pem"),
            &[
                "certificate of an authority (`my CA`) as its own",
                "basicConstraints=critical,CA:FALSE",
                "subjectAltName=DNS:localhost",
            ],
        ),
        ("old.pem", &[], Some("root.pem"), &["expired at 2024-02-03T00:00:00Z", "renew it"]),
        (
            "new.pem",
            &[],
            Some("root.pem"),
            &[
                "is valid from 2999-02-03T00:00:00Z",
                "this machine's clock says 20",
                "hint: let the system set its time",
            ],
        ),
        (
            "other.pem",
            &[],
            Some("root.pem"),
            &["idp.example", "not for localhost", "hint: use the name"],
        ),
        ("nameless.pem", &[], Some("root.pem"), &["not for localhost", "subjectAltName"]),
        (
            "client.pem",
            &[],
            Some("root.pem"),
            &["`idp` is not made for a server", "the purpose `serverAuth`"],
        ),
        ("right.pem", &["-Verify", "1"], Some("root.pem"), &["asks for a client's certificate"]),
        (
            "right.pem",
            &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
            Some("root.pem"),
            &["no version or cipher of TLS in common", "TLS 1.2 or 1.3"],
        ),
        (
            "right.pem",
            &[],
            Some("namesake.pem"),
            &["not signed by the `Corp Root` that is trusted here", "put that into `ca-file`"],
        ),
        ("right.pem", &[], Some("root.pem"), &[PAST_TLS]),
    ];
    for (certificate, more, ca_file, words) in table {
        let (server, port) = papers.serve(certificate, more);
        let said = said(&world, port, ca_file.map(|file| papers.at(file)).as_deref());
        expect(&format!("{certificate} {more:?} {ca_file:?}"), &said, words);
        drop(server);
    }
    doctor_says_the_same(&world, &papers);
    world.close();
}

fn doctor_says_the_same(world: &World, papers: &Papers) {
    let (server, port) = papers.serve("authority.pem", &[]);
    said(world, port, None);
    let doctor = world.cli(&["doctor"]);
    expect("doctor", &doctor.stdout, &["problem  discovery", "as its own", "CA:FALSE"]);
    drop(server);
}

#[test]
fn what_does_not_speak_tls_is_no_fault_of_the_network() {
    let world = World::new();
    world.start_agent();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = stream.read(&mut [0; 64]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
        read
    });
    let said = said(&world, port, None);
    expect("plain http", &said, &["what answers there does not speak TLS", "hint: check the port"]);
    assert!(plain.join().unwrap() > 0);
    world.close();
}

#[test]
fn a_ca_file_is_taken_as_windows_writes_it_and_a_wrong_one_is_named() {
    let world = World::new();
    let papers = Papers::new(world.root());
    papers.signed("right.pem", |_| {});
    let root = fs::read_to_string(papers.at("root.pem")).unwrap();
    let lines = root.replace('\n', "\r\n");
    papers.write("marked.pem", &format!("\u{feff}{lines}"));
    papers.write("headed.pem", &format!("\u{feff}subject=CN = Corp Root\r\n{lines}"));
    papers.write("empty.pem", "");
    world.start_agent();
    let (server, port) = papers.serve("right.pem", &[]);
    let table: &[(&str, &[&str])] = &[
        ("marked.pem", &[PAST_TLS]),
        ("headed.pem", &[PAST_TLS]),
        (
            "empty.pem",
            &["cannot be reached", "empty.pem is empty", "hint: `ca-file` is a PEM file"],
        ),
        ("key.pem", &["key.pem holds a private key", "hint: `openssl x509 -in "]),
        ("absent.pem", &["absent.pem cannot be read", "hint: name a file that is there"]),
    ];
    for (file, words) in table {
        expect(file, &said(&world, port, Some(&papers.at(file))), words);
    }
    let check = world.cli(&["config", "check"]);
    assert_ne!(check.code(), 0);
    let text = format!("{}{}", check.stdout, check.stderr);
    expect("config check", &text, &[":4:11", "ca-file", "absent.pem cannot be read"]);
    drop(server);
    world.close();
}
