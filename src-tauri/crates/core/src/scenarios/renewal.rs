//! A token that a server refused, where the agent itself sent it: another is brought and none is issued.

use super::{broker, bytes};
use crate::error::ErrorCode;
use crate::fakes::{World, ask, rejected};
use crate::request::TokenRequest;

#[tokio::test]
async fn whatever_an_upstream_refuses_costs_one_refresh_and_no_line_of_what_was_not_sent() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    world.clock.jump(100);
    let mut sent = 1;
    for _ in 0..32 {
        let first = bytes(&broker).await;
        sent += 1;
        let refused = TokenRequest { rejected: rejected(&first), ..ask("prod") };
        if broker.renew(&refused).await.unwrap() {
            let second = bytes(&broker).await;
            sent += 1;
            assert_ne!(first, second);
            let again = TokenRequest { rejected: rejected(&second), renewed: true, ..ask("prod") };
            assert!(!broker.renew(&again).await.unwrap());
        }
    }
    assert_eq!(world.server.refreshes(), 2, "the first token, and one in its place");
    let told = world.witness.events.lock().unwrap().clone();
    let issued = told.iter().filter(|event| *event == "issue ok").count();
    assert_eq!((sent, issued), (34, 34), "{told:?}");
}

#[tokio::test]
async fn where_another_is_at_hand_already_nobody_is_asked() {
    let world = World::signed_in();
    let broker = broker(&world);
    let first = bytes(&broker).await;
    world.clock.jump(100);
    let refused = TokenRequest { rejected: rejected(&first), ..ask("prod") };
    for _ in 0..8 {
        assert!(broker.renew(&refused).await.unwrap());
    }
    assert_eq!(world.server.refreshes(), 2);
}

#[tokio::test]
async fn what_nobody_has_looked_for_is_asked_of_nobody() {
    let world = World::signed_in();
    let broker = broker(&world);
    let refused = TokenRequest { rejected: rejected("at-1"), ..ask("prod") };
    assert!(!broker.renew(&refused).await.unwrap());
    assert_eq!(world.server.refreshes(), 0);
    let elsewhere = TokenRequest { rejected: rejected("at-1"), ..ask("other") };
    assert_eq!(broker.renew(&elsewhere).await.unwrap_err().code, ErrorCode::NotFound);
}
