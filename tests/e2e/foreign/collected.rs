//! Fact: an OpenTelemetry Collector has every line of the ledger once at least, in order and byte for byte, and
//! the checkpoints behind the lines they are over, whatever was down or killed on the way.

use std::fs;
use std::path::{Path, PathBuf};

use dagpass_client::ledger::log::split_notes;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{a_port, is_up, program};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::witnessed::grow;
use crate::world::{Process, World};

/// The collector, and the file that it writes to.
struct Collector {
    port: u16,
    config: PathBuf,
    got: PathBuf,
}

impl Collector {
    fn of(world: &World) -> Self {
        let (folder, port) = (world.root().join("tmp"), a_port());
        let (config, got) = (folder.join("collector.yaml"), folder.join("got.jsonl"));
        let endpoint = format!("127.0.0.1:{port}");
        // JSON is YAML.
        let text = json!({
            "receivers": { "otlp": { "protocols": { "http": { "endpoint": endpoint } } } },
            "exporters": { "file": { "path": got, "append": true, "flush_interval": "10ms" } },
            "service": {
                "telemetry": { "metrics": { "level": "none" } },
                "pipelines": { "logs": { "receivers": ["otlp"], "exporters": ["file"] } },
            },
        });
        fs::write(&config, text.to_string()).unwrap();
        Self { port, config, got }
    }

    fn start(&self, world: &World) -> Process {
        let mut command = world.command(program("collector"));
        let mut process =
            Process::spawn("the collector", command.arg("--config").arg(&self.config));
        is_up(&mut process, self.port);
        process
    }

    /// What it was sent, as it wrote it: a request a line.
    fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.got).unwrap();
        let each = |value: &Value, name: &str| value[name].as_array().unwrap().clone();
        let requests = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let resources = requests.flat_map(|request| each(&request, "resourceLogs"));
        let scopes = resources.flat_map(|resource| each(&resource, "scopeLogs"));
        scopes.flat_map(|scope| each(&scope, "logRecords")).collect()
    }
}

fn body(record: &Value) -> &str {
    record["body"]["stringValue"].as_str().unwrap()
}

fn attribute<'a>(record: &'a Value, name: &str) -> &'a Value {
    let attributes = record["attributes"].as_array().unwrap();
    &attributes.iter().find(|one| one["key"] == name).unwrap()["value"]
}

/// 64 bits are text in OTLP's JSON.
fn number(record: &Value, name: &str) -> usize {
    attribute(record, name)["intValue"].as_str().unwrap().parse().unwrap()
}

/// What of the ledger and its log is there, each in order, none left out; and how many records came once more.
fn once_at_least(records: &[Value], ledger: &str, notes: &[u8]) -> (usize, usize, usize) {
    let lines: Vec<&str> = ledger.lines().collect();
    let notes: Vec<String> =
        split_notes(notes).0.into_iter().map(|note| note.unwrap().to_string()).collect();
    let (mut known, mut signed) = (0, Vec::new());
    for record in records {
        if attribute(record, "dagpass.kind")["stringValue"] == "checkpoint" {
            let size = number(record, "dagpass.size");
            assert!(size <= known, "a checkpoint over {size} lines, and {known} were sent");
            let note = body(record);
            if !signed.contains(&note) {
                assert_eq!(note, notes[signed.len()], "a checkpoint out of its order");
                signed.push(note);
            }
        } else {
            let line = number(record, "dagpass.line");
            assert!(line <= known + 1, "line {line} came, and {} is missing", known + 1);
            assert_eq!(body(record), lines[line - 1], "line {line}");
            known = known.max(line);
        }
    }
    (known, signed.len(), records.len() - known - signed.len())
}

#[test]
#[ignore = "needs a collector: `cargo task collector` builds it and runs this"]
fn a_collector_that_nobody_here_wrote_has_every_line_whatever_was_down() {
    let world = World::new();
    let collector = Collector::of(&world);
    let more = format!("\n[audit.ship]\notlp = \"http://127.0.0.1:{}\"\n", collector.port);
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &more);
    let world = &scene.world;
    let (ledger, log) = (world.state().join("ledger.jsonl"), world.state().join("ledger-log/1"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let newest = || read(&log.join("checkpoint"));
    let lines = || read(&ledger).lines().count();
    let ship = |more: &[&str]| world.cli(&[&["audit", "ship"], more].concat());
    let shipped = |more: &[&str]| {
        let standing = ship(&[more, &["--json"]].concat()).expect(0).stdout;
        let standing: Value = serde_json::from_str(&standing).unwrap();
        usize::try_from(standing["shipped"].as_u64().unwrap()).unwrap()
    };

    // Nobody listens yet: that holds no token up, and is said.
    world.start_agent();
    scene.sign_in();
    grow(&scene, &newest);
    println!("nobody listens: {}", ship(&["--now"]).expect(6).stderr.trim());
    let mut running = collector.start(world);
    ship(&["--now"]).expect(0);
    println!("up: {}", ship(&[]).expect(0).stdout.trim());

    // Down in the middle, for more lines than one request holds.
    running.signal(Signal::TERM);
    running.ended().expect(0);
    let before = lines();
    for _ in 0..3 {
        grow(&scene, &newest);
    }
    println!("down: {}", ship(&["--now"]).expect(6).stderr.trim());
    scene.token();
    let missed = lines() - before;
    let mut running = collector.start(world);
    ship(&["--now"]).expect(0);

    // Killed by the way, ended by the way, and sent once more from the middle.
    grow(&scene, &newest);
    world.kill_agent();
    world.start_agent();
    grow(&scene, &newest);
    world.restart_agent();
    let sent = shipped(&["--now"]);
    ship(&["--from", "300"]).expect(0);
    let (all, signed) = (read(&ledger), fs::read(log.join("checkpoints")).unwrap());
    let wanted = (all.lines().count(), split_notes(&signed).0.len());
    // What is not on disk yet does not go.
    until("all of it at the collector", || (shipped(&["--now"]) >= wanted.0).then_some(()));
    running.signal(Signal::TERM);
    running.ended().expect(0);

    let ended = fs::read(log.join("checkpoints")).unwrap();
    let (had, notes, twice) = once_at_least(&collector.records(), &read(&ledger), &ended);
    assert!(
        had >= wanted.0 && notes >= wanted.1,
        "{had} lines and {notes} checkpoints of {wanted:?}"
    );
    assert!(twice > sent - 300, "{twice} came once more, and {sent} had been sent");
    println!(
        "the collector has {had} lines, byte for byte and in order, and {notes} checkpoints behind them; \
         {missed} were written while it was down, {twice} records came once more"
    );

    // Who holds its checkpoints can hold the ledger against them.
    let kept = world.root().join("tmp/kept");
    let records = collector.records();
    let is_note =
        |record: &&Value| attribute(record, "dagpass.kind")["stringValue"] == "checkpoint";
    fs::write(&kept, body(records.iter().rfind(is_note).unwrap())).unwrap();
    world.stop_agent();
    let kept = ["audit", "verify", "--checkpoint", kept.to_str().unwrap()];
    world.cli(&kept).expect(0);
    let cut: String = all.split_inclusive('\n').take(900).collect();
    fs::write(&ledger, cut).unwrap();
    println!("cut: {}", world.cli(&kept).expect(1).stdout.trim());
    scene.close();
}
