//! Witnesses that work, fail, hang and convict, behind the adapter's seam: what becomes of the log, judged by
//! the room that `dagpass audit verify` judges by.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::Ed25519KeyPair;
use dagpass_client::ledger::log::{
    Asked, Checkpoint, Folder, Growing, Hash, Judgement, Note, Tile, leaf_hash, logs_in,
};

use super::*;
use world::{Mood, SEED, World, no_step, vkey};

mod world;

fn found(judgement: &Judgement, words: &str) -> bool {
    judgement.breaks().any(|one| one.what.contains(words))
}

#[tokio::test]
async fn every_checkpoint_is_cosigned_by_each_and_a_reader_of_the_log_sees_that() {
    let mut world = World::new(2);
    world.round().await;
    assert_eq!(world.street.with(1, |fake| fake.asked), 0, "there is nothing to cosign");
    world.seal(10);
    world.round().await;
    world.seal(300);
    world.round().await;
    world.round().await;
    assert_eq!(world.street.with(1, |fake| fake.asked), 2, "what is cosigned is not asked for");
    let newest = world.newest();
    for number in [1, 2] {
        assert_eq!(newest.cosigned_at(&world.street.key(number)), Some(1000));
    }
    let judgement = world.judge(&world.asked());
    assert_eq!(judgement.breaks().count(), 0, "{judgement:#?}");
    assert_eq!((judgement.cosigned, judgement.logs[0].checkpoints), (Some(310), 2));
    assert_eq!(world.cosigning.trouble(), None);

    // Another process knows nothing of what they hold: it is told.
    world.restart(no_step());
    world.write(5, "x");
    let alone = world.judge(&world.asked());
    assert_eq!((alone.cosigned, alone.uncovered), (Some(310), 5));
    world.sealer.close();
    world.round().await;
    assert_eq!(world.judge(&world.asked()).cosigned, Some(315));
    assert!(!world.said().contains("ledger-forked"));
}

#[tokio::test]
async fn one_that_fails_or_hangs_is_told_and_holds_nobody_up() {
    let world = World::new(3);
    world.street.with(1, |fake| fake.mood = Mood::Unreachable);
    world.street.with(2, |fake| fake.mood = Mood::Hangs);
    world.seal(10);
    let mut asked = world.cosigning.tend().await;
    assert_eq!(asked.len(), 3);
    asked.pop().unwrap().await.unwrap();
    asked.remove(0).await.unwrap();
    // The second has not answered yet: checkpoints and the third go on.
    for size in [20, 30] {
        world.seal(10);
        let again = world.cosigning.tend().await;
        assert_eq!(again.len(), 1, "one rests, and one is still being asked");
        for one in again {
            one.await.unwrap();
        }
        let asked = Asked { quorum: 1, ..world.asked() };
        assert_eq!(world.judge(&asked).cosigned, Some(size));
    }
    let standing = world.cosigning.standing();
    assert_eq!(standing[0].why.as_deref(), Some("connection refused"));
    assert_eq!((standing[1].cosigned, standing[2].cosigned), (0, 30));
    assert!(world.cosigning.trouble().unwrap().contains("witness.example/1: connection refused"));
    let none = world.judge(&world.asked());
    assert!(found(&none, "no checkpoint of this file is cosigned"), "not by all three: {none:#?}");

    world.street.with(1, |fake| fake.mood = Mood::SignsOtherwise);
    world.clock.jump(5);
    world.round().await;
    let standing = world.cosigning.standing();
    assert!(standing[0].why.as_ref().unwrap().contains("no cosignature by its key"));
    world.street.with(1, |fake| (fake.mood, fake.knows) = (Mood::Well, false));
    world.clock.jump(10);
    world.round().await;
    let why = world.cosigning.standing()[0].why.clone().unwrap();
    assert!(why.contains("does not know this log") && why.contains("witness add"), "{why}");
    world.street.with(1, |fake| fake.knows = true);
    world.clock.jump(20);
    world.round().await;
    assert_eq!(world.cosigning.standing()[0].why, None);
    assert!(!world.said().contains("ledger-forked"), "none of that is a fork");
}

#[tokio::test]
async fn an_agent_that_ends_while_it_keeps_a_cosignature_leaves_a_log_that_holds() {
    for at in 0..2 {
        let mut world = World::new(1);
        world.seal(10);
        let steps = AtomicUsize::new(0);
        world.restart(Box::new(move |step| match steps.fetch_add(1, Ordering::SeqCst) {
            now if now >= at => Err(io::Error::other(format!("killed before {step}"))),
            _ => Ok(()),
        }));
        world.round().await;
        assert!(world.cosigning.trouble().unwrap().contains("cannot be kept: killed"), "{at}");
        let judgement = world.judge(&Asked { own: true, ..Asked::default() });
        assert_eq!(judgement.breaks().count(), 0, "{at}: {judgement:#?}");
        // It is asked again, and what stands twice is one checkpoint.
        world.restart(no_step());
        world.seal(10);
        world.round().await;
        let judgement = world.judge(&world.asked());
        assert_eq!(judgement.breaks().count(), 0, "{at}: {judgement:#?}");
        assert_eq!((judgement.cosigned, judgement.logs[0].checkpoints), (Some(20), 2));
    }
}

#[tokio::test]
async fn a_cosignature_that_comes_late_goes_to_its_own_checkpoint() {
    let world = World::new(1);
    world.seal(10);
    let early = world.sealer.newest().unwrap().unwrap();
    world.seal(10);
    let body = early.request(0).unwrap();
    let reply = world.street.with(1, |fake| fake.reply(&body));
    let signature = cosigned_by(&world.street.key(1), &early.note, &reply.body).unwrap();
    world.sealer.keep_cosigned(&early, &signature).unwrap();
    let judgement = world.judge(&world.asked());
    assert_eq!(judgement.breaks().count(), 0, "{judgement:#?}");
    assert_eq!((judgement.cosigned, judgement.covered), (Some(10), 20));
    world.seal(10);
    world.round().await;
    assert_eq!(world.judge(&world.asked()).cosigned, Some(30));
}

#[tokio::test]
async fn a_restarted_agent_knows_what_was_cosigned_and_takes_no_silence_for_a_yes() {
    let mut world = World::new(2);
    world.seal(10);
    world.round().await;
    world.street.with(1, |fake| fake.mood = Mood::Unreachable);
    world.seal(10);
    world.round().await;
    world.street.with(2, |fake| fake.mood = Mood::Hangs);
    world.restart(no_step());
    world.seal(10);
    let of = |world: &World| {
        let each = world.cosigning.standing().into_iter();
        each.map(|one| (one.cosigned, one.pending, one.why.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(of(&world), [(0, true, false), (0, true, false)], "nobody looked yet");
    world.cosigning.tend().await.remove(0).await.unwrap();
    assert_eq!(of(&world), [(10, false, true), (20, true, false)]);
    assert!(world.cosigning.trouble().unwrap().contains("connection refused"));
}

#[tokio::test]
async fn a_gateway_that_says_no_is_no_witness_that_does() {
    let world = World::new(1);
    world.street.with(1, |fake| fake.mood = Mood::Gateway);
    for cosigned in [0, 10] {
        world.seal(10);
        world.street.with(1, |fake| fake.mood = Mood::Gateway);
        world.round().await;
        let standing = world.cosigning.standing().remove(0);
        assert_eq!(standing.cosigned, cosigned);
        assert_eq!(standing.why.as_deref(), Some("it answered 422: no"));
        world.street.with(1, |fake| fake.mood = Mood::Well);
        world.clock.jump(5);
        world.round().await;
    }
    assert_eq!((world.cosigning.forked(), world.cosigning.trouble()), (None, None));
    assert!(!world.said().contains("ledger-forked"));
    // The witness's own no, to an agent that goes on from what it had cosigned.
    world.write(10, "x");
    rewrite(&world, false);
    world.round().await;
    assert!(world.cosigning.forked().unwrap().contains("it cosigned 20 lines"));
}

/// Root, and the signing key: one line of yesterday is another, and everything is signed again under the same
/// name, so that nothing here says otherwise.
fn rewrite(world: &World, keep_checkpoints: bool) {
    let origin = Checkpoint::parse(world.newest().text()).unwrap().origin;
    let text = fs::read_to_string(&world.paper.path).unwrap();
    let text = text.replacen("\"seq\":3,\"is\":\"x\"", "\"seq\":3,\"is\":\"y\"", 1);
    fs::write(&world.paper.path, &text).unwrap();
    let folder = world.log();
    let before = fs::read_to_string(folder.join("checkpoints")).unwrap();
    let mut tree = Growing::default();
    let put = |tile: Tile, hashes: &[_]| {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash: &Hash| hash.0).collect();
        fs::write(folder.join(tile.path()), bytes).unwrap();
    };
    text.lines().for_each(|line| tree.push(leaf_hash(line.as_bytes()), put));
    tree.partial().for_each(|(tile, hashes)| put(tile, hashes));
    let (size, root) = (tree.size(), tree.root());
    let checkpoint = Checkpoint { origin: origin.clone(), size, root, before: None }.to_string();
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let signature = pair.sign(checkpoint.as_bytes());
    let note = Note::new(&checkpoint, &vkey(&origin), signature.as_ref().try_into().unwrap());
    let kept = if keep_checkpoints { before } else { String::new() };
    fs::write(folder.join("checkpoints"), format!("{kept}{note}")).unwrap();
    fs::write(folder.join("checkpoint"), note.to_string()).unwrap();
    fs::remove_file(folder.join("state.json")).unwrap();
}

#[tokio::test]
async fn whoever_has_root_and_the_key_rewrites_yesterday_and_no_witness_takes_it() {
    for more in [0, 20] {
        let mut world = World::new(1);
        world.seal(10);
        world.round().await;
        world.seal(40);
        world.round().await;
        let cosigned = world.newest();
        // A line more, too, so that there is something new to sign.
        world.write(more, "x");
        rewrite(&world, false);
        let alone = world.judge(&Asked { own: true, ..Asked::default() });
        assert_eq!(alone.breaks().count(), 0, "by the key alone all is well: {alone:#?}");
        let by_witness = world.judge(&world.asked());
        assert!(found(&by_witness, "no checkpoint of this file is cosigned"), "{by_witness:#?}");
        // What the witness cosigned was kept somewhere: it names the fork.
        let kept = Some(cosigned.clone());
        let named = world.judge(&Asked { kept, ..world.asked() });
        assert!(found(&named, "it was forked"), "{named:#?}");

        world.restart(no_step());
        world.round().await;
        let before = world.street.with(1, |fake| fake.asked);
        let standing = world.cosigning.standing().remove(0);
        assert!(standing.forked.is_some(), "{more}: {standing:?}");
        assert!(world.cosigning.forked().unwrap().contains("witness.example/1"));
        assert_eq!(world.said().matches("ledger-forked").count(), 1);
        world.clock.jump(86_400);
        world.round().await;
        assert_eq!(world.street.with(1, |fake| fake.asked), before, "nobody asks again");
        assert_eq!(world.newest().cosigned_at(&world.street.key(1)), None);

        // One who leaves the old checkpoints there is named by them, between the two that were cosigned.
        let other = World::new(1);
        other.seal(2);
        other.round().await;
        other.seal(40);
        other.round().await;
        other.write(1, "x");
        rewrite(&other, true);
        let named = other.judge(&other.asked());
        let fork = named.breaks().find(|one| one.what.contains("it was forked")).unwrap();
        assert_eq!((fork.after, fork.until), (Some(2), Some(42)), "{named:#?}");
    }
}

#[tokio::test]
async fn a_ledger_that_was_set_back_is_evidence_and_a_log_begun_anew_is_not() {
    let mut world = World::new(1);
    world.seal(10);
    world.round().await;
    let snapshot = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(done.unwrap().success());
    };
    if cfg!(unix) {
        copy(&world.folder.path().join("ledger-log"), &snapshot.path().join("ledger-log"));
        let text = fs::read(&world.paper.path).unwrap();
        world.seal(30);
        world.round().await;
        // In place: the file stays the same one.
        fs::write(&world.paper.path, &text).unwrap();
        world.paper.synced.store(text.len() as u64, Ordering::SeqCst);
        fs::remove_dir_all(world.folder.path().join("ledger-log")).unwrap();
        copy(&snapshot.path().join("ledger-log"), &world.folder.path().join("ledger-log"));
        world.restart(no_step());
        world.write(5, "y");
        world.sealer.close();
        world.round().await;
        let forked = world.cosigning.forked().unwrap();
        assert!(forked.contains("it cosigned 40 lines") && forked.contains("set back"), "{forked}");
    }
    // The log is gone, and another is begun: it has another name, and the witness nothing to hold against it.
    fs::remove_dir_all(world.folder.path().join("ledger-log")).unwrap();
    world.restart(no_step());
    world.seal(1);
    world.round().await;
    assert_eq!((world.cosigning.forked(), world.cosigning.trouble()), (None, None));
    assert!(world.newest().cosigned_at(&world.street.key(1)).is_some());
    let logs: Vec<(u64, Folder)> = logs_in(world.folder.path()).unwrap();
    assert_eq!(logs.len(), 1);
}
