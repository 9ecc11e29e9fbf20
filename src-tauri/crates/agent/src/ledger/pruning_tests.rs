//! What is pruned and what stays, and that what is left verifies wherever the agent is ended meanwhile.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dagpass_client::ledger::closed;
use dagpass_client::ledger::log::FOLDER;
use dagpass_client::wire::PruneReply;
use dagpass_core::request::Caller;
use dagpass_core::time::Timestamp;

use super::pruning::{Pruning, Wish};
use super::segment_tests::World;
use super::tiles::Step;
use super::*;
use crate::config::ConfigFile;
use crate::keychain::KeychainStore;

const DAY: i64 = 86_400;

/// 300 lines a segment, a day each, the last of them open; all sealed.
fn world(segments: u64) -> World {
    let world = World::new();
    for number in 0..segments {
        if number > 0 {
            world.close();
        }
        world.write(300);
        world.clock.jump(DAY);
    }
    world.seal();
    world
}

fn config(world: &World, text: &str) -> Arc<ConfigFile> {
    let path = world.folder.path().join("config.toml");
    fs::write(&path, text).unwrap();
    let config = ConfigFile::open(path);
    assert_eq!(config.problems(), []);
    Arc::new(config)
}

fn pruning(world: &World, text: &str) -> Pruning {
    let (ledger, sealer) = (world.ledger.clone(), world.sealer.clone());
    Pruning::new(config(world, text), ledger, sealer, world.clock.clone())
}

fn ago(world: &World, days: i64) -> Timestamp {
    let now = world.clock.now();
    Timestamp::from_secs(now.as_secs() - days * DAY)
}

fn prune(world: &World, pruning: &Pruning, days: i64) -> Result<PruneReply, String> {
    pruning.pruned(ago(world, days), Wish::Asked, &Caller::default())
}

fn spans(reply: &PruneReply) -> Vec<(u64, u64)> {
    reply.segments.iter().map(|part| (part.first, part.last)).collect()
}

#[test]
fn old_segments_go_behind_a_line_that_says_so_and_all_that_is_left_verifies_and_goes_on() {
    let world = world(4);
    let pruning = pruning(&world, "");
    assert_eq!(spans(&prune(&world, &pruning, 30).unwrap()), []);
    let told = prune(&world, &pruning, 2).unwrap();
    assert_eq!((spans(&told), told.kept), (vec![(1, 300), (301, 600)], None));
    assert_eq!(world.segments().begin().line, 600);
    world.holds(1201, "pruned");
    let pruned = world.chain().pruned.unwrap();
    assert_eq!((pruned.lines, pruned.told_by), (600, 1201));
    assert!(pruned.reason.starts_with("lines 1 to 600, all of before 2026-"), "{}", pruned.reason);
    // Nothing of it is announced twice.
    assert_eq!(spans(&prune(&world, &pruning, 2).unwrap()), []);
    world.write(300);
    let world = world.again(7);
    world.seal();
    world.holds(1501, "goes on");
    assert_eq!(world.judged().covered, 1501);
    assert!(!world.folder.path().join(FOLDER).join("2").exists(), "one log");
}

#[test]
fn where_every_closed_one_goes_the_open_one_is_closed_behind_the_line_that_says_so() {
    let world = world(2);
    world.clock.jump(DAY * 30);
    let told = prune(&world, &pruning(&world, ""), 20).unwrap();
    assert_eq!(spans(&told), [(1, 300)]);
    let left: Vec<_> =
        closed(&world.path()).unwrap().iter().map(|one| (one.from, one.to)).collect();
    assert_eq!(left, [(300, 601)], "it says where the ledger begins");
    world.holds(601, "pruned");
    // Its line of today keeps the last one.
    assert_eq!(spans(&prune(&world, &pruning(&world, ""), 20).unwrap()), []);
}

#[test]
fn nothing_goes_that_no_checkpoint_no_witness_or_no_collector_has_and_why_is_said() {
    let witness = dagpass_client::ledger::log::Cosigner::new("w.example", [9; 32]).unwrap();
    let witnessed =
        format!("[[audit.witness]]\nurl = \"https://w.example\"\nkey = \"{}\"\n", witness.key());
    let shipped = "[audit.ship]\notlp = \"http://127.0.0.1:9\"\n";
    for (text, why) in [
        (witnessed.as_str(), "lines 1 to 300 stay: no checkpoint over them is cosigned"),
        (shipped, "lines 1 to 300 stay: they are not shipped yet"),
    ] {
        let world = world(3);
        let told = prune(&world, &pruning(&world, text), 1).unwrap();
        assert_eq!(spans(&told), [], "{text}");
        assert!(told.kept.as_deref().is_some_and(|kept| kept.starts_with(why)), "{told:?}");
        assert_eq!(world.chain().pruned, None, "nothing is announced");
        world.holds(900, text);
    }
    // Cosigned as far as the first segment reaches.
    let world = world(1);
    let newest = world.sealer.newest().unwrap().unwrap();
    let signature = witness.cosign(&newest.note, 1_795_000_000).unwrap();
    world.sealer.keep_cosigned(&newest, &signature).unwrap();
    world.close();
    world.write(300);
    world.close();
    world.write(3);
    world.seal();
    world.clock.jump(DAY * 9);
    let told = prune(&world, &pruning(&world, &witnessed), 5).unwrap();
    assert_eq!(spans(&told), [(1, 300)]);
    assert!(told.kept.is_some_and(|kept| kept.starts_with("lines 301 to 600 stay: no checkpoint")));
    world.holds(604, "cosigned");

    let world = World::new();
    world.write(300);
    world.close();
    world.clock.jump(DAY * 9);
    let told = prune(&world, &pruning(&world, ""), 5).unwrap();
    assert_eq!(told.kept.as_deref(), Some("lines 1 to 300 stay: no checkpoint is over them yet"));
}

#[test]
fn pruning_makes_no_damage_good() {
    let first = "000000000001-000000000300-0.jsonl";
    let edited = world(4);
    let text = fs::read_to_string(edited.segment(first)).unwrap();
    fs::write(edited.segment(first), text.replacen("\"issue\"", "\"igsue\"", 1)).unwrap();
    let told = prune(&edited, &pruning(&edited, ""), 2).unwrap();
    assert_eq!(spans(&told), []);
    assert!(told.kept.unwrap().starts_with("lines 1 to 300 stay: they are not what was signed"));
    assert!(edited.judged().breaks().next().is_some(), "and it is still told");

    let world = world(4);
    fs::remove_file(world.segment(first)).unwrap();
    let told = prune(&world, &pruning(&world, ""), 2).unwrap();
    assert_eq!(spans(&told), []);
    assert!(told.kept.unwrap().starts_with("lines are missing"));
    assert!(!world.chain().holds());
    // More than was announced is gone.
    let world = self::world(4);
    prune(&world, &pruning(&world, ""), 2).unwrap();
    world.holds(1201, "pruned");
    let next = closed(&world.path()).unwrap().remove(0);
    world.close();
    fs::remove_file(next.path).unwrap();
    let chain = world.chain();
    let told: Vec<_> = chain.breaks.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(told, ["lines 601 to 900 are not here, and no line tells that they were pruned"]);
}

/// Both are looked after at the same beat: one that came to nothing would be tried again a day later.
#[test]
fn pruning_waits_for_a_checkpoint_that_is_being_made() {
    let world = world(2);
    world.clock.jump(DAY * 30);
    let sealer = world.sealer.clone();
    let step: Step = Box::new(move |step| {
        if step == "close" {
            let (sealer, (held, is_held)) = (sealer.clone(), std::sync::mpsc::channel());
            std::thread::spawn(move || {
                sealer.while_still(|| {
                    held.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                })
            });
            is_held.recv().unwrap();
        }
        Ok(())
    });
    let told = prune(&world, &pruning(&world, "").stopped_by(step), 20).unwrap();
    assert_eq!((spans(&told), world.segments().begin().line), (vec![(1, 300)], 300));
}

/// As the agent's own clock goes, which calls every second or two.
#[tokio::test]
async fn what_is_older_than_the_config_keeps_goes_once_a_day_and_is_tried_each_hour_where_it_stays()
{
    let tends = async |world: &World, pruning: &Arc<Pruning>| {
        let store = KeychainStore::stand(world.folder.path(), None).unwrap();
        pruning.tend(&store).await;
        world.segments().begin().line
    };
    let six = world(6);
    let keeps = Arc::new(pruning(&six, "[audit]\nretain = \"3d\"\n"));
    assert_eq!(tends(&six, &keeps).await, 900);
    let reason = six.chain().pruned.unwrap().reason;
    assert!(reason.ends_with("by `retain` of the config"), "{reason}");
    six.clock.jump(DAY - 1);
    assert_eq!(tends(&six, &keeps).await, 900, "once a day");
    six.clock.jump(1);
    assert_eq!(tends(&six, &keeps).await, 1200);
    six.holds(six.chain().lines, "pruned twice");
    assert_eq!(keeps.kept(), None);

    let bare = World::new();
    bare.write(300);
    bare.close();
    bare.clock.jump(DAY * 9);
    let keeps = Arc::new(pruning(&bare, "[audit]\nretain = \"3d\"\n"));
    assert_eq!(tends(&bare, &keeps).await, 0);
    let kept = keeps.kept().unwrap();
    assert_eq!(kept, "lines 1 to 300 stay: no checkpoint is over them yet");
    bare.write(1);
    bare.seal();
    bare.clock.jump(60 * 60 - 1);
    assert_eq!(tends(&bare, &keeps).await, 0, "each hour");
    bare.clock.jump(1);
    assert_eq!((tends(&bare, &keeps).await, keeps.kept()), (300, None));
    // Kept for ever, it is not looked.
    let world = world(4);
    let keeps = Arc::new(pruning(&world, ""));
    world.clock.jump(DAY * 4_000);
    assert_eq!((tends(&world, &keeps).await, keeps.kept()), (0, None));
}

/// As `verify` finds it, and told by itself.
#[test]
fn a_hole_that_the_key_never_signed_is_told_wherever_it_is_and_one_that_it_did_is_none() {
    let missing = |world: &World| {
        world.sealer.look_for_missing();
        world.sealer.missing()
    };
    let never = "and the key that signs never said that they may be gone";
    let first = "000000000001-000000000300-0.jsonl";
    let world = world(4);
    assert_eq!(missing(&world), None);
    let (away, path) = (world.folder.path().join("away"), world.segment(first));
    fs::rename(&path, &away).unwrap();
    assert_eq!(missing(&world), Some(format!("lines 1 to 300 are not here, {never}")));
    let judged = world.judged();
    let told: Vec<_> = judged.breaks().map(|one| one.what.as_str()).collect();
    assert!(told.contains(&missing(&world).unwrap().as_str()), "{told:#?}");
    // Whoever starts later finds it too, and a backup makes it good.
    let world = world.again(7);
    assert!(missing(&world).is_some());
    fs::rename(&away, &path).unwrap();
    assert_eq!(missing(&world), None);
    // In the middle, where nothing may go.
    let second = closed(&world.path()).unwrap().remove(1).path;
    fs::rename(&second, &away).unwrap();
    assert_eq!(missing(&world), Some(format!("lines 301 to 600 are not here, {never}")));
    fs::rename(&away, &second).unwrap();

    prune(&world, &pruning(&world, ""), 2).unwrap();
    assert_eq!(missing(&world), None);
    let world = world.again(8);
    assert_eq!(missing(&world), None, "before anything is signed by another key");
    world.write(1);
    world.seal();
    assert_eq!(missing(&world), None, "the key that was lost had said so");
    world.close();
    fs::remove_file(&closed(&world.path()).unwrap()[0].path).unwrap();
    assert_eq!(missing(&world), Some(format!("lines 601 to 900 are not here, {never}")));
    // All of them.
    world.write(1);
    for one in closed(&world.path()).unwrap() {
        fs::remove_file(one.path).unwrap();
    }
    let told = missing(&world).unwrap();
    assert!(told.starts_with("record 120") && told.ends_with("that is not here"), "{told}");
}

// Windows has nothing put in an open file's place.
#[cfg(unix)]
#[test]
fn what_was_signed_before_a_backup_was_put_back_is_no_hole_behind_it() {
    let world = world(4);
    prune(&world, &pruning(&world, ""), 2).unwrap();
    let (path, copy) = (world.path(), world.folder.path().join("copy"));
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    let world = world.again(7);
    world.write(1);
    world.seal();
    world.sealer.look_for_missing();
    assert_eq!(world.sealer.missing(), None);
}

/// Each step is the last one once, as it would be for a kill there.
#[test]
fn wherever_an_agent_is_killed_while_it_prunes_what_is_left_verifies_and_the_next_one_ends_it() {
    for last in 0.. {
        let world = world(3);
        let (count, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counts, dones) = (count.clone(), done.clone());
        let step: Step = Box::new(move |_| match counts.fetch_add(1, Ordering::SeqCst) {
            at if at >= last => Err(io::Error::other("killed")),
            _ => {
                dones.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        });
        world.clock.jump(DAY * 30);
        let stopped = pruning(&world, "").stopped_by(step);
        let ended = prune(&world, &stopped, 20);
        drop(stopped);
        let lines = world.chain().lines;
        world.holds(lines, &format!("killed at step {last}"));
        let world = world.again(7);
        world.write(3);
        world.seal();
        world.holds(lines + 3, &format!("the next agent, step {last}"));
        prune(&world, &pruning(&world, ""), 20).unwrap();
        let begin = world.segments().begin().line;
        assert_eq!(begin, 600, "step {last}");
        let lines = world.chain().lines;
        world.holds(lines, &format!("pruned by the next agent, step {last}"));
        assert!(!world.folder.path().join(FOLDER).join("2").exists(), "one log, step {last}");
        if ended.is_ok() {
            // Announced, closed, sealed, and two that went.
            assert_eq!(done.load(Ordering::SeqCst), 5);
            return;
        }
    }
}
