//! What is judged is what arrives: one spelling of a path, a method and a path that nothing overrides, the whole of a
//! body, and nothing that belongs to another upstream.

use std::net::TcpListener;
use std::process::Stdio;

use super::upstream::Upstream;
use super::{CURL, DAGPASS, by_run, scene};
use crate::idp::{Family, Setting};
use crate::one_door::ledger;
use crate::scene::Scene;
use crate::wait::until;
use crate::world::Process;

#[test]
fn what_is_judged_is_what_arrives() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let url = "$DAGPASS_PROXY_URL_WAREHOUSE";
    let shown = "-w ' %{http_code}'";
    for (line, told) in [
        (format!("{url}/etl%3ax/%c3%a9?q=%3a"), "0 GET /etl:x/%C3%A9?q=%3a HTTP/1.1 200"),
        // hyper by itself would leave it out.
        (
            format!("-X GET -H 'Transfer-Encoding: chunked' -d hello {url}/search"),
            "5 GET /search HTTP/1.1 200",
        ),
        (
            format!("-b s=1 -H 'X-Forwarded-Prefix: /admin' {url}/plain"),
            "0 GET /plain HTTP/1.1 200",
        ),
        (format!("-o /dev/null -H 'X-HTTP-Method-Override: DELETE' -d x {url}/over"), " 400"),
        (format!("-o /dev/null -H 'X-Original-URL: /admin' {url}/over"), " 400"),
        (
            format!("-o /dev/null -X POST -H 'Transfer-Encoding: gzip, chunked' -d x {url}/over"),
            " 501",
        ),
    ] {
        assert_eq!(by_run(world, "warehouse", &format!("{CURL} {shown} {line}")), told, "{line}");
    }
    let seen = upstream.seen();
    assert_eq!(seen.len(), 3, "{seen:?}");
    for name in ["cookie", "x-forwarded-prefix"] {
        assert_eq!(seen[2].header(name), None);
    }
    let lines = ledger(world);
    let sent = lines.iter().filter(|line| line["event"] == "issue" && line["action"] == "proxy");
    let paths: Vec<&str> = sent.map(|line| line["upstream"]["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/etl:x/%C3%A9", "/search", "/plain"]);
    scene.close();
}

#[test]
fn a_phantom_of_another_door_is_not_passed_on_as_the_caller_s_own_credential() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let script = "for own in \"-u me:$DAGPASS_PROXY_BEARER_WAREHOUSE\" \
         \"-u $DAGPASS_PROXY_BEARER_WAREHOUSE:\" \"--oauth2-bearer $DAGPASS_PROXY_BEARER_WAREHOUSE\" \
         \"-u me:$DAGPASS_PROXY_BEARER_LAKE\" '-u me:own'; do \
         curl -sS -o /dev/null -w '%{http_code} ' $own -H \"Proxy-Authorization: Bearer $DAGPASS_PROXY_BEARER_LAKE\" \
         \"$DAGPASS_PROXY_URL_LAKE/v1/x\"; done";
    let ended =
        world.cli(&["run", "--via", "warehouse", "--via", "lake", "--", "sh", "-c", script]);
    assert_eq!(ended.expect(0).stdout, "400 400 400 400 200 ", "{}", world.agent_said());
    assert_eq!(upstream.seen().len(), 1);
    scene.close();
}

#[test]
fn an_upstream_that_refuses_every_token_costs_one_refresh() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    by_run(world, "warehouse", &format!("{CURL} $DAGPASS_PROXY_URL_WAREHOUSE/before"));
    let before = scene.idp.refreshes().len();
    // One connection, as a client that asks again and again has one.
    let script = format!("{CURL} \"$DAGPASS_PROXY_URL_WAREHOUSE/never?n=[1-32]\"");
    assert_eq!(by_run(world, "warehouse", &script), "never".repeat(32));
    assert_eq!(scene.idp.refreshes().len(), before + 1);
    let seen = upstream.seen().len();
    assert_eq!(seen, 34, "the first of them twice");
    let lines = ledger(world);
    let sent = lines.iter().filter(|line| line["event"] == "issue" && line["action"] == "proxy");
    assert_eq!(sent.count(), seen, "one line for each time that something was sent");
    scene.close();
}

fn at(port: u16) -> String {
    format!(
        "\n[upstream.warehouse]\nurl = \"http://127.0.0.1:{port}\"\nscopes = [\"warehouse:read\"]\n"
    )
}

#[test]
fn what_nobody_took_is_on_no_record_as_sent() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let scene = Scene::configured(Setting::of(Family::PingOne), &at(port));
    scene.sign_in();
    let world = &scene.world;
    let script = format!("{CURL} -w ' %{{http_code}}' \"$DAGPASS_PROXY_URL_WAREHOUSE/v1\"");
    let told = by_run(world, "warehouse", &script);
    assert!(told.ends_with(" 502") && told.contains("refused"), "{told}");
    let lines = ledger(world);
    assert!(!lines.iter().any(|line| line["event"] == "issue" && line["action"] == "proxy"));
    scene.close();
}

#[test]
fn no_token_goes_to_a_port_of_loopback_that_another_user_holds() {
    if !rustix::process::getuid().is_root() {
        println!("not run: becoming another user takes root");
        return;
    }
    let script = "import os, socket, sys\n\
                  os.setgroups([]); os.setgid(65534); os.setuid(65534)\n\
                  held = socket.create_server(('127.0.0.1', 0))\n\
                  print('at', held.getsockname()[1], flush=True)\n\
                  stream, _ = held.accept()\n\
                  print('got', len(stream.recv(4096)), flush=True)\n";
    let mut python = std::process::Command::new("python3");
    let mut held = Process::spawn("another user's", python.args(["-c", script]));
    let port = held.stdout.wait_for("its port", |text| {
        text.strip_prefix("at ")?.split_once('\n')?.0.trim().parse().ok()
    });
    let scene = Scene::configured(Setting::of(Family::PingOne), &at(port));
    scene.sign_in();
    let world = &scene.world;
    let script = format!("{CURL} -w ' %{{http_code}}' \"$DAGPASS_PROXY_URL_WAREHOUSE/v1\"");
    let told = by_run(world, "warehouse", &script);
    assert!(told.ends_with(" 502") && told.contains("uid 65534"), "{told}");
    assert!(held.ended().stdout.ends_with("got 0\n"));
    let lines = ledger(world);
    assert!(!lines.iter().any(|line| line["event"] == "issue" && line["action"] == "proxy"));
    scene.close();
}

#[test]
fn a_phantom_does_not_lead_where_the_config_has_its_upstream_lead_since() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let scene = Scene::configured(Setting::of(Family::PingOne), &at(upstream.port));
    scene.sign_in();
    let world = &scene.world;
    let ask = format!("{CURL} -w ' %{{http_code}}\\n' \"$DAGPASS_PROXY_URL_WAREHOUSE/v1\"");
    let mut command = world.command(DAGPASS);
    // An address that stays: a door stands as long as its name and its port do.
    let script = format!("{ask}; read line; {ask}");
    command.args(["run", "--via", "warehouse", "--", "sh", "-c", &script]).stdin(Stdio::piped());
    let mut run = Process::spawn("dagpass run --via", &mut command);
    run.stdout.wait_for("the first answer", |text| text.contains(" 200").then_some(()));
    world.configure(&scene.idp.config(&at(other.port)));
    let there = format!("http://127.0.0.1:{}/", other.port);
    until("the other config", || {
        let status = world.cli(&["--json", "proxy", "status"]).stdout;
        status.contains(&there).then_some(())
    });
    drop(run.stdin());
    let told = run.ended().expect(0).stdout;
    assert!(told.trim_end().ends_with(" 404"), "{told}");
    assert_eq!((upstream.seen().len(), other.seen().len()), (1, 0));
    let fresh = format!("{CURL} \"$DAGPASS_PROXY_URL_WAREHOUSE/v1\"");
    assert_eq!(by_run(world, "warehouse", &fresh), "0 GET /v1 HTTP/1.1");
    scene.close();
}
