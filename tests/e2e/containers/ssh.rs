//! A socket that ssh forwards: what comes through it is marked remote on the record, and opens no
//! more than a run does.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{ledger, of_event};
use crate::http;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Process;

/// It wants to be called by its whole path.
const SSHD: &str = "/usr/sbin/sshd";

#[test]
fn s30_what_comes_through_a_forwarded_socket_is_marked_remote() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let said = world.cli(&["--json", "container", "up", "--ssh", "box"]).expect(0).stdout;
    let door: Value = serde_json::from_str(&said).unwrap();
    let socket = door["socket"].as_str().unwrap().to_owned();
    let socket = Path::new(&socket);
    assert!(!socket.with_file_name("capability").exists(), "there is none to steal");

    let ask = |method, path| http::on_socket(socket, method, path, "{}").unwrap();
    let reply = ask("POST", "/v1/token");
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.secret("access token", reply.json()["access_token"].as_str().unwrap());
    for (method, path) in [
        ("GET", "/v1/config"),
        ("POST", "/v1/runs"),
        ("POST", "/v1/agent/stop"),
        ("POST", "/v1/sign-out"),
    ] {
        assert_eq!(ask(method, path).status, 403, "{method} {path}");
    }
    assert_eq!(scene.ask(&json!({})).status, 200);
    let lines = ledger(world);
    let issued = of_event(&lines, "issue");
    let marks: Vec<_> = issued.iter().map(|line| line["caller"]["remote"].clone()).collect();
    assert_eq!(marks, [json!(true), Value::Null], "the second came by our own socket");
    let name = issued[0]["caller"]["capability"].as_str().unwrap();
    assert!(name.starts_with("ssh-box-"), "{name}");
    world.cli(&["container", "down", "--ssh", "box"]).expect(0);
    assert!(UnixStream::connect(socket).is_err());
    scene.close();
}

/// A real sshd of our own on loopback. It is not installed for this test: on Debian the package would
/// start a server for the whole machine.
#[test]
fn s30_a_client_beyond_a_real_sshd_gets_its_token_and_is_remote() {
    if !Path::new(SSHD).exists() {
        println!("not run: there is no {SSHD}");
        return;
    }
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let world = &scene.world;
    let said = world.cli(&["--json", "container", "up", "--ssh", "box"]).expect(0).stdout;
    let door: Value = serde_json::from_str(&said).unwrap();
    // `tmp` is left out of the scan: the keys are sshd's.
    let folder = world.root().join("tmp/ssh");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    for name in ["host", "person"] {
        let mut keygen = world.command("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &at(name)]);
        Process::spawn("ssh-keygen", &mut keygen).ended().expect(0);
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let config = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n",
        at("host"),
        at("person.pub")
    );
    fs::write(at("config"), config).unwrap();
    if rustix::process::getuid().is_root() {
        // Where it drops its privileges; a package's start script would have made it.
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let mut sshd = world.command(SSHD);
    let _sshd = {
        let sshd = Process::spawn("sshd", sshd.args(["-D", "-e", "-f", &at("config")]));
        sshd.stderr.wait_for("sshd", |text| text.contains("Server listening").then_some(()));
        sshd
    };
    let name = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let (far, near) = (at("fwd.sock"), door["socket"].as_str().unwrap());
    let mut ssh = world.command("ssh");
    ssh.args(["-F", "none", "-N", "-p", &port, "-l", name.trim(), "-i", &at("person")]);
    ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    ssh.args(["-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"]);
    ssh.args(["-R", &format!("{far}:{near}"), "127.0.0.1"]);
    let mut ssh = Process::spawn("ssh", &mut ssh);
    until("the forwarded socket", || {
        assert!(!ssh.is_over(), "ssh is gone: {}", ssh.stderr.text());
        Path::new(&far).exists().then_some(())
    });

    world.set("DAGPASS_SOCKET", &far);
    world.token(&[]).expect("a token through ssh");
    world.cli(&["agent", "stop"]).expect(4);
    let lines = ledger(world);
    let issued = of_event(&lines, "issue");
    assert_eq!(issued.last().unwrap()["caller"]["remote"], json!(true));
    ssh.kill();
    assert!(world.token(&["--no-start"]).is_err(), "the connection has ended");
    scene.close();
}
