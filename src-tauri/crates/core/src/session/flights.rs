//! What is on its way for a session: one flight a target, joined by whoever asks for the same.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cache::Cached;
use crate::error::{ErrorCode, Refusal};
use crate::request::Target;
use crate::session::Session;
use crate::session::client::Footing;
use crate::time::Timestamp;

/// What every waiter of a flight gets: the same token, or the same refusal.
pub(crate) type Fetched = Result<Cached, Refusal>;

/// Waits for what a flight brings.
#[derive(Clone)]
pub(crate) struct Flight {
    arrived: watch::Receiver<Option<Fetched>>,
    footing: Footing,
    /// Of whose sign-in, where it is a person's: theirs it is also where they stood aside meanwhile.
    sign_in: Option<Timestamp>,
}

/// A flight's place in the session; given up even where the flight panics.
pub(crate) struct Place {
    session: Arc<Session>,
    target: Target,
    footing: Footing,
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
        let (footing, sign_in) = (held.footing(), held.sign_in());
        // What an older secret is told is no answer to whoever has kept another.
        let is_ours = |flight: &&Flight| match sign_in {
            Some(_) => flight.sign_in == sign_in || flight.footing.is_of_session(footing),
            None => flight.footing == footing,
        };
        if let Some(under_way) = held.flights.get(target).filter(is_ours) {
            return Boarding::Joined(under_way.clone());
        }
        let (sender, arrived) = watch::channel(None);
        let flight = Flight { arrived, footing, sign_in };
        held.flights.insert(target.clone(), flight.clone());
        drop(held);
        let place =
            Place { session: self.clone(), target: target.clone(), footing, arrived: sender };
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
        if held.flights.get(&self.target).is_some_and(|flight| flight.footing == self.footing) {
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
