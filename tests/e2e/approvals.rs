//! Fact: where a rule asks, a caller hears at once that a person is asked, and meets the answer when it comes
//! again, its process tree alone; the answer is given on the command line in another terminal or by the
//! notice's button, and by nobody who asks.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting};
use crate::notifier::Notifier;
use crate::scene::Scene;
use crate::shell::{DAGPASS, Terminal};
use crate::wait::until;
use crate::watcher::Watcher;
use crate::world::{Process, World};

const ASKS: &str = r#"
[policy]
[[policy.rule]]
id = "production"
when = { profile = "prod" }
then = "ask"
"#;

/// A person in a terminal of its own types it: the harness started whoever asks, too.
fn person(scene: &Scene, words: &[&str]) -> i32 {
    let mut command = scene.world.command("script");
    let line = format!("{DAGPASS} {}", words.join(" "));
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).stdin(Stdio::null());
    let ended = Process::spawn(&format!("dagpass {}", words.join(" ")), &mut command).ended();
    scene.world.keep_text("dagpass approve", &format!("{}{}", ended.stdout, ended.stderr));
    ended.code()
}

fn asking(world: World) -> Scene {
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), ASKS);
    scene.world.start_agent();
    scene.sign_in();
    scene
}

/// A program whose child connects and ends at once, and that answers by the socket it left.
fn orphaned(scene: &Scene, id: &str) -> String {
    let script = scene.world.root().join("orphaned.py");
    let (socket, reply) = (scene.world.socket(), scene.world.root().join("reply"));
    let text = format!(
        r#"import os, socket
way = socket.socket(socket.AF_UNIX)
child = os.fork()
if child == 0:
    way.connect({socket:?})
    os._exit(0)
os.waitpid(child, 0)
body = b'{{"answer":"once"}}'
head = "POST /v1/approvals/{id} HTTP/1.1\r\nHost: localhost\r\nSec-Dagpass: 1\r\nConnection: close\r\n"
head += "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
way.sendall(head.encode() + body)
said = b""
while got := way.recv(4096):
    said += got
open({reply:?}, "wb").write(said)
"#
    );
    std::fs::write(&script, text).unwrap();
    format!("python3 {}", script.display())
}

fn pending(scene: &Scene) -> Vec<Value> {
    let list = scene.world.api("GET", "/v1/approvals", &Value::Null);
    assert_eq!(list.status, 200, "{}", list.body);
    list.json()["pending"].as_array().unwrap().clone()
}

fn ledger(scene: &Scene) -> Vec<Value> {
    let text = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn another_terminal_approves_a_process_tree_and_nobody_approves_himself() {
    let scene = asking(World::new());
    let (mut first, mut other) = (Terminal::open(&scene.world), Terminal::open(&scene.world));
    let id = first.asks();
    assert_eq!(first.asks(), id, "it is one question");
    let [question] = pending(&scene).try_into().unwrap();
    assert_eq!((&question["profile"], &question["times"]), (&json!("prod"), &json!(2)));
    assert_eq!(question["rules"], json!(["production"]), "{question}");
    assert_eq!(question["program"], json!(DAGPASS));

    // What the same program started without a terminal; one that ends before it is looked at, whose socket its
    // parent goes on with.
    let words = format!("{DAGPASS} approve {id} --once");
    let mut beside = scene.world.command("setsid");
    beside.args(["--wait", "sh", "-c", &words]);
    assert_eq!(Process::spawn("beside", &mut beside).ended().code(), 4);
    let code = first.types(&orphaned(&scene, &id)).0;
    assert_eq!(code, 0, "{}", std::fs::read_to_string(scene.world.home().join("said")).unwrap());
    let said = std::fs::read_to_string(scene.world.root().join("reply")).unwrap();
    assert!(said.contains("HTTP/1.1 403"), "{said}");

    // Its own tree in every way that a program has, and the harness, which started it.
    let ask = format!("approve {id} --once");
    for way in [
        format!("{DAGPASS} {ask}"),
        format!("sh -c '{DAGPASS} {ask}'"),
        format!("setsid --wait {DAGPASS} {ask}"),
        format!("{DAGPASS} run -- {DAGPASS} {ask}"),
        format!("DAGPASS_TCP=1 {DAGPASS} {ask}"),
    ] {
        assert_eq!(first.types(&way).0, 4, "{way}");
    }
    let path = format!("/v1/approvals/{id}");
    let refused = scene.world.api("POST", &path, &json!({ "answer": "always" }));
    assert_eq!((refused.status, &refused.json()["error"]), (403, &json!("access_denied")));
    let endpoint = scene.world.socket().with_file_name("endpoint.json");
    let endpoint: Value = serde_json::from_slice(&std::fs::read(endpoint).unwrap()).unwrap();
    let bearer = format!("Bearer {}", endpoint["capability"].as_str().unwrap());
    let headers =
        [("Sec-Dagpass", "1"), ("Content-Type", "application/json"), ("Authorization", &*bearer)];
    let url = format!("http://127.0.0.1:{}{path}", endpoint["port"]);
    let by_tcp = http::with_headers(&url, "POST", &headers, "{\"answer\":\"once\"}").unwrap();
    assert_eq!(by_tcp.status, 403, "{}", by_tcp.body);
    // Nor does it write itself a policy that asks nobody.
    let edit = json!({ "set": { "notifications.enabled": false } });
    assert_eq!(scene.world.api("POST", "/v1/config/edit", &edit).status, 403);
    let why = json!({ "reason": "nobody answers" });
    assert_eq!(scene.world.api("POST", "/v1/policy/break-glass", &why).status, 403);
    assert_eq!(first.token(), 5);

    assert_eq!(person(&scene, &["approve", &id, "--run"]), 0);
    assert_eq!((first.token(), first.token()), (0, 0));
    assert_eq!(other.token(), 5, "no stranger rides along");
    let lines = ledger(&scene);
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    assert_eq!(of("approval-asked").len(), 2, "one a question, however often it is asked for");
    let [answered] = of("approval-answered").try_into().unwrap();
    assert_eq!((&answered["approval"], &answered["reason"]), (&json!(id), &json!("run")));
    let issued = of("issue").into_iter().filter(|line| line["approval"] == json!(id));
    assert_eq!(issued.count(), 2);

    assert_eq!(person(&scene, &["approve", "revoke", &id]), 0);
    assert_eq!(first.token(), 5);
    let again = first.asks();
    assert_eq!(person(&scene, &["approve", &again, "--no"]), 0);
    let (code, said) = first.types(&format!("{DAGPASS} token --json"));
    assert_eq!((code, &said["error"]), (5, &json!("approval_refused")), "{said}");
    // Nor does whom it was said to switch off what asks, by a program below the agent or by itself.
    let glass = format!("{DAGPASS} agent break-glass 'nobody answers' --json");
    assert_eq!(first.types(&glass).0, 4);
    first.close();
    other.close();
    scene.close();
}

#[test]
fn a_hundred_callers_are_one_notice_and_its_button_answers() {
    let world = World::new();
    let watcher = Watcher::start(&world.bus_address());
    let notifier = Notifier::start(&world.bus_address());
    let scene = asking(world);
    let item = watcher.item();
    until("the person", || item.labels().contains(&"Sign out".to_owned()).then_some(()));
    let socket = scene.world.socket();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let reply = http::on_socket(&socket, "POST", "/v1/token", "{}").unwrap();
                assert_eq!(reply.status, 403, "{}", reply.body);
            });
        }
    });
    let [question] = pending(&scene).try_into().unwrap();
    assert_eq!(question["times"], 100);
    let notice = notifier.wait_for("wants a token of prod");
    assert!(notice.text.contains("Rule: production"), "{notice:?}");
    for label in ["Show…", "Once", "No"] {
        assert!(notice.actions.contains(&label.to_owned()), "{notice:?}");
    }
    notifier.click(&notice, "Once");
    // The callers were one process: they get what they asked for, one time.
    let reply = until("the answer", || {
        let reply = http::on_socket(&socket, "POST", "/v1/token", "{}").unwrap();
        (reply.status == 200).then_some(reply)
    });
    scene.world.secret("access token", reply.json()["access_token"].as_str().unwrap());
    assert_eq!(scene.ask(&json!({})).status, 403);
    let second = until("the next question", || {
        let waits = |one: &crate::notifier::Shown| one.id != notice.id && one.open;
        notifier.all().into_iter().find(waits)
    });
    notifier.click(&second, "No");
    until("the no", || {
        let reply = scene.ask(&json!({})).json();
        (reply["error"] == "approval_refused").then_some(())
    });
    let shown = format!("{:#?}", notifier.all());
    scene.world.keep_text("what the desktop showed", &shown);
    scene.close();
}

#[test]
fn a_command_at_a_terminal_waits_and_what_is_always_approved_outlives_the_agent() {
    let scene = asking(World::new());
    let mut command = scene.world.command("script");
    let line = format!("{DAGPASS} token > /dev/null; echo ended-$?.");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).stdin(Stdio::piped());
    let mut terminal = Process::spawn("script", &mut command);
    let id = terminal.stdout.wait_for("what is asked", |text| {
        let (_, rest) = text.split_once("dagpass approve ap-")?;
        Some(format!("ap-{}", rest.split_once(|c: char| c.is_whitespace())?.0))
    });
    let said = terminal.stdout.text();
    assert!(said.contains("waiting for an approval") && said.contains("production"), "{said}");
    assert_eq!(person(&scene, &["approve", &id, "--always"]), 0);
    terminal.stdout.wait_for("its end", |text| text.contains("ended-0.").then_some(()));
    terminal.ended();

    scene.world.restart_agent();
    let mut later = Terminal::open(&scene.world);
    assert_eq!(later.token(), 0, "the same program in the same folder");
    assert_eq!(later.types(&format!("cd /; {DAGPASS} token --json")).0, 5);
    assert_eq!(person(&scene, &["approve", "revoke", &id]), 0);
    assert_eq!(later.types(&format!("cd ~; {DAGPASS} token --json")).0, 5);
    later.close();
    scene.close();
}
