//! Bodies go by as they come, in both directions: nothing is waited for, nothing is kept, and an upstream that
//! misbehaves is its caller's to see, never the next one's.

use std::process::Stdio;

use super::upstream::Upstream;
use super::{CURL, DAGPASS, by_run, scene};
use crate::idp::{Family, Setting};
use crate::world::{Process, World};

/// How much goes each way? Many times what may be held.
const LARGE: usize = 300 * 1024 * 1024;
/// How much more may the agent hold behind it than before, in KiB?
const GROWTH: u64 = 24 * 1024;

fn resident(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.agent_pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_is_large_goes_by_and_is_not_held() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let url = "\"$DAGPASS_PROXY_URL_WAREHOUSE";
    by_run(world, "warehouse", &format!("{CURL} -o /dev/null {url}/big?n=1000000\""));
    let before = resident(world);
    let down = format!("{CURL} -o /dev/null -w '%{{size_download}}' {url}/big?n={LARGE}\"");
    assert_eq!(by_run(world, "warehouse", &down), LARGE.to_string());
    // Of unknown length, so in chunks, and with `Expect: 100-continue`, as curl does by itself.
    let up =
        format!("head -c {LARGE} /dev/zero | {CURL} -T - -H 'Expect: 100-continue' {url}/sink\"");
    assert_eq!(by_run(world, "warehouse", &up), format!("{LARGE} PUT /sink HTTP/1.1"));
    let seen = upstream.seen().pop().unwrap();
    assert_eq!((seen.header("transfer-encoding"), seen.header("expect")), (Some("chunked"), None));
    let after = resident(world);
    println!(
        "{} MiB each way: the agent held {before} KiB at most before, {after} KiB behind it",
        LARGE >> 20
    );
    assert!(after.saturating_sub(before) < GROWTH, "{before} KiB, then {after} KiB");
    scene.close();
}

#[test]
fn the_first_of_a_stream_is_there_before_the_second_is_sent() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let mut command = world.command(DAGPASS);
    let script = format!("{CURL} -N \"$DAGPASS_PROXY_URL_WAREHOUSE/events\"");
    command.args(["run", "--via", "warehouse", "--", "sh", "-c", &script]).stdin(Stdio::null());
    let mut curl = Process::spawn("curl", &mut command);
    curl.stdout.wait_for("the first event", |text| text.contains("data: first").then_some(()));
    assert!(!curl.stdout.text().contains("second"));
    upstream.release();
    assert_eq!(curl.ended().expect(0).stdout, "data: first\n\ndata: second\n\n");
    scene.close();
}

#[test]
fn an_upload_is_refused_before_it_is_sent_and_what_was_sent_goes_on_in_pieces() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    // Nobody asks for a body that is not to go anywhere.
    let script = "curl -sS -v -o /dev/null -T /etc/passwd -H 'Expect: 100-continue' --expect100-timeout 20 \
                  -H \"Authorization: Bearer $DAGPASS_PROXY_BEARER_LAKE\" \"$DAGPASS_PROXY_URL_LAKE/v1/x\" 2>&1";
    let told = by_run(world, "lake", script);
    assert!(told.contains("< HTTP/1.1 403") && !told.contains("100 Continue"), "{told}");
    let script = format!(
        "{CURL} -v -o /dev/null -T /etc/passwd -H 'Expect: 100-continue' --expect100-timeout 20 \"$DAGPASS_PROXY_URL_WAREHOUSE/up\" 2>&1"
    );
    let told = by_run(world, "warehouse", &script);
    assert!(told.contains("< HTTP/1.1 100 Continue") && told.contains("< HTTP/1.1 200"), "{told}");
    scene.close();
}

/// What each does to its caller, and that the next request is none the worse.
#[test]
fn an_upstream_that_misbehaves_is_its_caller_s_alone_to_see() {
    let upstream = Upstream::start();
    let scene = scene(&upstream, Setting::of(Family::PingOne));
    let world = &scene.world;
    let script = r#"
import http.client, os, urllib.parse
url, bearer = (os.environ["DAGPASS_PROXY_" + name + "_WAREHOUSE"] for name in ("URL", "BEARER"))
kept = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
for path in ("split", "early", "trailers", "short", "ok", "two-lengths", "ok", "garbage", "ok", "closes", "ok", "switches", "ok"):
    try:
        kept.request("GET", "/" + path, headers={"Authorization": "Bearer " + bearer, "TE": "trailers"})
        answer = kept.getresponse()
        print(path, answer.status, answer.getheader("x-split"), end=" ")
        print(answer.read().decode()[:60])
    except http.client.IncompleteRead as cut:
        print("cut behind", len(cut.partial))
        kept.close()
    except (http.client.HTTPException, OSError) as error:
        print("broken", type(error).__name__)
        kept.close()
"#;
    let file = world.root().join("odd.py");
    std::fs::write(&file, script).unwrap();
    let told = by_run(world, "warehouse", &format!("python3 '{}'", file.display()));
    let ok = "ok 200 None 0 GET /ok HTTP/1.1";
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "split 200 yes in pieces",
            "early 200 None late",
            "trailers 200 None body",
            "short 200 None cut behind 10",
            ok
        ],
        "{told}"
    );
    for (odd, line) in
        ["two-lengths", "garbage", "closes", "switches"].iter().zip(lines[5..].chunks(2))
    {
        assert!(
            line[0].starts_with(&format!("{odd} 502 None {{\"error\":\"temporarily_unavailable\"")),
            "{told}"
        );
        assert_eq!(line[1], ok, "{told}");
    }
    let mut trailers = by_run(
        world,
        "warehouse",
        &format!("{CURL} -D - -H 'TE: trailers' --raw \"$DAGPASS_PROXY_URL_WAREHOUSE/trailers\""),
    );
    trailers.make_ascii_lowercase();
    assert!(trailers.contains("x-sum: 42"), "{trailers}");
    scene.close();
}
