//! Statement 25: the process is pinned when it connects; one that became another program, or that ended,
//! gets no token, however the connection lives on.

use std::process::Stdio;

use serde_json::Value;

use super::{empty, ledger, look_at};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::{Process, program};

/// Connects, is answered once, and then lets `after` go on with the connection as descriptor 3.
const CONNECT: &str = r#"
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.write(3, b"GET /v1/connections HTTP/1.1\r\nhost: localhost\r\nsec-dagpass: 1\r\n\r\n")
assert os.read(3, 4096).startswith(b"HTTP/1.1 200")
ASK = b"POST /v1/token HTTP/1.1\r\nhost: localhost\r\nsec-dagpass: 1\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
"#;

/// What the caller read of the answer: its status line.
fn run(scene: &Scene, after: &str) -> String {
    let socket = scene.world.socket();
    let mut command = scene.world.command("/usr/bin/python3");
    command.args(["-c", &format!("{CONNECT}{after}"), socket.to_str().unwrap()]);
    let mut caller = Process::spawn("caller", command.stdin(Stdio::null()));
    // What its child says counts as well: the pipe ends with the last of them.
    let ended = caller.ended();
    ended.stdout.lines().next().unwrap_or_default().trim().to_owned()
}

fn reasons(scene: &Scene) -> Vec<String> {
    let lines = ledger(&scene.world);
    let failed = lines.iter().filter(|line| line["event"] == "issue" && line["outcome"] != "ok");
    failed.filter_map(|line| line["reason"].as_str().map(str::to_owned)).collect()
}

#[test]
fn s25_exec_between_connecting_and_the_reply_is_a_denial() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.token();
    let same = "os.write(3, ASK)\nprint(os.read(3, 15).decode())\n";
    assert_eq!(run(&scene, same), "HTTP/1.1 200 OK");
    let another = "os.execv('/bin/sh', ['sh', '-c', 'printf \"$0\" >&3; head -n 1 <&3', \
                   ASK.decode()])\n";
    assert_eq!(run(&scene, another), "HTTP/1.1 403 Forbidden");
    let said = reasons(&scene);
    assert_eq!(said, ["the process that asked runs another program now"]);
    scene.close();
}

#[test]
fn s25_a_process_that_ended_is_not_served_through_its_child() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.token();
    let orphan = "parent = os.getpid()\n\
                  if os.fork():\n    os._exit(0)\n\
                  while os.getppid() == parent:\n    pass\n\
                  os.write(3, ASK)\nprint(os.read(3, 22).decode(), flush=True)\n";
    assert_eq!(run(&scene, orphan), "HTTP/1.1 403 Forbidden");
    assert_eq!(reasons(&scene), ["the process that asked has ended"]);
    scene.close();
}

#[test]
fn s25_a_program_that_was_upgraded_on_disk_is_served() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.token();
    let python = scene.world.root().join("tmp/python3");
    program::copied(std::fs::canonicalize("/usr/bin/python3").unwrap(), &python);
    let replaced = format!(
        "os.unlink('{0}')\nopen('{0}', 'w').write('another')\nos.write(3, ASK)\n\
         print(os.read(3, 15).decode())\n",
        python.display()
    );
    let mut command = scene.world.command(&python);
    command.env("PYTHONHOME", "/usr");
    command.args(["-c", &format!("{CONNECT}{replaced}"), scene.world.socket().to_str().unwrap()]);
    let ended = Process::spawn("caller", command.stdin(Stdio::null())).ended();
    assert_eq!(ended.stdout.trim(), "HTTP/1.1 200 OK", "{}", ended.stderr);
    scene.close();
}

/// Its name is bytes, as every name on this system is.
#[test]
fn a_program_whose_path_is_no_text_is_served_and_recorded_exactly() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let folder = scene.world.root().join("tmp").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&folder).unwrap();
    let dagpass = folder.join("dagpass");
    program::copied(env!("CARGO_BIN_EXE_dagpass"), &dagpass);
    let mut command = scene.world.command(&dagpass);
    let token = Process::spawn("token", command.arg("token").stdin(Stdio::null())).ended();
    assert_eq!(token.expect(0).stdout.trim(), scene.token());
    let mut command = scene.world.command(&dagpass);
    command.arg("token").env("DAGPASS_CAPABILITY", "A".repeat(43));
    let refused = Process::spawn("token", command.stdin(Stdio::null())).ended();
    assert_ne!(refused.code(), 0);
    let lines = ledger(&scene.world);
    let of = |event: &str| -> Vec<Value> {
        let exact = |line: &&Value| {
            let bytes = line["caller"]["executable_bytes"].as_str().unwrap_or_default();
            line["event"] == event && bytes.ends_with("/caf\\xe9/dagpass")
        };
        lines.iter().filter(exact).cloned().collect()
    };
    assert_eq!((of("issue").len(), of("refused").len()), (1, 1), "{lines:?}");
    let shown = of("issue")[0]["caller"]["executable"].as_str().unwrap().to_owned();
    assert!(shown.ends_with("/caf\u{fffd}/dagpass"), "{shown}");
    scene.close();
}

#[test]
fn a_connection_that_stays_open_is_served_as_long_as_its_process_is_the_same() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let mut stream = std::os::unix::net::UnixStream::connect(scene.world.socket()).unwrap();
    for _ in 0..3 {
        look_at(&mut stream);
    }
    assert_eq!(scene.ask(&empty()).status, 200);
    scene.token();
    scene.close();
}
