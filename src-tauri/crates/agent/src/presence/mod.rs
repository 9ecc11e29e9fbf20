//! Whether a person is before this machine, as its system tells: the screen locked, another session in front,
//! nobody at keyboard and mouse. Hears and reports; what follows is [`dagpass_core::logout`]'s. Who tells of
//! none of this is named with what is missing, at a check and for as long as it lasts.

use std::sync::mpsc;
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
    let (tell, told) = mpsc::channel();
    let thread = std::thread::Builder::new().name("presence, a look".to_owned());
    let begun = thread.spawn(move || match tell.send(here::look()) {
        // Nobody waits any more.
        Ok(()) | Err(_) => {}
    });
    let heard = begun.map(|_thread| told.recv_timeout(PATIENCE));
    match heard {
        Ok(Ok(tells)) => tells,
        Ok(Err(_)) => Tells::nothing("the system does not answer"),
        Err(error) => Tells::nothing(&error.to_string()),
    }
}

/// Listens until the process ends, on threads of its own.
pub(crate) fn watch(hear: impl Fn(Heard) + Send + Sync + 'static) {
    here::watch(hear);
}
