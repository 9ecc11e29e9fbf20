//! What is on its way for a session: one flight a target, joined by whoever asks for the same.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cache::Cached;
use crate::error::{ErrorCode, Refusal};
use crate::request::Target;
use crate::session::{Epoch, Session};
use crate::time::Timestamp;

/// What every waiter of a flight gets: the same token, or the same refusal.
pub(crate) type Fetched = Result<Cached, Refusal>;

/// Waits for what a flight brings.
#[derive(Clone)]
pub(crate) struct Flight {
    arrived: watch::Receiver<Option<Fetched>>,
    epoch: Epoch,
    /// Of whose sign-in, where it is a person's: theirs it is also where they stood aside meanwhile.
    sign_in: Option<Timestamp>,
}

/// A flight's place in the session; given up even where the flight panics.
pub(crate) struct Place {
    session: Arc<Session>,
    target: Target,
    epoch: Epoch,
    arrived: watch::Sender<Option<Fetched>>,
}

/// Whoever asks either joins what is under way, or begins it.
pub(crate) enum Boarding {
    Joined(Flight),
    Begins(Place, Flight),
}

impl Flight {
    pub(crate) async fn arrival(mut self) -> Fetched {
        let lost = || {
            Refusal::new(ErrorCode::ServerError, "the refresh broke off")
                .because("a fault of the agent's own")
                .hint("try again; if it stays so, run `dagpass doctor`")
        };
        let arrived = self.arrived.wait_for(Option::is_some).await.map_err(|_closed| lost())?;
        arrived.clone().unwrap_or_else(|| Err(lost()))
    }
}

impl Session {
    pub(crate) fn board(self: &Arc<Self>, target: &Target) -> Boarding {
        let mut held = self.held();
        let (epoch, sign_in) = (Epoch(held.epoch), held.sign_in());
        let is_ours = |flight: &&Flight| {
            flight.epoch == epoch || (sign_in.is_some() && flight.sign_in == sign_in)
        };
        if let Some(under_way) = held.flights.get(target).filter(is_ours) {
            return Boarding::Joined(under_way.clone());
        }
        let (sender, arrived) = watch::channel(None);
        let flight = Flight { arrived, epoch, sign_in };
        held.flights.insert(target.clone(), flight.clone());
        drop(held);
        let place = Place { session: self.clone(), target: target.clone(), epoch, arrived: sender };
        Boarding::Begins(place, flight)
    }
}

impl Place {
    /// The place is free before anybody hears of it: who asks then begins anew.
    pub(crate) fn arrive(self, fetched: Fetched) {
        self.leave();
        self.arrived.send_replace(Some(fetched));
    }

    /// Another may have begun in its place, under another sign-in or client.
    fn leave(&self) {
        let mut held = self.session.held();
        if held.flights.get(&self.target).is_some_and(|flight| flight.epoch == self.epoch) {
            held.flights.remove(&self.target);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.arrived.borrow().is_none() {
            self.leave();
        }
    }
}
