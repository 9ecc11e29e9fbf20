//! What is on its way for a session: one flight a target, joined by whoever asks for the same.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cache::Cached;
use crate::error::{ErrorCode, Refusal};
use crate::request::Target;
use crate::session::Session;

/// What every waiter of a flight gets: the same token, or the same refusal.
pub(crate) type Fetched = Result<Cached, Refusal>;

/// Waits for what a flight brings.
#[derive(Clone)]
pub(crate) struct Flight(watch::Receiver<Option<Fetched>>);

/// A flight's place in the session; given up even where the flight panics.
pub(crate) struct Place {
    session: Arc<Session>,
    target: Target,
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
        let arrived = self.0.wait_for(Option::is_some).await.map_err(|_closed| lost())?;
        arrived.clone().unwrap_or_else(|| Err(lost()))
    }
}

impl Session {
    pub(crate) fn board(self: &Arc<Self>, target: &Target) -> Boarding {
        let mut held = self.held();
        if let Some(under_way) = held.flights.get(target) {
            return Boarding::Joined(under_way.clone());
        }
        let (arrived, waits) = watch::channel(None);
        let flight = Flight(waits);
        held.flights.insert(target.clone(), flight.clone());
        drop(held);
        let place = Place { session: self.clone(), target: target.clone(), arrived };
        Boarding::Begins(place, flight)
    }
}

impl Place {
    /// The place is free before anybody hears of it: who asks then begins anew.
    pub(crate) fn arrive(self, fetched: Fetched) {
        self.session.held().flights.remove(&self.target);
        self.arrived.send_replace(Some(fetched));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.arrived.borrow().is_none() {
            self.session.held().flights.remove(&self.target);
        }
    }
}
