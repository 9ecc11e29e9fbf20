//! A fleet that wakes together: fifty sessions at one issuer, spread over the minute.

use std::sync::Arc;

use dagpass_core::fakes;
use dagpass_core::request::SessionKey;
use dagpass_sandbox::Family;

use crate::stage::Stage;

const SESSIONS: usize = 50;

#[tokio::test]
async fn fifty_sessions_that_wake_together_are_refreshed_over_a_minute_and_not_at_once() {
    let stage = Stage::with(Family::PingAm, |quirks| {
        (quirks.at_ttl, quirks.device_interval) = (900, 1);
    });
    let names: Vec<String> = (0..SESSIONS).map(|n| format!("p{n}")).collect();
    let keys: Vec<SessionKey> = names.iter().map(|name| SessionKey::of(name)).collect();
    let all = keys.iter().cloned().chain([Stage::key()]);
    stage.broker.configure(all.map(|key| (key, Arc::new(stage.profile.clone()))));
    for key in &keys {
        stage.another_sign_in(key, "alice").await;
    }
    for name in &names {
        stage.ask(&fakes::ask(name)).await.unwrap();
    }
    // The machine sleeps until the tokens are due; all were in use.
    stage.jump(838);
    stage.broker.tend(true).await;
    stage.landed().await;
    let (mut a_second, mut before) = (Vec::new(), stage.sandbox.refreshes());
    for _ in 0..=60 {
        stage.jump(1);
        stage.broker.tend(false).await;
        stage.landed().await;
        let now = stage.sandbox.refreshes();
        a_second.push(now - before);
        before = now;
    }
    assert_eq!(before, SESSIONS, "each of them once: {a_second:?}");
    let worst = a_second.iter().max().copied().unwrap_or_default();
    assert!(worst <= 4, "{a_second:?}");
    assert!(stage.sandbox.most_refreshing() <= 4);
    assert_eq!(stage.sandbox.replayed(), [""; 0]);
}
