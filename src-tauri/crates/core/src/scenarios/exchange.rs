//! RFC 8693: a token for another audience costs no refresh token, and is nobody's after its sign-in.

use std::time::Duration;

use super::{broker, bytes, sign_in};
use crate::fakes::{World, ask, serve as token};
use crate::ports::Clock;
use crate::request::{Obtain, Target, TokenRequest};

#[tokio::test]
async fn an_exchange_spends_no_refresh_token_of_its_own() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    let target = Target { obtain: Obtain::Exchange, ..Target::default() };
    let issued = token(&broker, &TokenRequest { target, ..ask("prod") }).await.unwrap();
    assert_eq!(issued.access_token().expose(), "exchanged-at-1");
    assert_eq!(world.presented().len(), 1);
}

#[tokio::test]
async fn an_exchange_that_outlasts_its_sign_in_gives_its_token_to_nobody() {
    let world = World::signed_in();
    let broker = broker(&world);
    bytes(&broker).await;
    let shut = world.server.gate.lock().await;
    let target = Target { obtain: Obtain::Exchange, ..Target::default() };
    let request = TokenRequest { target, ..ask("prod") };
    let asked = tokio::spawn({
        let (broker, request) = (broker.clone(), request.clone());
        async move { token(&broker, &request).await.map(drop) }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.clock.jump(1);
    let (now, mut anew) = (world.clock.now(), crate::fakes::stored("rt-other"));
    anew.signed_in_at = now;
    let set = crate::fakes::token_set("at-other", None, now, now.plus(Duration::from_secs(3600)));
    sign_in(&broker, anew, set).await.unwrap();
    drop(shut);
    assert!(asked.await.unwrap().is_err());
    let issued = token(&broker, &request).await.unwrap();
    assert_eq!(issued.access_token().expose(), "exchanged-at-other");
}
