//! One of those who tell, on its bus: found, kept while its bus is there, given up with all that listens on it, and
//! looked for anew ever more seldom. So a desktop that is gone costs a look twice a minute, and a bus that hangs
//! one thread.

use std::time::{Duration, Instant};

use zbus::blocking::Connection;

use super::Hear;

/// How long after a look in vain is the next one, at first and at most?
const SOON: Duration = Duration::from_secs(2);
const LATE: Duration = Duration::from_secs(30);

pub(super) trait OnBus: Sized {
    type Standing;

    /// Whoever it is tells `hear` from then on, until its bus goes.
    fn find(hear: &Hear) -> Result<Self, String>;
    fn bus(&self) -> &Connection;
    fn standing(&self) -> Result<Self::Standing, String>;
}

pub(super) struct Found<T> {
    there: Option<T>,
    pause: Pause,
    /// As it was said last.
    missing: String,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { there: None, pause: Pause::default(), missing: String::new() }
    }
}

impl<T: OnBus> Found<T> {
    pub(super) fn standing(&mut self, hear: &Hear, now: Instant) -> Result<T::Standing, String> {
        let there = match self.there.take() {
            Some(there) => there,
            None if self.pause.lasts(now) => return Err(self.missing.clone()),
            None => T::find(hear).inspect_err(|why| self.lost(why, now))?,
        };
        let standing = there.standing();
        match &standing {
            Err(why) if !is_up(there.bus()) => {
                self.lost(why, now);
                give_up(there.bus());
            }
            // One that is there is kept, whoever is missing on it.
            Ok(_) | Err(_) => {
                self.pause = Pause::default();
                self.there = Some(there);
            }
        }
        standing
    }

    fn lost(&mut self, why: &str, now: Instant) {
        why.clone_into(&mut self.missing);
        self.pause.begin(now);
    }
}

fn is_up(bus: &Connection) -> bool {
    let driver = "org.freedesktop.DBus";
    bus.call_method(Some(driver), "/org/freedesktop/DBus", Some(driver), "GetId", &()).is_ok()
}

/// Whoever listens on it hears the end, also where the other side has only gone quiet.
fn give_up(bus: &Connection) {
    match bus.clone().close() {
        // It is gone by itself.
        Ok(()) | Err(_) => {}
    }
}

/// Twice as long each time.
#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    span: Duration,
}

impl Pause {
    fn lasts(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    fn begin(&mut self, now: Instant) {
        self.span = (self.span * 2).clamp(SOON, LATE);
        self.until = Some(now + self.span);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::sync::{Arc, mpsc};

    use zbus::blocking::{MessageIterator, connection};

    use super::*;

    #[test]
    fn after_each_look_in_vain_the_next_is_later_and_half_a_minute_at_most() {
        let (mut pause, mut now) = (Pause::default(), Instant::now());
        assert!(!pause.lasts(now));
        let mut spans = Vec::new();
        for _ in 0..7 {
            pause.begin(now);
            let span = pause.until.unwrap() - now;
            assert!(pause.lasts(now + span - Duration::from_millis(1)) && !pause.lasts(now + span));
            spans.push(span.as_secs());
            now += span;
        }
        assert_eq!(spans, [2, 4, 8, 16, 30, 30, 30]);
    }

    struct Bus(Child, String);

    impl Bus {
        /// `None` where there is no bus to be had.
        fn start() -> Option<Self> {
            let mut command = Command::new("dbus-daemon");
            command.args(["--session", "--nofork", "--nosyslog", "--print-address"]);
            let mut daemon = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
            let mut address = String::new();
            BufReader::new(daemon.stdout.take()?).read_line(&mut address).ok()?;
            Some(Self(daemon, address.trim().to_owned()))
        }

        fn connect(&self) -> Result<Connection, String> {
            let bus = connection::Builder::address(self.1.as_str())
                .and_then(|bus| bus.method_timeout(Duration::from_millis(200)).build());
            bus.map_err(|error| error.to_string())
        }

        fn signal(&self, signal: rustix::process::Signal) {
            let pid = rustix::process::Pid::from_child(&self.0);
            rustix::process::kill_process(pid, signal).unwrap();
        }
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let ended = self.0.kill().and_then(|()| self.0.wait());
            assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
        }
    }

    #[test]
    fn a_bus_that_hangs_and_is_given_up_keeps_no_thread() {
        let Some(bus) = Bus::start() else {
            println!("not run: there is no dbus-daemon");
            return;
        };
        let there = bus.connect().unwrap();
        assert!(is_up(&there));
        let signals = MessageIterator::from(there.clone());
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            signals.for_each(drop);
            tell.send(()).unwrap();
        });
        bus.signal(rustix::process::Signal::STOP);
        assert!(!is_up(&there), "it does not answer");
        give_up(&there);
        assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(()));
        bus.signal(rustix::process::Signal::CONT);
    }

    /// Nobody: there is no bus of that address.
    #[derive(Debug)]
    struct Nobody;

    impl OnBus for Nobody {
        type Standing = ();

        fn find(hear: &Hear) -> Result<Self, String> {
            hear(super::super::Heard::Tells(super::super::Tells::nothing("a look")));
            let bus = connection::Builder::address("unix:path=/nowhere/bus")
                .and_then(connection::Builder::build);
            Err(bus.map_or_else(|error| error.to_string(), |_| "somebody".to_owned()))
        }

        fn bus(&self) -> &Connection {
            unreachable!("it is never found")
        }

        fn standing(&self) -> Result<(), String> {
            unreachable!("it is never found")
        }
    }

    #[test]
    fn a_desktop_that_is_gone_is_looked_for_ever_more_seldom() {
        let (tell, looks) = mpsc::channel();
        let hear: Hear = Arc::new(move |_| tell.send(()).unwrap());
        let (mut found, start) = (Found::<Nobody>::default(), Instant::now());
        for second in (0..600).step_by(2) {
            let standing = found.standing(&hear, start + Duration::from_secs(second));
            assert!(!standing.unwrap_err().is_empty(), "it says what is missing each time");
        }
        let looks = looks.try_iter().count();
        assert!((20..=24).contains(&looks), "{looks} in ten minutes");
    }
}
