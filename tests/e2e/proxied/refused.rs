//! Who does not get through, and what nobody sends: another user, another tree, another door's phantom, a web page,
//! somebody who looks for an open proxy, a path that can be read in two ways.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use super::upstream::Upstream;
use super::{CURL, DAGPASS, Run, by_run, scene, status_of};
use crate::idp::{Family, Setting};
use crate::one_door::ledger;
use crate::wait::until;
use crate::world::Process;

/// By hand, from this very process, which is of no run.
fn raw(url: &str, text: &str) -> String {
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    stream.write_all(text.replace("HOST", host).as_bytes()).unwrap();
    let mut reply = String::new();
    let _whole_or_closed = stream.read_to_string(&mut reply);
    reply
}

#[test]
fn a_request_that_is_none_for_an_upstream_goes_nowhere() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let run = Run::begin(&scene.world, "warehouse");
    let bearer = format!("Authorization: Bearer {}\r\n", run.phantom);
    for (line, headers, status) in [
        // 58: whoever shows nothing, or looks for an open proxy.
        ("GET /v1", "Host: HOST\r\n", 407),
        ("GET /v1", "Host: HOST\r\nAuthorization: Bearer guess\r\n", 407),
        ("GET http://evil.example/", "Host: evil.example\r\n", 407),
        ("CONNECT evil.example:443", "Host: evil.example:443\r\n", 407),
        // Another name for us, and none.
        ("GET /v1", "Host: evil.example\r\n", 421),
        ("GET /v1", "Host: 127.0.0.1:1\r\n", 421),
        ("GET /v1", "Host: lake.localhost\r\n", 421),
        ("GET /v1", "", 400),
        ("GET /v1", "Host: HOST\r\nHost: HOST\r\n", 400),
        // A web page.
        ("GET /v1", "Host: HOST\r\nOrigin: https://evil.example\r\n", 403),
        ("GET /v1", "Host: HOST\r\nOrigin: null\r\n", 403),
        ("GET /v1", "Host: HOST\r\nSec-Fetch-Site: cross-site\r\n", 403),
        (
            "OPTIONS /v1",
            "Host: HOST\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n",
            403,
        ),
        // Two readings of one path.
        ("GET /v1/../admin", "Host: HOST\r\n", 400),
        ("GET /v1/%2e%2e/admin", "Host: HOST\r\n", 400),
        ("GET /v1%2fadmin", "Host: HOST\r\n", 400),
        ("GET /v1;x", "Host: HOST\r\n", 400),
        ("GET /v1\\admin", "Host: HOST\r\n", 400),
        ("GET //admin", "Host: HOST\r\n", 400),
        ("GET /%61dmin", "Host: HOST\r\n", 400),
        // Two lengths of one body.
        ("POST /v1", "Host: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n", 400),
        // All is well but for whose phantom it is.
        ("GET /v1", &format!("Host: HOST\r\n{bearer}"), 407),
    ] {
        let text = format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        let reply = raw(&run.url, &text);
        assert_eq!(status_of(&reply), status, "{text}{reply}");
        assert!(!reply.to_lowercase().contains("access-control-allow"), "{reply}");
        // Whoever has proven nothing is not told whose door it is.
        assert!(!reply.contains("warehouse") && !reply.contains("dagpass"), "{reply}");
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
    let lines = ledger(&scene.world);
    let is_told = |reason: &str| {
        lines.iter().any(|line| {
            line["event"] == "refused"
                && line["door"] == "upstream warehouse"
                && line["reason"].as_str().unwrap().contains(reason)
        })
    };
    for reason in [
        "another process tree",
        "no phantom",
        "open proxy",
        "two ways",
        "another Host",
        "another site",
    ] {
        assert!(is_told(reason), "{reason}: {lines:#?}");
    }
    run.end();
    scene.close();
}

#[test]
fn a_phantom_is_good_for_its_own_tree_at_its_own_door_as_long_as_its_run() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let (warehouse, lake) = (Run::begin(world, "warehouse"), Run::begin(world, "lake"));
    let of = |url: &str, phantom: &str| {
        let text = format!(
            "GET /lake/v1/x HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {phantom}\r\nConnection: close\r\n\r\n"
        );
        status_of(&raw(url, &text))
    };
    let lake_door = lake.url.strip_suffix("/lake").unwrap();
    assert_eq!(of(&warehouse.url, &warehouse.phantom), 407, "stolen by another tree");
    assert_eq!(of(lake_door, &warehouse.phantom), 407, "at another upstream's door");
    // Within its own tree and at another door, or where it would be sent on.
    let status = "-o /dev/null -w '%{http_code}'";
    let bearer = "Authorization: Bearer $DAGPASS_PROXY_BEARER_WAREHOUSE";
    for (line, expected) in [
        (format!("curl -sS {status} -H \"{bearer}\" {lake_door}/lake/v1/x"), "407"),
        (
            format!(
                "{CURL} {status} -H \"X-Copy: $DAGPASS_PROXY_BEARER_WAREHOUSE\" $DAGPASS_PROXY_URL_WAREHOUSE/a"
            ),
            "400",
        ),
        (
            format!(
                "{CURL} {status} \"$DAGPASS_PROXY_URL_WAREHOUSE/a?t=$DAGPASS_PROXY_BEARER_WAREHOUSE\""
            ),
            "400",
        ),
        (
            format!(
                "{CURL} {status} -H 'Host: warehouse.localhost:1' $DAGPASS_PROXY_URL_WAREHOUSE/a"
            ),
            "421",
        ),
        // A session of its own is still below the run.
        (format!("setsid -w {CURL} {status} $DAGPASS_PROXY_URL_WAREHOUSE/a"), "200"),
    ] {
        assert_eq!(by_run(world, "warehouse", &line), expected, "{line}");
    }
    // What the config does not take is denied, and on the record.
    let own = "curl -sS -o /dev/null -w '%{http_code}' -H \"Authorization: Bearer $DAGPASS_PROXY_BEARER_LAKE\"";
    for (what, expected) in [
        ("$DAGPASS_PROXY_URL_LAKE/v1/x", "200"),
        ("-X DELETE $DAGPASS_PROXY_URL_LAKE/v1/x", "403"),
        ("$DAGPASS_PROXY_URL_LAKE/v2/x", "403"),
        ("${DAGPASS_PROXY_URL_LAKE%/lake}/other", "403"),
    ] {
        assert_eq!(by_run(world, "lake", &format!("{own} {what}")), expected, "{what}");
    }
    let denied = |line: &&serde_json::Value| {
        line["event"] == "decision" && line["outcome"] == "denied" && line["action"] == "proxy"
    };
    assert_eq!(ledger(world).iter().filter(denied).count(), 3);
    // A terminal's phantom in another session.
    let kept = world.root().join("tmp/shell-way");
    let script = format!(
        "'{DAGPASS}' proxy env warehouse --format curl > '{0}'; \
         setsid -w curl -sS {status} -K '{0}' {1}/a; curl -sS {status} -K '{0}' {1}/a",
        kept.display(),
        warehouse.url
    );
    let mut shell = world.command("sh");
    let ended = Process::spawn("a shell", shell.args(["-c", &script])).ended().expect(0);
    assert_eq!(ended.stdout, "407200", "another session is another tree");
    let way = std::fs::read_to_string(&kept).unwrap();
    world.secret("phantom", way.trim().trim_end_matches('"').rsplit(' ').next().unwrap());
    // With the run it is over, for whoever has it.
    let seen = upstream.seen().len();
    let (url, phantom) = (warehouse.url.clone(), warehouse.phantom.clone());
    warehouse.end();
    let mut command = world.command("curl");
    command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-K", "-"]).stdin(Stdio::piped());
    let mut curl = Process::spawn("curl", &mut command);
    writeln!(curl.stdin(), "header = \"Authorization: Bearer {phantom}\"\nurl = \"{url}/late\"")
        .unwrap();
    assert_eq!(curl.ended().expect(0).stdout, "407");
    assert_eq!(upstream.seen().len(), seen);
    lake.end();
    scene.close();
}

#[test]
fn another_user_gets_no_byte_with_a_phantom_or_without() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    if !rustix::process::getuid().is_root() {
        println!("not run: becoming another user takes root");
        return scene.close();
    }
    let script = r#"
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
host, port = os.environ["DAGPASS_PROXY_URL_WAREHOUSE"][7:].split(":")
with socket.create_connection((host, int(port))) as stream:
    head = "GET /v1 HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n\r\n"
    try:
        stream.sendall((head % (host, port, os.environ["DAGPASS_PROXY_BEARER_WAREHOUSE"])).encode())
        print(len(stream.recv(100)))
    except OSError:
        print(0)
"#;
    let file = world.root().join("other.py");
    std::fs::write(&file, script).unwrap();
    let told = by_run(world, "warehouse", &format!("/usr/bin/python3 - < '{}'", file.display()));
    assert_eq!(told.trim(), "0");
    until("its line", || {
        let is_it = |line: &serde_json::Value| {
            line["event"] == "refused"
                && line["door"] == "upstream warehouse"
                && line["caller"]["uid"] == 65_534
        };
        ledger(world).iter().any(is_it).then_some(())
    });
    assert!(upstream.seen().is_empty());
    scene.token();
    scene.close();
}

#[test]
fn a_rule_on_method_and_path_decides_and_is_named() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    std::fs::write(
        world.root().join("policy.cedar"),
        "@id(\"base\") permit(principal, action, resource);\n\
         @id(\"no admin\") forbid(principal, action == Action::\"proxy\", resource)\n  \
         when { context has path && context.path like \"/admin/*\" && context has method && context.method != \"GET\" };\n",
    )
    .unwrap();
    until("the policy", || {
        let status = world.api("GET", "/v1/status", &serde_json::Value::Null).json();
        (status["agent"]["policy_state"] == "in_force").then_some(())
    });
    let curl = |what: &str| format!("{CURL} -w ' %{{http_code}}' {what}");
    let url = "$DAGPASS_PROXY_URL_WAREHOUSE";
    for (what, sent) in [
        (format!("{url}/admin/users"), true),
        (format!("-X DELETE {url}/admin/users"), false),
        (format!("-X DELETE {url}/rows"), true),
    ] {
        let told = by_run(world, "warehouse", &curl(&what));
        assert_eq!(told.ends_with(" 200"), sent, "{what}: {told}");
        assert!(sent || told.contains("no admin"), "{told}");
    }
    let lines = ledger(world);
    let denied = lines.iter().find(|line| line["outcome"] == "denied" && line["action"] == "proxy");
    let denied = denied.expect("it is on the record");
    assert_eq!(
        (denied["rules"][0].as_str(), denied["upstream"]["method"].as_str()),
        (Some("no admin"), Some("DELETE"))
    );
    assert!(!upstream.seen().iter().any(|one| one.line().starts_with("DELETE /admin")));
    scene.close();
}
