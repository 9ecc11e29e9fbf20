//! What keeps others out of the agent's memory, and who tells it of the person.

use super::*;

#[tokio::test]
async fn secrets_that_may_be_swapped_out_are_told() {
    let wrong = World { unkept: 2, ..World::good() }.wrong().await;
    let what =
        "process warning: the system keeps no more memory locked: 2 secrets may be swapped out";
    assert!(wrong.len() == 1 && wrong[0].starts_with(what), "{wrong:?}");
}

#[tokio::test]
async fn what_logout_wants_and_nobody_tells_any_more_is_a_problem() {
    let mut world = World::good();
    world.text = format!("{PROD}[logout]\nidle = \"30m\"\non-lock = true\non-switch = false\n");
    let gone = || Err("no system bus".to_owned());
    let there = || Ok("session 2".to_owned());
    world.tells = Some(crate::presence::Tells { lock: gone(), switch: gone(), idle: there() });
    let fix = "bring it back, or leave the line out; `after` needs nobody to tell";
    let told = format!("logout problem: `logout.on-lock` does nothing now: no system bus [{fix}]");
    assert_eq!(world.wrong().await, [told]);
}

#[tokio::test]
async fn that_nobody_knows_who_was_signed_out_is_a_problem() {
    let wrong = World { unread_logouts: Some("logout.json: half"), ..World::good() }.wrong().await;
    let told = "logout problem: who was signed out before is not known: logout.json: half [mend the file, or sign in anew; `dagpass status` shows who has to]";
    assert_eq!(wrong, [told]);
}

#[tokio::test]
async fn an_agent_whose_memory_others_can_read_is_told() {
    let world = World { shielded: Err("a neighbour can read it"), ..World::good() };
    let told = "process warning: a neighbour can read it [run `dagpass agent restart`; its log says what the system refused]";
    assert_eq!(world.wrong().await, [told]);
}
