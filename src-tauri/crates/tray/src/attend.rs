//! From the agent's status to the desktop and back: a client of the local API like every other, on
//! threads of its own. Keeps no token; one that is copied goes to the clipboard and nowhere else.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dagpass_client::{Agent, launch};
use jiff::tz::TimeZone;

use crate::deeds::Deeds;
use crate::show::{self, Failed};
use crate::view::{Code, Scene, View, view};

/// How often is the agent asked how it is? A menu that was opened shows no older state.
const LOOK: Duration = Duration::from_millis(500);

/// What the sign-ins that this icon began want shown.
pub(crate) type Codes = Arc<Mutex<Vec<Code>>>;

/// Shows the icon until the other end of `standing` is dropped. On macOS and Windows this must be
/// the program's first thread.
pub fn attend(agent: Arc<Agent>, standing: Receiver<String>) -> Result<(), Failed> {
    let (tell, views) = mpsc::channel();
    let codes = Codes::default();
    let feed = Feed { agent: Arc::clone(&agent), codes: Arc::clone(&codes), tell };
    std::thread::Builder::new()
        .name("tray-feed".to_owned())
        .spawn(move || feed.run(&standing))
        .map_err(Failed::Thread)?;
    let deeds = Deeds { agent, codes };
    show::run(views, Box::new(move |action| deeds.begin(action)))
}

struct Feed {
    agent: Arc<Agent>,
    codes: Codes,
    tell: Sender<View>,
}

impl Feed {
    fn run(self, standing: &Receiver<String>) {
        let panel = launch::panel_program().is_some();
        let zone = TimeZone::system();
        let mut last = None;
        while standing.recv_timeout(LOOK) != Err(RecvTimeoutError::Disconnected) {
            let Ok(status) = self.agent.status() else { continue };
            let codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let scene = Scene { now: now(), zone: &zone, panel, codes: &codes };
            let view = view(&status, &scene);
            if last.as_ref() == Some(&view) {
                continue;
            }
            if self.tell.send(view.clone()).is_err() {
                return;
            }
            last = Some(view);
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
