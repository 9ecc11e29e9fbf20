//! The line of whoever finds the pen in another's hand. It is laid beside, and whoever has the pen next writes what
//! lies there along with their own: one look at the file and one write for all. Whoever laid it there takes it
//! back where nobody does.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use dagpass_core::audit::Receipt;

use super::super::writer::Entry;
use crate::system::patiently;

#[derive(Default)]
pub(super) struct Beside(Mutex<Vec<Laid>>);

#[derive(Clone)]
pub(super) struct Laid(Arc<Place>);

struct Place {
    state: Mutex<State>,
    written: Condvar,
}

enum State {
    Lies(Entry),
    /// Somebody writes it.
    Taken,
    /// The same, and whoever laid it there sleeps.
    Awaited,
    Written(io::Result<Receipt>),
    /// Whoever laid it there has it again, or what became of it.
    Gone,
}

impl Beside {
    pub(super) fn lay(&self, entry: Entry) -> Laid {
        let state = Mutex::new(State::Lies(entry));
        let laid = Laid(Arc::new(Place { state, written: Condvar::new() }));
        self.lying().push(laid.clone());
        laid
    }

    /// All that lies there: each has to be told what became of it.
    pub(super) fn take(&self) -> Vec<(Laid, Entry)> {
        let lying = std::mem::take(&mut *self.lying());
        lying.into_iter().filter_map(|laid| laid.take().map(|entry| (laid, entry))).collect()
    }

    /// What became of it, which is waited for where somebody writes it; itself where nobody does.
    pub(super) fn back(&self, laid: &Laid) -> Result<io::Result<Receipt>, Entry> {
        self.lying().retain(|one| !Arc::ptr_eq(&one.0, &laid.0));
        laid.back()
    }

    fn lying(&self) -> MutexGuard<'_, Vec<Laid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Laid {
    pub(super) fn is_written(&self) -> bool {
        matches!(*self.state(), State::Written(_))
    }

    pub(super) fn written(&self, what: io::Result<Receipt>) {
        if let State::Awaited = std::mem::replace(&mut *self.state(), State::Written(what)) {
            self.0.written.notify_one();
        }
    }

    fn take(&self) -> Option<Entry> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Lies(entry) => Some(entry),
            other => {
                *state = other;
                None
            }
        }
    }

    fn back(&self) -> Result<io::Result<Receipt>, Entry> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Lies(entry) => return Err(entry),
            State::Written(what) => return Ok(what),
            State::Taken | State::Awaited | State::Gone => *state = State::Awaited,
        }
        drop(state);
        Ok(patiently(|| self.awaited()))
    }

    fn awaited(&self) -> io::Result<Receipt> {
        let mut state = self.state();
        loop {
            match std::mem::replace(&mut *state, State::Awaited) {
                State::Written(what) => return what,
                State::Lies(_) | State::Taken | State::Awaited | State::Gone => {}
            }
            state = self.0.written.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use dagpass_core::audit::{Event, Outcome, Record};
    use dagpass_core::request::Caller;

    use super::*;

    #[test]
    fn who_comes_back_for_a_line_that_is_being_written_hears_what_became_of_it() {
        let (beside, caller) = (Beside::default(), Caller::default());
        let laid = beside.lay(Entry::of(&Record::new(Event::Issue, Outcome::Ok, &caller)));
        let taken = beside.take();
        assert!(taken.len() == 1 && beside.take().is_empty(), "each is written once");
        let heard = std::thread::scope(|scope| {
            let waits = scope.spawn(|| beside.back(&laid));
            let until = Instant::now() + Duration::from_secs(60);
            while !matches!(*laid.state(), State::Awaited) {
                assert!(Instant::now() < until, "nobody waits");
                std::thread::yield_now();
            }
            taken[0].0.written(Ok(Receipt { seq: 7, leaf: [9; 32] }));
            waits.join().unwrap()
        });
        let heard = heard.unwrap_or_else(|_| panic!("it was handed back"));
        assert_eq!(heard.unwrap(), Receipt { seq: 7, leaf: [9; 32] });
    }
}
