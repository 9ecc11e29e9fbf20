//! What is not as one would read it at rest and still no break: nobody is alarmed by it.

use std::fs;

use dagpass_client::ledger::log::{held_in, judge, leaves};

use super::super::sealer_tests::{World, own};
use super::sealed;

#[test]
fn what_is_signed_while_the_ledger_is_read_is_no_alarm() {
    for more in [1, 24, 25, 300] {
        let world = sealed();
        let logs = held_in(world.path().parent().unwrap()).unwrap();
        for _ in 0..2 {
            world.write(more);
            world.sealer.close();
        }
        let found = leaves(fs::read(world.path()).unwrap().as_slice()).unwrap();
        let judgement = judge(&found, &logs, &own()).unwrap();
        assert_eq!(judgement.breaks().count(), 0, "{more}: {judgement:#?}");
        assert_eq!((judgement.covered, judgement.uncovered), (1000, 2 * more), "{more}");
        assert_eq!(world.judge(&own()).uncovered, 0, "{more}");
    }
}

#[test]
fn a_disk_that_failed_twice_behind_a_checkpoint_is_no_alarm() {
    let world = World::new();
    world.write(300);
    world.sealer.close();
    let heads = ["checkpoint", "state.json"].map(|name| world.log(1).join(name));
    let early = heads.each_ref().map(|path| fs::read(path).unwrap());
    for _ in 0..3 {
        world.write(10);
        world.sealer.close();
    }
    heads.iter().zip(early).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let judgement = world.judge(&own());
    assert_eq!((judgement.breaks().count(), judgement.covered), (0, 330), "{judgement:#?}");
    assert!(judgement.logs[0].notes[0].contains("is an old one, over 300 lines"), "{judgement:#?}");
}
