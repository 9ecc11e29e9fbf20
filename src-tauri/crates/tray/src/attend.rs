//! From what happens in the agent to the desktop and back: a client of the local API like every other,
//! on threads of its own. Keeps no token; one that is copied goes to the clipboard and nowhere else.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dagpass_client::wire::{ActivityAsk, AgentEvent, OutlookAsk, OutlookReply, Status};
use dagpass_client::{Agent, launch};
use jiff::tz::TimeZone;

use crate::alerts::{Alerts, Deed, Moment, Seen, Wishes};
use crate::clipboard;
use crate::deeds::Deeds;
use crate::desktop::Notices;
use crate::notice::Answer;
use crate::requests::Requests;
use crate::show::{self, Failed};
use crate::view::{Code, Scene, View, view};

/// How long after a stream of events broke is another one asked for?
const AGAIN: Duration = Duration::from_millis(500);
/// How often may requests alone change the menu? An open one is drawn anew with it.
const REST: Duration = Duration::from_secs(2);
/// How many records are looked through for the last requests?
const LOOKED_THROUGH: usize = 100;

/// What the sign-ins that this icon began want shown.
pub(crate) type Codes = Arc<Mutex<Vec<Code>>>;

/// What the feed is told, by whom it may be.
#[derive(Debug)]
pub(crate) enum Told {
    Agent(AgentEvent),
    /// A sign-in of ours has a code to show, or no longer.
    Codes,
    Outlook(OutlookReply),
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "no notice has a button"))]
    Answer(Answer),
    /// Serving ended.
    End,
}

/// Shows the icon until the other end of `standing` is dropped. On macOS and Windows this must be
/// the program's first thread. `wishes` are asked for whenever there is something to show.
pub fn attend<T: Send + 'static>(
    agent: Arc<Agent>,
    standing: Receiver<T>,
    wishes: Box<dyn Fn() -> Wishes + Send>,
) -> Result<(), Failed> {
    let (show, views) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let notices = Arc::new(Notices::new(tell.clone()));
    let (codes, inbox) = (Codes::default(), tell.clone());
    let deeds =
        Arc::new(Deeds { agent: agent.clone(), codes: codes.clone(), notices, tell: inbox });
    let zone = TimeZone::system();
    let (alerts, requests) = (Alerts::default(), Requests::default());
    let feed =
        Feed { deeds: deeds.clone(), codes, show, zone, wishes, alerts, requests, status: None };
    start("tray-feed", move || feed.run(&told))?;
    start("tray-follow", move || follow(&agent, &standing, &tell))?;
    let shown = show::run(views, Box::new(move |action| deeds.begin(action)));
    clipboard::take_back();
    shown
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failed> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(drop).map_err(Failed::Thread)
}

/// Passes on what the agent tells, until it ends.
fn follow<T>(agent: &Agent, standing: &Receiver<T>, tell: &Sender<Told>) {
    loop {
        match agent.events() {
            Ok(events) => {
                for event in events.map_while(Result::ok) {
                    if tell.send(Told::Agent(event)).is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "no events for the tray"),
        }
        if matches!(standing.recv_timeout(AGAIN), Err(RecvTimeoutError::Disconnected)) {
            // Whoever would hear it is gone already.
            drop(tell.send(Told::End));
            return;
        }
    }
}

struct Feed {
    deeds: Arc<Deeds>,
    codes: Codes,
    show: Sender<View>,
    zone: TimeZone,
    wishes: Box<dyn Fn() -> Wishes + Send>,
    alerts: Alerts,
    requests: Requests,
    status: Option<Status>,
}

impl Feed {
    fn run(mut self, told: &Receiver<Told>) {
        let mut shown = None;
        // When the menu shows requests that it does not show yet.
        let mut due: Option<Instant> = None;
        loop {
            let next = match due {
                None => told.recv().map_err(|_gone| RecvTimeoutError::Disconnected),
                Some(due) => told.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(Told::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => due = None,
                Ok(told) => {
                    if self.is_request_alone(told) {
                        due = due.or_else(|| Some(Instant::now() + REST));
                        continue;
                    }
                }
            }
            let Some(view) = self.view() else { continue };
            if shown.as_ref() == Some(&view) {
                continue;
            }
            due = None;
            if self.show.send(view.clone()).is_err() {
                return;
            }
            shown = Some(view);
        }
    }

    /// Takes in what was told; `true` where it changes nothing but the last requests.
    fn is_request_alone(&mut self, told: Told) -> bool {
        match told {
            Told::Agent(AgentEvent::Status { status }) => {
                if self.status.is_none() {
                    self.look_back();
                }
                self.alert(Seen::Status(&status));
                self.status = Some(*status);
            }
            Told::Agent(AgentEvent::Record { record }) => {
                self.alert(Seen::Record(&record));
                self.requests.add(&record);
                return true;
            }
            Told::Agent(AgentEvent::Missed) => self.look_back(),
            Told::Agent(AgentEvent::Beat) => self.alert(Seen::Beat),
            Told::Outlook(reply) => self.alert(Seen::Outlook(&reply)),
            Told::Answer(answer) => {
                self.alert(Seen::Answer(&answer));
                if let Answer::Chosen(_, action) = answer {
                    self.deeds.begin(action);
                }
            }
            Told::Codes | Told::End => {}
        }
        false
    }

    /// What came before we followed.
    fn look_back(&mut self) {
        let ask = ActivityAsk { limit: Some(LOOKED_THROUGH), ..ActivityAsk::default() };
        match self.deeds.agent.activity(&ask) {
            Ok(reply) => {
                self.alert(Seen::Past(&reply.records));
                self.requests = Requests::of(&reply.records);
            }
            Err(error) => tracing::debug!(%error, "the last requests are not known"),
        }
    }

    fn alert(&mut self, seen: Seen<'_>) {
        let wishes = (self.wishes)();
        let moment = Moment { now: now(), zone: &self.zone, wishes };
        for deed in self.alerts.see(seen, &moment) {
            match deed {
                Deed::Show(notice) => self.deeds.notices.show(&notice),
                Deed::Withdraw(key) => self.deeds.notices.withdraw(&key),
                Deed::AskOutlook { dag_id } => {
                    let ask = OutlookAsk { dag_id, ..OutlookAsk::default() };
                    self.deeds.ask_outlook(ask);
                }
            }
        }
    }

    fn view(&self) -> Option<View> {
        let codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let scene = Scene {
            now: now(),
            zone: &self.zone,
            panel: launch::panel_program().is_some(),
            codes: &codes,
            requests: &self.requests,
        };
        self.status.as_ref().map(|status| view(status, &scene))
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
