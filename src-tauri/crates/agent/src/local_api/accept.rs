//! What every accept loop has to live with: files that run short, connections that are too many, a system
//! that takes its time to say who is there. Decides how many may be open; never who may ask.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::crowd::Crowd;
use crate::system;

/// How many files stay free for what the agent itself does: asking Ping, the keychain, saving?
const RESERVE: u64 = 256;
/// How many files does a connection take: its own, and the handle of the process at its other end?
const EACH: u64 = 2;
/// Assumed where the system has no limit.
const MANY: u64 = 65_536;
/// How long after an accept that failed is the next one tried?
const BREATH: Duration = Duration::from_millis(50);
/// How many look at once who is at the other end? Where the kernel cannot be asked for one connection they
/// read long tables, on threads that saving needs too.
const LOOKS: usize = 2;

/// Places for connections. Who has none is not accepted: the system lets it wait.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    pub(super) most: usize,
}

/// One connection's place, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    _held: Option<OwnedSemaphorePermit>,
}

impl Seats {
    /// Of `limit` files: the places of our own doors, and those of the doors for containers, which never
    /// take one of ours.
    pub(crate) fn of(limit: Option<u64>) -> (Self, Self) {
        let limit = limit.unwrap_or(MANY).min(MANY);
        let room = (limit - RESERVE.min(limit / 4)) / EACH;
        let containers = room / 4;
        (Self::with(room - containers), Self::with(containers))
    }

    fn with(most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or_default().max(1);
        Self { free: Arc::new(Semaphore::new(most)), most }
    }

    /// Waits for one where all are taken, and asks the oldest idle connection of this crowd to leave.
    pub(super) async fn take(&self, crowd: &Crowd) -> Seat {
        if let Ok(held) = self.free.clone().try_acquire_owned() {
            return Seat { _held: Some(held) };
        }
        crowd.make_room();
        // Nobody closes it.
        let held = self.free.clone().acquire_owned().await;
        Seat { _held: held.ok() }
    }
}

/// Of one accept loop: is it short of breath?
#[derive(Debug, Default)]
pub(super) struct Breath {
    short: bool,
}

impl Breath {
    /// After an accept that failed. Said once and not at each try: a loop that cannot accept comes by here
    /// twenty times a second.
    pub(super) async fn after(&mut self, door: &str, error: &io::Error) {
        // Of that one connection, which is gone.
        if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) {
            return;
        }
        if !std::mem::replace(&mut self.short, true) {
            tracing::warn!(door, %error, "accept failed; tried again until it does not");
        }
        tokio::time::sleep(BREATH).await;
    }

    pub(super) fn well(&mut self, door: &str) {
        if std::mem::take(&mut self.short) {
            tracing::info!(door, "accepts again");
        }
    }
}

/// The user at the other end of a TCP connection, where the system tells.
pub(super) async fn uid_of(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    in_turn(move || system::tcp_peer_uid(local, peer)).await.flatten()
}

/// A look at what the system knows of connections.
pub(super) async fn in_turn<T: Send + 'static>(
    look: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    static TURNS: Semaphore = Semaphore::const_new(LOOKS);
    // Nobody closes it.
    let _turn = TURNS.acquire().await;
    tokio::task::spawn_blocking(look).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_few_files_there_are_some_stay_ours_and_containers_take_none_of_our_places() {
        for (limit, own, containers) in [
            (Some(20_000), 7_404, 2_468),
            (Some(1_024), 288, 96),
            (Some(256), 72, 24),
            (Some(64), 18, 6),
            (Some(1), 1, 1),
            (None, 24_480, 8_160),
            (Some(u64::MAX), 24_480, 8_160),
        ] {
            let (ours, theirs) = Seats::of(limit);
            assert_eq!((ours.most, theirs.most), (own, containers), "{limit:?}");
        }
    }

    #[tokio::test]
    async fn who_finds_no_place_waits_for_the_oldest_idle_to_leave() {
        let (seats, crowd) = (Seats::with(1), Crowd::default());
        let guest = crowd.welcome(true, seats.take(&crowd).await).unwrap();
        let next = seats.take(&crowd);
        tokio::pin!(next);
        tokio::select! {
            biased;
            _ = &mut next => panic!("there is no place"),
            () = std::future::ready(()) => {}
        }
        guest.leave.notified().await;
        crowd.farewell(&guest);
        drop(guest);
        next.await;
    }
}
