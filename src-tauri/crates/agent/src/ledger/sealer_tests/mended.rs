//! What a log makes good, and what it does not sign on: a file or a folder that changed under the agent.

use std::fs;
use std::io;

use super::{World, no_step, own};

#[test]
fn a_ledger_that_was_cut_and_grew_again_under_us_is_not_signed_on() {
    for kept in [1, 3] {
        let world = World::new();
        world.write(5);
        world.sealer.close();
        let text = fs::read_to_string(world.path()).unwrap();
        let kept: String = text.split_inclusive('\n').take(kept).collect();
        fs::write(world.path(), kept + "{\"other\":1}\n").unwrap();
        world.write(9);
        world.sealer.close();
        assert_eq!(world.sealer.trouble(), None);
        let before = world.head(2).before.unwrap();
        assert_eq!((before.size, before.why.as_str()), (5, "altered"));
        assert!(world.judge(&own()).breaks().count() > 0);
    }
}

#[test]
fn a_checkpoint_that_failed_halfway_time_and_again_is_made_good_before_anything_is_due() {
    let mut world = World::new();
    world.write(3);
    world.sealer.close();
    world.restart(Box::new(|step| match step {
        "checkpoint" => Err(io::Error::other("full")),
        _ => Ok(()),
    }));
    for size in [4, 5, 6] {
        world.write(1);
        world.sealer.close();
        assert_eq!(world.sealer.trouble().as_deref(), Some("full"), "{size}");
    }
    assert_eq!(world.head(1).size, 5, "the one before was made good by the next look");
    world.restart(no_step());
    world.write(1);
    world.sealer.close();
    assert_eq!(world.head(1).size, 7);
    let judgement = world.holds("made good");
    assert_eq!((judgement.covered, judgement.logs.len()), (7, 1));
}
