//! Requests that are sent on with a token that their caller never sees, with the programs that people use: what the
//! upstream got, who gets through, and what stands on the record.

mod plain;
mod refused;
mod streams;
mod upstream;

use std::process::Stdio;

use serde_json::Value;

use crate::idp::{Family, Setting};
use crate::one_door::ledger;
use crate::scene::Scene;
use crate::wait::until;
use crate::world::{Process, World};
use upstream::Upstream;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

/// Two upstreams that are one server: what differs is what each takes.
fn config(upstream: &Upstream) -> String {
    let url = format!("http://127.0.0.1:{}", upstream.port);
    format!(
        "\n[connection.lake_api]\nconn-type = \"http\"\nscopes = [\"lake:read\"]\n\
         [upstream.warehouse]\nurl = \"{url}\"\nscopes = [\"warehouse:read\"]\n\
         [upstream.lake]\nurl = \"{url}/lake\"\nconnection = \"lake_api\"\nheader = \"X-Token\"\n\
         keep-authorization = true\nmethods = [\"GET\"]\npaths = [\"/lake/v1/*\"]\n"
    )
}

fn scene(upstream: &Upstream, setting: Setting<'_>) -> Scene {
    let scene = Scene::configured(setting, &config(upstream));
    scene.sign_in();
    scene
}

/// What a program says that `dagpass run --via NAME` starts, in a shell.
fn by_run(world: &World, via: &str, script: &str) -> String {
    let ended = world.cli(&["run", "--via", via, "--", "sh", "-c", script]);
    assert_eq!(ended.code(), 0, "{script}\n{}\n{}", ended.stderr, world.agent_said());
    ended.stdout
}

/// A run that waits for a line, and its way: address and phantom.
struct Run {
    process: Process,
    url: String,
    phantom: String,
}

impl Run {
    fn begin(world: &World, via: &str) -> Self {
        // `tmp` is the one folder that the secret scan leaves out.
        let kept = world.root().join(format!("tmp/way-{via}"));
        let variable = via.to_uppercase();
        let script = format!(
            "echo \"$DAGPASS_PROXY_URL_{variable} $DAGPASS_PROXY_BEARER_{variable}\" > '{}'; echo here; read line",
            kept.display()
        );
        let mut command = world.command(DAGPASS);
        command.args(["run", "--via", via, "--", "sh", "-c", &script]).stdin(Stdio::piped());
        let process = Process::spawn("dagpass run --via", &mut command);
        process.stdout.wait_for("its word", |text| text.contains("here").then_some(()));
        let way = std::fs::read_to_string(kept).unwrap();
        let (url, phantom) = way.trim().split_once(' ').unwrap();
        world.secret("phantom", phantom);
        Self { process, url: url.to_owned(), phantom: phantom.to_owned() }
    }

    fn end(mut self) {
        drop(self.process.stdin());
        self.process.ended();
    }
}

const CURL: &str = "curl -sS -H \"Authorization: Bearer $DAGPASS_PROXY_BEARER_WAREHOUSE\"";

/// With nothing but the standard library, and nothing but an address.
const PYTHON: &str = r#"
import base64, http.client, json, os, urllib.parse, urllib.request
url, bearer = (os.environ["DAGPASS_PROXY_" + name + "_WAREHOUSE"] for name in ("URL", "BEARER"))
request = urllib.request.Request(url + "/v1/rows?limit=3", headers={"Authorization": "Bearer " + bearer})
print(urllib.request.urlopen(request).read().decode())
# A session: several requests on one connection, by the login that an address may hold.
login = base64.b64encode(("dagpass:" + bearer).encode()).decode()
kept = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
for n in range(3):
    kept.request("POST", "/v1/rows", body=json.dumps({"n": n}), headers={"Authorization": "Basic " + login})
    print(kept.getresponse().read().decode())
"#;

#[test]
fn programs_reach_an_upstream_with_a_token_that_none_of_them_sees() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let script = format!("{CURL} \"$DAGPASS_PROXY_URL_WAREHOUSE/v1/tables\"");
    assert_eq!(by_run(world, "warehouse", &script), "0 GET /v1/tables HTTP/1.1");
    let python = world.root().join("rows.py");
    std::fs::write(&python, PYTHON).unwrap();
    let told = by_run(world, "warehouse", &format!("python3 '{}'", python.display()));
    let expected = "0 GET /v1/rows?limit=3 HTTP/1.1\n8 POST /v1/rows HTTP/1.1\n8 POST /v1/rows HTTP/1.1\n8 POST /v1/rows HTTP/1.1\n";
    assert_eq!(told, expected);
    // A terminal's own.
    let script = format!(
        "eval \"$('{DAGPASS}' proxy env warehouse --for 5m)\" && {CURL} \"$DAGPASS_PROXY_URL_WAREHOUSE/v1/shell\""
    );
    let mut shell = world.command("sh");
    let ended = Process::spawn("a shell", shell.args(["-c", &script])).ended().expect(0);
    assert_eq!(ended.stdout, "0 GET /v1/shell HTTP/1.1");
    // Another header, a connection's token, and the program's own credential beside it.
    let own = "curl -sS -u me:own --proxy-header x -H \"Proxy-Authorization: Bearer $DAGPASS_PROXY_BEARER_LAKE\"";
    let told = by_run(world, "lake", &format!("{own} \"$DAGPASS_PROXY_URL_LAKE/v1/x\""));
    assert_eq!(told, "0 GET /lake/v1/x HTTP/1.1");

    let seen = upstream.seen();
    assert_eq!(seen.len(), 7);
    assert_eq!(seen[2].body, r#"{"n": 0}"#);
    for one in &seen {
        let is_lake = one.line().contains("/lake/");
        let token = match is_lake {
            true => one.header("x-token").unwrap(),
            false => one.header("authorization").unwrap().strip_prefix("Bearer ").unwrap(),
        };
        assert_eq!(scene.idp.call_api(token), 200, "it is Ping's and good: {}", one.head);
        let own = is_lake.then(|| one.header("authorization").unwrap());
        assert!(own.is_none_or(|own| own == "Basic bWU6b3du"), "{}", one.head);
        assert_eq!(one.header("host"), Some(format!("127.0.0.1:{}", upstream.port).as_str()));
        assert_eq!(one.header("proxy-authorization"), None);
    }
    on_the_record(world);
    let status: Value =
        serde_json::from_str(&world.cli(&["--json", "proxy", "status"]).expect(0).stdout).unwrap();
    let counts: Vec<(&str, u64)> = status["upstreams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["requests"].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, [("lake", 1), ("warehouse", 6)]);
    let log = world.cli(&["proxy", "log"]).expect(0).stdout;
    assert!(log.contains("warehouse  200 GET /v1/tables") && log.contains("curl ("), "{log}");
    assert!(!log.contains("limit=3"), "a query may hold anything: {log}");
    scene.close();
}

/// One line a request, with who, what and whose.
fn on_the_record(world: &World) {
    let lines = ledger(world);
    let sent: Vec<&Value> =
        lines.iter().filter(|line| line["event"] == "issue" && line["action"] == "proxy").collect();
    let what = |line: &&Value| {
        let part = |name: &str| line["upstream"][name].as_str().unwrap().to_owned();
        format!("{} {} {}", part("name"), part("method"), part("path"))
    };
    let all: Vec<String> = sent.iter().map(what).collect();
    assert_eq!(
        all,
        [
            "warehouse GET /v1/tables",
            "warehouse GET /v1/rows",
            "warehouse POST /v1/rows",
            "warehouse POST /v1/rows",
            "warehouse POST /v1/rows",
            "warehouse GET /v1/shell",
            "lake GET /lake/v1/x",
        ]
    );
    for (line, run) in sent.iter().zip([true, true, true, true, true, false, true]) {
        let capability = line["caller"]["capability"].as_str().unwrap();
        assert_eq!(capability.starts_with("run-"), run, "{line}");
        assert!(run || capability.starts_with("proxy-"), "{line}");
        assert!(line["caller"]["pid"].is_u64() && line["subject"]["sub"].is_string(), "{line}");
        assert!(line["fingerprint"].is_string() && line["caller"]["transport"] == "tcp", "{line}");
    }
    assert_eq!(sent[6]["connection"], "lake_api");
    let program = sent[0]["caller"]["executable"].as_str().unwrap();
    assert!(program.ends_with("curl"), "{program}");
}

#[test]
fn a_token_that_the_upstream_refuses_is_renewed_once_and_what_it_refuses_again_is_passed_on() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let curl = |way: &str| format!("{CURL} -w ' %{{http_code}}' {way}");
    let url = "\"$DAGPASS_PROXY_URL_WAREHOUSE";
    assert_eq!(
        by_run(world, "warehouse", &curl(&format!("{url}/stale\""))),
        "0 GET /stale HTTP/1.1 200"
    );
    let tokens: Vec<String> =
        upstream.seen().iter().map(|one| one.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[0], tokens[1], "another token for the second");
    // What had a body is not sent twice; what is refused again is the upstream's own word.
    assert_eq!(by_run(world, "warehouse", &curl(&format!("-d x=1 {url}/never\""))), "never 401");
    assert_eq!(by_run(world, "warehouse", &curl(&format!("{url}/never\""))), "never 401");
    let posts = upstream.seen().iter().filter(|one| one.line().starts_with("POST /never")).count();
    assert_eq!(posts, 1);
    // Nobody is signed in any more.
    world.cli(&["logout"]).expect(0);
    let told = by_run(world, "warehouse", &curl(&format!("{url}/v1/x\"")));
    let (body, status) = told.rsplit_once(' ').unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((status, body["error"].as_str()), ("401", Some("login_required")));
    assert!(body["hint"].as_str().unwrap().contains("dagpass login"), "{body}");
    assert!(!upstream.seen().iter().any(|one| one.line().contains("/v1/x")));
    scene.close();
}

#[test]
fn a_redirect_leads_by_us_or_away_without_a_token() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let follow =
        format!("{CURL} -L -w ' %{{num_redirects}}' \"$DAGPASS_PROXY_URL_WAREHOUSE/redirect\"");
    assert_eq!(by_run(world, "warehouse", &follow), "0 GET /landed?x=1 HTTP/1.1 1");
    let landed = upstream.seen().pop().unwrap();
    assert!(landed.header("authorization").is_some(), "by us, not around us: {}", landed.head);
    let away = format!("{CURL} -w '%{{redirect_url}}' \"$DAGPASS_PROXY_URL_WAREHOUSE/away\"");
    assert_eq!(by_run(world, "warehouse", &away), "https://elsewhere.example/x");
    assert_eq!(upstream.seen().len(), 3, "no redirect is followed by us");
    scene.close();
}

#[test]
fn a_door_stands_as_long_as_the_config_names_it() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let run = Run::begin(world, "warehouse");
    let port = run.url.rsplit(':').next().unwrap().to_owned();
    let is_open = || std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok();
    assert!(is_open());
    world.configure(&scene.idp.config(""));
    until("the door's end", || (!is_open()).then_some(()));
    let refused = world.cli(&["run", "--via", "warehouse", "--", "true"]).expect(125);
    assert!(refused.stderr.contains("there is no upstream `warehouse`"), "{}", refused.stderr);
    // A way that there is not makes no run of it.
    let runs = ledger(world);
    assert!(runs.iter().any(|line| line["action"] == "begin-run"), "{runs:?}");
    run.end();
    scene.close();
}

#[test]
fn what_cannot_be_recorded_is_not_sent() {
    let upstream = Upstream::start();
    let scene = Scene::in_world(World::new(), Setting::of(Family::PingOne), &config(&upstream));
    let Some(state) = crate::ledger_file::on_a_small_disk(&scene) else {
        scene.world.secret("nothing was handed out", "no-secret-in-this-world");
        return scene.world.close();
    };
    scene.sign_in();
    scene.token();
    let world = &scene.world;
    // So that its token is at hand, and a line of the ledger is all that is written.
    by_run(world, "warehouse", &format!("{CURL} \"$DAGPASS_PROXY_URL_WAREHOUSE/before\""));
    let each = format!("{CURL} -w ' %{{http_code}}\\n' \"$DAGPASS_PROXY_URL_WAREHOUSE/n$n\"");
    let script = format!("echo here; read line; for n in $(seq 60); do {each}; done");
    let mut command = world.command(DAGPASS);
    command.args(["run", "--via", "warehouse", "--", "sh", "-c", &script]).stdin(Stdio::piped());
    let mut run = Process::spawn("dagpass run --via", &mut command);
    run.stdout.wait_for("its word", |text| text.contains("here").then_some(()));
    let full = std::fs::write(state.join("filler"), vec![0; 128 * 1024]);
    assert!(full.is_err(), "the disk is full");
    // What is left of the ledger's last block is used up first.
    drop(run.stdin());
    let told = run.ended().expect(0).stdout;
    let told = told.strip_prefix("here\n").unwrap();
    let sent = told.lines().filter(|line| line.ends_with(" 200")).count();
    let denied: Vec<&str> = told.lines().filter(|line| line.ends_with(" 503")).collect();
    assert_eq!(sent + denied.len(), 60, "{told}");
    assert!(denied.len() > 5 && denied[0].contains("not_recorded"), "{told}");
    let arrived = upstream.seen().iter().filter(|one| one.line().contains("/n")).count();
    assert_eq!(arrived, sent, "not a request more than there are lines of");
    scene.close();
}

/// For tables of others.
fn status_of(reply: &str) -> u16 {
    reply.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
