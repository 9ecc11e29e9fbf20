//! Whether a person is before this machine, as its system tells: the screen locked, another session in front,
//! nobody at keyboard and mouse. Hears and reports; what follows is [`dagpass_core::logout`]'s. Who tells of
//! none of this is named with what is missing, at a check and for as long as it lasts.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dagpass_core::logout::Signal;

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(not(any(target_os = "linux", windows)), path = "untold.rs")]
mod here;

/// How long may the system take to say what it tells?
const PATIENCE: Duration = Duration::from_secs(3);

/// What somebody may want to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Lock,
    Switch,
    Idle,
}

/// Who tells of it; what is missing where nobody does.
pub(crate) type Teller = Result<String, String>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tells {
    pub(crate) lock: Teller,
    pub(crate) switch: Teller,
    pub(crate) idle: Teller,
}

impl Tells {
    pub(crate) const fn of(&self, wanted: Wanted) -> &Teller {
        match wanted {
            Wanted::Lock => &self.lock,
            Wanted::Switch => &self.switch,
            Wanted::Idle => &self.idle,
        }
    }

    fn nothing(missing: &str) -> Self {
        let missing = || Err(missing.to_owned());
        Self { lock: missing(), switch: missing(), idle: missing() }
    }
}

/// What is heard, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(target_os = "linux", windows)),
    expect(dead_code, reason = "no signal is heard there")
)]
pub(crate) enum Heard {
    Signal(Signal),
    Tells(Tells),
}

/// Who tells of what on this machine now. Waits for it, not for long.
pub(crate) fn look() -> Tells {
    static LOOKER: Looker = Looker(Mutex::new(None));
    LOOKER.look(here::look, PATIENCE)
}

/// One thread for all who ask: a system that never answers keeps one, however often it is asked.
struct Looker(Mutex<Option<Sender<Sender<Tells>>>>);

impl Looker {
    fn look(&self, here: fn() -> Tells, patience: Duration) -> Tells {
        let (tell, told) = mpsc::channel();
        match self.ask(here, tell).map(|()| told.recv_timeout(patience)) {
            Ok(Ok(tells)) => tells,
            Ok(Err(_)) => Tells::nothing("the system does not answer"),
            Err(error) => Tells::nothing(&error.to_string()),
        }
    }

    fn ask(&self, here: fn() -> Tells, tell: Sender<Tells>) -> std::io::Result<()> {
        let mut looker = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unheard = match looker.as_ref().map(|asks| asks.send(tell.clone())) {
            Some(Ok(())) => return Ok(()),
            Some(Err(mpsc::SendError(tell))) => tell,
            None => tell,
        };
        let (asks, asked) = mpsc::channel();
        let thread = std::thread::Builder::new().name("presence, a look".to_owned());
        thread.spawn(move || answer(&asked, here))?;
        match asks.send(unheard) {
            // It waits in vain, and says so.
            Ok(()) | Err(_) => {}
        }
        *looker = Some(asks);
        Ok(())
    }
}

/// As long as somebody may ask. Who asked while the last look went on is answered by one more.
fn answer(asked: &Receiver<Sender<Tells>>, here: fn() -> Tells) {
    while let Ok(first) = asked.recv() {
        let all: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
        let tells = here();
        for one in all {
            match one.send(tells.clone()) {
                // Nobody waits any more.
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// Listens until the process ends, on threads of its own.
pub(crate) fn watch(hear: impl Fn(Heard) + Send + Sync + 'static) {
    here::watch(hear);
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_system_that_never_answers_keeps_one_thread_and_all_who_asked_hear_it_once_it_does() {
        static LOOKS: AtomicUsize = AtomicUsize::new(0);
        static GATE: Barrier = Barrier::new(2);
        fn slow() -> Tells {
            LOOKS.fetch_add(1, Ordering::SeqCst);
            GATE.wait();
            Tells::nothing("at last")
        }
        let looker = Looker(Mutex::new(None));
        for _ in 0..3 {
            let tells = looker.look(slow, Duration::ZERO);
            assert_eq!(tells, Tells::nothing("the system does not answer"));
            // The first is at it before anybody else asks.
            while LOOKS.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
        }
        let (tell, told) = mpsc::channel();
        looker.ask(slow, tell).unwrap();
        let patience = Duration::from_secs(30);
        let heard = std::thread::scope(|scope| {
            let gates = scope.spawn(|| (GATE.wait().is_leader(), GATE.wait().is_leader()));
            let heard = told.recv_timeout(patience);
            gates.join().unwrap();
            heard
        });
        assert_eq!(heard, Ok(Tells::nothing("at last")));
        assert_eq!(
            LOOKS.load(Ordering::SeqCst),
            2,
            "one that hung, and one for all who asked since"
        );
    }
}
