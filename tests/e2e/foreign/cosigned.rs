//! Fact: a witness that nobody here wrote cosigns the ledger as it grows, a reader that nobody here wrote reads its
//! log and its proofs, and a ledger that was written again with the signing key is refused by the one and
//! convicted by what the other signed.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{a_port, forger, is_up, program};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::witnessed::{grow, size};
use crate::world::{Ended, Process, World};

/// transparency.dev's omniwitness.
struct Witness {
    port: u16,
    folder: PathBuf,
    vkey: String,
}

impl Witness {
    /// With a key of its own making.
    fn of(world: &World) -> Self {
        let folder = world.root().join("tmp/witness");
        fs::create_dir(&folder).unwrap();
        let mut command = world.command(program("generate_keys"));
        command.args(["--origin", "witness.example/w", "--out_priv"]).arg(folder.join("key"));
        let keys = command.arg("--out_pub").arg(folder.join("vkey"));
        Process::spawn("generate_keys", keys).ended().expect(0);
        let vkey = fs::read_to_string(folder.join("vkey")).unwrap().trim().to_owned();
        Self { port: a_port(), folder, vkey }
    }

    /// Knows one log more than those that it comes with.
    fn start(&self, world: &World, log: &str) -> Process {
        let (origin, logs) = (log.split_once('+').unwrap().0, self.folder.join("logs.yaml"));
        // JSON is YAML.
        let known = json!({ "Logs": [{ "Origin": origin, "PublicKey": log, "URL": "" }] });
        fs::write(&logs, known.to_string()).unwrap();
        let mut command = world.command(program("omniwitness"));
        command.args(["--v=1", "--metrics_listen=", "--listen"]);
        command.arg(format!("127.0.0.1:{}", self.port)).arg("--additional_logs").arg(logs);
        command.arg("--private_key_path").arg(self.folder.join("key"));
        command.arg("--db_file").arg(self.folder.join("held.db"));
        let mut process = Process::spawn("the witness", &mut command);
        is_up(&mut process, self.port);
        process
    }
}

/// What the reader says of it, or why it takes nothing of it.
fn read_by_others(world: &World, args: &[&str]) -> Ended {
    let mut command = world.command(program("log"));
    Process::spawn("the reader", command.args(args)).ended()
}

#[test]
#[ignore = "needs a witness: `cargo task witness` builds it and runs this"]
fn a_witness_that_nobody_here_wrote_convicts_whoever_has_the_signing_key() {
    let world = World::new();
    let witness = Witness::of(&world);
    let (url, vkey) = (format!("http://127.0.0.1:{}", witness.port), witness.vkey.clone());
    let more = format!("\n[[audit.witness]]\nurl = \"{url}\"\nkey = \"{vkey}\"\n");
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), &more);
    let world = &scene.world;
    let (ledger, log) = (world.state().join("ledger.jsonl"), world.state().join("ledger-log/1"));
    let newest = || fs::read_to_string(log.join("checkpoint")).unwrap_or_default();
    let cosigned = |over: u64| {
        let text = newest();
        let signatures = text.lines().filter(|line| line.starts_with("— ")).count();
        (signatures == 2 && size(&text) > over).then_some(text)
    };
    world.start_agent();
    scene.sign_in();
    grow(&scene, &newest);
    let key = world.cli(&["audit", "key"]).expect(0).stdout.trim().to_owned();
    let mut running = witness.start(world, &key);
    // It is not waited for until the agent asks again by itself.
    world.restart_agent();
    let first = until("the first cosignature", || cosigned(0));
    grow(&scene, &newest);
    let kept = until("a cosignature over what goes on from it", || cosigned(size(&first)));
    println!("cosigned by a witness of others:\n{kept}");
    let by_both = ["audit", "verify", "--key", &key, "--witness", &vkey];
    let verified = world.cli(&[&["--json"], &by_both[..]].concat()).expect(0).stdout;
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!(verified["log"]["cosigned"].as_u64(), Some(size(&kept)), "{verified}");

    // Its log and a proof of one line, read by what others wrote.
    let proof = world.root().join("tmp/9.tlog-proof");
    let file = proof.to_str().unwrap();
    world.cli(&["audit", "prove", "9", "--output", file, "--witness", &vkey]).expect(0);
    let proved = read_by_others(world, &["-key", &key, "-witness", &vkey, "-proof", file]);
    let proved: Value = serde_json::from_str(&proved.expect(0).stdout).unwrap();
    let line = fs::read_to_string(&ledger).unwrap().lines().nth(8).unwrap().to_owned();
    assert_eq!(proved["entry"], line.as_str());
    let bent = fs::read_to_string(&proof).unwrap().replacen("index 8", "index 9", 1);
    fs::write(&proof, bent).unwrap();
    let bent = read_by_others(world, &["-key", &key, "-proof", file]).expect(1);
    world.stop_agent();
    let (folder, lines) = (log.to_str().unwrap(), ledger.to_str().unwrap());
    let whole = ["-key", &key, "-log", folder, "-entries", lines];
    let read = read_by_others(world, &whole).expect(0).stdout;
    println!("read by others: {read}a proof of another line: {}", bent.stderr);

    // Whoever has the signing key writes the ledger again: its own key finds nothing wrong with it.
    let line = forger::rewrite(world, 99);
    world.cli(&["audit", "verify", "--key", &key]).expect(0);
    let file = world.root().join("tmp/kept");
    fs::write(&file, &kept).unwrap();
    let none = world.cli(&by_both).expect(1).stdout;
    assert!(none.contains("no checkpoint of this file is cosigned"), "{none}");
    let held = [&by_both[..], &["--checkpoint", file.to_str().unwrap()]].concat();
    let convicted = world.cli(&held).expect(1).stdout;
    assert!(convicted.contains("it was forked"), "{convicted}");
    println!("line {line} written again with the signing key:\n{convicted}");

    // The agent goes on with it, and the witness does not.
    world.start_agent();
    grow(&scene, &newest);
    until("a fork", || world.cli(&["doctor"]).stdout.contains("evidence of a fork").then_some(()));
    until("it is on the record", || {
        fs::read_to_string(&ledger).unwrap().contains("\"ledger-forked\"").then_some(())
    });
    scene.token();
    assert!(cosigned(0).is_none(), "it cosigned another history: {}", newest());
    let doctor = world.cli(&["doctor"]).stdout;
    let said = doctor.lines().find(|line| line.contains("fork")).unwrap_or_default();
    println!("the agent says: {}", said.trim());
    world.stop_agent();
    // By its own key alone the whole of it reads well, to others too.
    read_by_others(world, &whole).expect(0);
    read_by_others(world, &[&whole[..], &["-witness", &vkey]].concat()).expect(1);
    running.signal(Signal::TERM);
    running.ended();
    scene.close();
}
