//! Fact: what runs in a lane has its share of tokens and does nothing else with the agent, whatever it does to
//! lose its origin. Prints which of the ways out lead out.

use std::fs;
use std::path::Path;
use std::process::{Child, Output, Stdio};

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");
/// Of `dagpass`: denied.
const DENIED: &str = "4";
const LANE: &str = "\n[lane.agent]\ntokens-per-hour = 2\naudiences = 1\n";

/// A shell in the lane, to its end.
fn in_lane(scene: &Scene, script: &str) -> Output {
    let mut command = scene.world.command(DAGPASS);
    command.args(["run", "--lane", "agent", "--", "/bin/sh", "-c", script]);
    command.env("D", DAGPASS).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_lane_has_its_share_of_tokens_and_is_told_when_there_is_room_again() {
    let scene = Scene::configured(Setting::of(Family::PingOne), LANE);
    scene.sign_in();
    scene.world.token(&[]).unwrap();
    let ran = scene.world.cli(&["run", "--lane", "other", "--", "true"]);
    assert!(ran.stderr.contains("there is no lane `other`"), "{}", ran.stderr);
    let ran = in_lane(&scene, "$D token >&2 && $D token >&2; $D token >&2; echo $?");
    let said = String::from_utf8_lossy(&ran.stderr);
    let codes = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(codes.lines().next(), Some(DENIED), "{said}");
    assert!(said.contains("this lane's share is spent"), "{said}");
    assert!(said.contains("the lane `agent` has had its tokens of this hour (2)"), "{said}");
    assert!(said.contains("there is room again in "), "{said}");
    let refused = until("the line of it", || {
        let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).ok()?;
        let line = ledger.lines().rfind(|line| line.contains("\"quota_exceeded\""))?;
        serde_json::from_str::<Value>(line).ok()
    });
    assert_eq!(refused["outcome"], json!("denied"), "{refused}");
    let capability = refused["caller"]["capability"].as_str().unwrap();
    assert!(capability.starts_with("run-agent-"), "{refused}");
    assert_eq!(refused["caller"]["lanes"], json!(["agent"]), "{refused}");
    scene.close();
}

#[test]
fn a_lane_s_share_and_who_acts_in_it_are_shown_wherever_one_looks() {
    // Where nothing but its scope holds it, whoever is outside of that is seen to be, however a test was begun.
    let Some(scope) = Scope::new("dagpass-lane-agent-51c0.scope") else {
        println!("not run: no tree of control groups that may be written to");
        return;
    };
    let scene = Scene::configured(Setting::of(Family::PingOne), LANE);
    scene.sign_in();
    scene.world.token(&[]).unwrap();
    // Seen from within it: its own share, and no more.
    let begin = format!("echo $$ >{}/cgroup.procs || exit 9; exec $D \"$@\"", scope.0.display());
    let looks = "$D token >&2 && $D token >&2; $D --json status; $D token >&2";
    let mut command = scene.world.command("/bin/sh");
    command.args(["-c", &begin, "sh", "run", "--lane", "agent", "--", "/bin/sh", "-c", looks]);
    let ran = command.env("D", DAGPASS).stdin(Stdio::null()).output().unwrap();
    let within: Value = serde_json::from_slice(&ran.stdout).expect("the status");
    let [own] = within["lanes"].as_array().unwrap().as_slice() else { panic!("{within}") };
    assert_eq!((&own["name"], &own["tokens"]["used"]), (&json!("agent"), &json!(2)), "{own}");
    let run = own["runs"][0].as_str().unwrap();
    assert!(run.starts_with("run-agent-"), "{own}");

    let status = scene.world.cli(&["--json", "status"]).expect(0).stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    let lane = &status["lanes"][0];
    assert_eq!(lane["tokens"], json!({"used": 2, "most": 2}), "{lane}");
    assert_eq!(lane["audiences"], json!({"used": 1, "most": 1}), "{lane}");
    assert!(lane["room_at"].is_i64() && lane["last"]["pid"].is_u64(), "{lane}");
    assert!(lane["last"]["program"].as_str().unwrap().ends_with("/dagpass"), "{lane}");

    let share = "2 of 2 tokens this hour, 0 left; 1 of 1 audience";
    for (words, said) in [
        (&["status"][..], vec!["lane agent", share, "asked last by dagpass"]),
        (&["leases"], vec!["lane agent: ", share, ", lane agent"]),
        (&["doctor"], vec!["`agent`: 2 of 2 tokens of this hour", "its share is spent"]),
        (&["audit", "search", "--lane", "agent", "--event", "issue"], vec!["lane=agent"]),
    ] {
        let told = scene.world.cli(words).stdout;
        for one in said {
            assert!(told.contains(one), "{words:?}: {one}: {told}");
        }
    }
    let found = |lane: &str| {
        let words = ["--json", "audit", "search", "--lane", lane, "--event", "issue"];
        scene.world.cli(&words).stdout.lines().count()
    };
    assert_eq!((found("agent"), found("other")), (3, 0), "two tokens, and one that it did not get");
    let leases = scene.world.cli(&["--json", "leases"]).expect(0).stdout;
    let leases: Value = serde_json::from_str(&leases).unwrap();
    let lanes: Vec<&Value> =
        leases["leases"].as_array().unwrap().iter().map(|lease| &lease["lanes"]).collect();
    assert!(lanes.contains(&&json!(["agent"])) && lanes.contains(&&Value::Null), "{leases}");
    scene.close();
    drop(scope);
}

/// A scope's name is whoever's that asks systemd for it. Here it is made as systemd makes it, in the kernel's own
/// tree of control groups.
#[test]
fn a_process_that_names_its_scope_after_another_lane_has_the_share_of_both() {
    const TWO: &str = "\n[lane.agent]\ntokens-per-hour = 2\n[lane.other]\ntokens-per-hour = 60\n";
    let Some(scope) = Scope::new("dagpass-lane-other-7f3a.scope") else {
        println!("not run: no tree of control groups that may be written to");
        return;
    };
    let scene = Scene::configured(Setting::of(Family::PingOne), TWO);
    scene.sign_in();
    scene.world.token(&[]).unwrap();
    let out = scene.world.root().join("out");
    fs::create_dir(&out).unwrap();
    let asks = |name: &str| {
        format!("$D token >/dev/null 2>&1; echo $? >$OUT/.{name}; mv $OUT/.{name} $OUT/{name}")
    };
    let script = format!(
        "exec >/dev/null 2>&1; export OUT={out}\necho $$ >{scope}/cgroup.procs || exit 9\n\
         (sh -c 'until [ -e $OUT/over ] || [ ! -d $OUT ]; do sleep 0.05; done; \
         cut -d\" \" -f4 /proc/$$/stat >$OUT/parent; unset DAGPASS_CAPABILITY; {alone}' &)\n\
         {first}\nunset DAGPASS_CAPABILITY\n{second}\n{third}\n",
        out = out.display(),
        scope = scope.0.display(),
        alone = asks("alone"),
        first = asks("first"),
        second = asks("second"),
        third = asks("third"),
    );
    let ran = in_lane(&scene, &script);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(["first", "second", "third"].map(|name| answer(&out, name)), ["0", "0", DENIED]);
    // The run has ended, and with it what had started this one: its scope's name alone speaks for it.
    fs::write(out.join("over"), "").unwrap();
    let (alone, parent) = (answer(&out, "alone"), answer(&out, "parent"));
    // Whoever else takes over what is left behind began it, as far as anybody sees.
    assert!(parent != "1" || alone == DENIED, "{alone}, by {parent}");
    let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    let is_both = |line: &str| {
        line.contains(r#""lanes":["other","agent"]"#)
            || line.contains(r#""lanes":["agent","other"]"#)
    };
    assert!(ledger.lines().any(is_both), "{ledger}");
    scene.close();
    drop(scope);
}

/// A control group, which is gone at the end.
struct Scope(std::path::PathBuf);

impl Scope {
    fn new(name: &str) -> Option<Self> {
        let trees = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"];
        let trees = trees.into_iter().map(Path::new);
        let mut own = trees.filter(|tree| tree.join("cgroup.procs").exists());
        let folder = own.next()?.join(name);
        fs::create_dir(&folder).ok()?;
        Some(Self(folder))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // Until the last of them is gone.
        until("the end of the scope", || fs::remove_dir(&self.0).ok());
    }
}

/// Looks at what a lane may not see, and leaves the exit code in `out/NAME`.
fn looks(name: &str) -> String {
    format!(
        "env -u DAGPASS_CAPABILITY $D approve list >/dev/null 2>&1; echo $? >$OUT/.{name}; mv $OUT/.{name} $OUT/{name}"
    )
}

fn answer(out: &Path, name: &str) -> String {
    until(name, || fs::read_to_string(out.join(name)).ok()).trim().to_owned()
}

#[test]
fn what_loses_its_origin_within_a_lane_stays_in_it_and_the_ways_out_are_printed() {
    let scene = Scene::configured(Setting::of(Family::PingOne), LANE);
    scene.sign_in();
    scene.world.cli(&["approve", "list"]).expect(0);
    let out = scene.world.root().join("out");
    fs::create_dir(&out).unwrap();
    let bus = bus(&scene, &out);
    let script = format!(
        "exec >/dev/null 2>&1; export OUT={out}\n\
         {plain}\n\
         setsid --wait sh -c '{session}'\n\
         (sh -c 'until [ -e $OUT/go ] || [ ! -d $OUT ]; do sleep 0.05; done; {left}' &)\n\
         (setsid sh -c 'until [ -e $OUT/go ] || [ ! -d $OUT ]; do sleep 0.05; done; {forked}' &)\n\
         (setsid sh -c 'until [ -e $OUT/over ] || [ ! -d $OUT ]; do sleep 0.05; done; {over}' &)\n\
         touch $OUT/go\n\
         until [ -e $OUT/left ] && [ -e $OUT/forked ]; do sleep 0.05; done\n\
         timeout 20 systemd-run --user --collect sh -c 'D='$D' OUT='$OUT'; {unit}' && touch $OUT/asked-unit\n\
         echo \"{at}\" | at now && touch $OUT/asked-at\n\
         timeout 20 dbus-send --bus=unix:path=$OUT/bus --dest=org.dagpass.Out / org.dagpass.Out.Go && touch $OUT/asked-bus\n\
         exit 0",
        out = out.display(),
        plain = looks("plain"),
        session = looks("session"),
        left = looks("left"),
        forked = looks("forked"),
        over = looks("over"),
        unit = looks("unit"),
        at = looks("at").replace("$?", "\\$?"),
    );
    let ran = in_lane(&scene, &script);
    assert!(ran.status.success(), "{ran:?}");
    fs::write(out.join("over"), "").unwrap();
    let mut told = Vec::new();
    for (name, way, held) in [
        ("plain", "without its capability", true),
        ("session", "in a session of its own", true),
        ("left", "left behind by its parent", true),
        ("forked", "forked twice, in a session of its own", true),
        ("over", "the same, and the lane's run has ended", false),
    ] {
        let code = answer(&out, name);
        told.push((way, if code == "0" { "gets out" } else { "held" }));
        assert!(!held || code == DENIED, "{way}: {code}");
    }
    for (name, way) in
        [("unit", "systemd-run --user"), ("at", "at, cron"), ("bus", "started by D-Bus for it")]
    {
        let asked = out.join(format!("asked-{name}")).exists();
        let code = asked.then(|| answer(&out, name));
        told.push((
            way,
            code.map_or("not here", |code| if code == "0" { "gets out" } else { "held" }),
        ));
    }
    // By TCP nobody sees which process asks.
    let endpoint = fs::read(scene.world.socket().with_file_name("endpoint.json")).unwrap();
    let endpoint: Value = serde_json::from_slice(&endpoint).unwrap();
    let bearer = format!("Bearer {}", endpoint["capability"].as_str().unwrap());
    scene.world.secret("capability", endpoint["capability"].as_str().unwrap());
    let headers = [("Sec-Dagpass", "1"), ("Authorization", bearer.as_str())];
    let url = format!("http://127.0.0.1:{}/v1/approvals", endpoint["port"]);
    let reply = http::with_headers(&url, "GET", &headers, "").unwrap();
    assert_eq!(reply.status, 403, "{}", reply.body);
    told.push(("by TCP, with the capability of endpoint.json", "held"));
    for (way, verdict) in told {
        eprintln!("  lane: {way:<48} {verdict}");
    }
    drop(bus);
    scene.close();
}

struct Bus(Child);

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let ended = self.0.kill().and_then(|()| self.0.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}

/// A bus beside the lane that starts a program for whoever asks. `None` where there is none to be had.
fn bus(scene: &Scene, out: &Path) -> Option<Bus> {
    let script = out.join("started.sh");
    fs::write(&script, format!("D='{DAGPASS}' OUT='{}'\n{}\n", out.display(), looks("bus")))
        .unwrap();
    let services = out.join("services");
    fs::create_dir(&services).unwrap();
    let service =
        format!("[D-BUS Service]\nName=org.dagpass.Out\nExec=/bin/sh {}\n", script.display());
    fs::write(services.join("org.dagpass.Out.service"), service).unwrap();
    let config = format!(
        "<busconfig><type>session</type><listen>unix:path={0}/bus</listen>\
         <servicedir>{0}/services</servicedir><policy context=\"default\">\
         <allow send_destination=\"*\" eavesdrop=\"true\"/>\
         <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
        out.display()
    );
    fs::write(out.join("bus.conf"), config).unwrap();
    let mut command = scene.world.command("dbus-daemon");
    command.arg(format!("--config-file={}", out.join("bus.conf").display()));
    let bus = command.args(["--nofork", "--nosyslog"]).stderr(Stdio::null()).spawn().ok()?;
    let bus = Bus(bus);
    until("the bus", || out.join("bus").exists().then_some(()));
    Some(bus)
}
