//! `GET /v1/events`: the status whenever it changes and each record as it is written, for as long as
//! somebody reads. Costs nothing while nobody does, and nobody's token waits for a slow reader.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use dagpass_client::ledger::without_prev;
use dagpass_client::wire::{AgentEvent, Status};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::Principal;

use super::reply::{self, Reply};
use super::{Api, status};

/// How often may the status be told?
const AT_MOST: Duration = Duration::from_millis(250);
/// How often is it looked at while a keychain is in the way? That is opened unseen.
const LOOK: Duration = Duration::from_secs(2);
/// How long is the stream silent at most? The status is looked at as often: some of it changes by time alone.
const BEAT: Duration = Duration::from_secs(15);
/// How many lines wait for a slow reader before its records are missed?
const WAITING: usize = 16;

/// How many may follow at once? Each is told the whole status several times a second when much happens.
const FOLLOWERS: usize = 256;

/// Places for those who follow; as many of our connections stay free for those who ask.
#[derive(Debug)]
pub(super) struct Streams {
    free: Arc<Semaphore>,
    most: usize,
}

impl Streams {
    /// Of so many connections.
    pub(super) fn of(connections: usize) -> Self {
        let most = FOLLOWERS.min(connections / 2).max(1);
        Self { free: Arc::new(Semaphore::new(most)), most }
    }
}

pub(super) fn follow(api: &Arc<Api>, principal: Principal) -> Result<Reply, Refusal> {
    let Ok(place) = api.streams.free.clone().try_acquire_owned() else {
        let most = api.streams.most;
        return Err(Refusal::new(
            ErrorCode::TemporarilyUnavailable,
            format!("{most} others follow the agent's events already, and more are not told"),
        )
        .hint("end a program that follows them and is not needed, or ask `GET /v1/status`"));
    };
    let (tell, told) = mpsc::channel(WAITING);
    let api = api.clone();
    tokio::spawn(async move {
        tell_all(&api, &principal, &tell).await;
        drop(place);
    });
    Ok(reply::lines(told))
}

/// Returns when the reader or the agent is gone.
async fn tell_all(api: &Api, principal: &Principal, tell: &mpsc::Sender<Bytes>) {
    // Before the first status, so that nothing falls between.
    let (mut records, Some(mut changes)) = (api.ledger.follow(), api.changes()) else { return };
    let mut shown = Vec::new();
    let mut look_at = Instant::now();
    let mut stale = true;
    let (mut in_the_way, mut beat) = (false, interval(BEAT));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // An interval's first tick is at once.
    beat.tick().await;
    loop {
        let line = tokio::select! {
            () = sleep_until(look_at), if stale => {
                stale = false;
                look_at = Instant::now() + AT_MOST;
                let status = Box::new(status::status(api, principal).await);
                in_the_way = is_in_the_way(&status);
                let line = json(&AgentEvent::Status { status });
                if line == shown {
                    continue;
                }
                shown.clone_from(&line);
                line
            }
            record = records.recv() => match record {
                Ok(line) => {
                    stale = true;
                    match without_prev(&line) {
                        Some(record) => format!("{{\"event\":\"record\",\"record\":{record}}}\n").into(),
                        None => continue,
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    stale = true;
                    json(&AgentEvent::Missed)
                }
                Err(RecvError::Closed) => return,
            },
            changed = changes.changed() => match changed {
                Ok(()) => {
                    stale = true;
                    continue;
                }
                Err(_ending) => return,
            },
            () = sleep(LOOK), if in_the_way && !stale => {
                stale = true;
                continue;
            }
            _ = beat.tick() => {
                stale = true;
                json(&AgentEvent::Beat)
            }
            () = tell.closed() => return,
        };
        if tell.send(Bytes::from(line)).await.is_err() {
            return;
        }
    }
}

/// Does a session or the store wait for a keychain?
fn is_in_the_way(status: &Status) -> bool {
    let waits = |state: &str| state.starts_with("keychain_") || state == "degraded";
    !matches!(&*status.agent.store_state, "ok" | "unasked" | "changed")
        || status.profiles.iter().any(|profile| waits(&profile.state))
}

fn json(event: &AgentEvent) -> Vec<u8> {
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    text
}
