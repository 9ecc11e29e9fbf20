//! Signs people out without being asked. [`dagpass_core::logout`] says when, `presence` tells of the person;
//! here it is done, as a sign-out that a person asks for is, and nothing of it silently: it is on the record
//! with its reason, in the status beforehand, and whoever asks for a token later hears why there is none.

mod deeds;
mod notes;
mod standing;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dagpass_core::broker::SessionView;
use dagpass_core::logout::{Desk, Due, Out, Reason, Rules, Signed, WindUp, due};
use dagpass_core::request::{Caller, SessionKey, Transport};
use dagpass_core::session::{SessionState, StoredSession};
use dagpass_core::time::Timestamp;
use tokio::sync::mpsc;

use super::{Api, sign_out};
use crate::presence::{self, Heard, Tells};

use deeds::Deeds;
pub(crate) use notes::FILE;
use notes::Notes;
pub(super) use standing::{coming, gone, hour};

/// How often is it looked whether something is due? A timer stops while the machine sleeps.
const BEAT: Duration = Duration::from_secs(2);

/// What is known of the person, and what was told of it.
pub(crate) struct Lookout {
    desk: Mutex<Desk>,
    /// By which it was last looked.
    rules: Mutex<Option<Rules>>,
    /// `None` until somebody was asked.
    tells: Mutex<Option<Tells>>,
    notes: Arc<Notes>,
    tell: mpsc::UnboundedSender<Heard>,
    heard: tokio::sync::Mutex<mpsc::UnboundedReceiver<Heard>>,
    watches: AtomicBool,
    /// Sessions that are being signed out, or read.
    deeds: Deeds,
    /// Whose coming end is in the status.
    shown: Mutex<HashSet<SessionKey>>,
}

impl Lookout {
    pub(crate) fn new(notes: PathBuf, now: Timestamp) -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        Self {
            desk: Mutex::default(),
            rules: Mutex::default(),
            tells: Mutex::default(),
            notes: Arc::new(Notes::open(notes, now)),
            tell,
            heard: tokio::sync::Mutex::new(heard),
            watches: AtomicBool::new(false),
            deeds: Deeds::default(),
            shown: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for Lookout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookout")
    }
}

impl Api {
    /// Until the agent ends.
    pub(crate) async fn sign_out_unasked(self: &Arc<Self>) {
        let mut heard = self.lookout.heard.lock().await;
        loop {
            self.begin_to_watch();
            self.end_approvals_left();
            self.look_at_sessions();
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                // One by one: a lock that was opened at once is a lock.
                Some(heard) = heard.recv() => self.hear(heard),
            }
        }
    }

    /// Nobody is asked of the person before the config wants it, or an answer hangs on it; what was heard under other rules is no reason
    /// under these.
    fn begin_to_watch(&self) {
        let rules = self.config.current().logout.rules.clone();
        let wanted = rules.watch_the_person() || self.broker.has_approvals_for_today();
        if lock(&self.lookout.rules).replace(rules.clone()).is_some_and(|before| before != rules) {
            *lock(&self.lookout.desk) = Desk::default();
        }
        if wanted && !self.lookout.watches.swap(true, Ordering::Relaxed) {
            let tell = self.lookout.tell.clone();
            presence::watch(move |heard| match tell.send(heard) {
                // The agent ends.
                Ok(()) | Err(_) => {}
            });
        }
    }

    fn end_approvals_left(&self) {
        let ended = self.broker.end_approvals_left(&lock(&self.lookout.desk));
        if ended {
            self.changed();
        }
    }

    fn hear(&self, heard: Heard) {
        match heard {
            Heard::Signal(signal) => lock(&self.lookout.desk).hear(signal, self.clock.now()),
            Heard::Tells(tells) => {
                if tells.idle.is_err() {
                    lock(&self.lookout.desk).lost_touch();
                }
                let before = lock(&self.lookout.tells).replace(tells.clone());
                if before.as_ref() != Some(&tells) {
                    tracing::info!(?tells, "who tells of the person");
                    self.changed();
                }
            }
        }
    }

    fn look_at_sessions(self: &Arc<Self>) {
        let now = self.clock.now();
        self.recall();
        for view in self.broker.sessions() {
            self.look_at(&view, now);
        }
        self.lookout.notes.tend();
    }

    /// Who was shut out because nobody could tell whether they were signed out before.
    fn recall(&self) {
        let (notes, views) = (&self.lookout.notes, self.broker.sessions());
        let is_open = |view: &SessionView| {
            let unread = view.out.is_some_and(|out| out.reason == Reason::Unread);
            unread && !matches!(view.state, SessionState::SignedOut)
        };
        if notes.doubt().is_some() && !views.is_empty() && !views.iter().any(is_open) {
            notes.settle();
        }
        if notes.doubt().is_none() {
            for view in &views {
                self.broker.recalls(&view.key, notes.of(&view.key));
            }
        }
    }

    fn look_at(self: &Arc<Self>, view: &SessionView, now: Timestamp) {
        if let Some(wind_up) = &view.wind_up {
            return self.wind_up_ends(view, wind_up, now);
        }
        match &view.state {
            // What is due by now is due for what is not read yet.
            SessionState::Unloaded if self.may_end(view) => self.read(&view.key),
            // A person signed out since.
            SessionState::SignedOut if view.out.is_none() => self.lookout.notes.forget(&view.key),
            // What one that is over gave is served until its end.
            SessionState::Ended { .. } if view.good_until.is_some_and(|until| now < until) => {
                self.look_at_signed_in(view, now);
            }
            SessionState::Unloaded
            | SessionState::SignedOut
            | SessionState::Unreadable(_)
            // No person is behind it: nobody leaves it alone, and nobody would come back.
            | SessionState::Client(_)
            | SessionState::Ended { .. } => {}
            SessionState::Active(_) | SessionState::Fixed(_) => self.look_at_signed_in(view, now),
        }
    }

    /// Is it worth a look into the keychain?
    fn may_end(&self, view: &SessionView) -> bool {
        if !view.profile.kind.signs_in() {
            return false;
        }
        let rules = &self.config.current().logout.rules;
        let was_begun = view.out.is_some() || self.lookout.notes.of(&view.key).is_some();
        was_begun || rules.may_end(view.profile.session_lifetime)
    }

    fn wind_up_ends(self: &Arc<Self>, view: &SessionView, wind_up: &WindUp, now: Timestamp) {
        let set_back = now < wind_up.at;
        let over = set_back || now >= wind_up.until;
        if !over && wind_up.runs.iter().any(|run| self.capabilities.is_run(run)) {
            return;
        }
        let out = Out { reason: wind_up.reason, at: wind_up.at };
        let what = if over { "the grace is over" } else { "what was in flight has ended" };
        self.finish(view, out, format!("{}: {what}", out.reason.as_str()));
    }

    fn look_at_signed_in(self: &Arc<Self>, view: &SessionView, now: Timestamp) {
        let Some(stored) = view.state.last() else { return };
        match self.lookout.notes.of(&view.key) {
            // An earlier life began it, or it failed.
            Some(out) if view.out.is_some() => {
                let before = self.lookout.notes.is_of_an_earlier_life(&view.key, out);
                let why = if before { "begun before a restart" } else { "tried again" };
                return self.finish(view, out, format!("{}: {why}", out.reason.as_str()));
            }
            Some(_) => self.lookout.notes.forget(&view.key),
            None => {}
        }
        let due = self.due(view, stored);
        self.show(&view.key, due.is_some_and(|due| due.is_told(now)));
        if let Some(due) = due.filter(|due| due.is_over(now)) {
            // A clock that was set back makes nobody sign in after it.
            self.end(view, due, now.max(stored.signed_in_at));
        }
    }

    /// What an earlier life ended is served to nobody from the first request on.
    pub(crate) fn tell_who_is_out(&self) {
        let doubt = self.lookout.notes.doubt().map(|doubt| doubt.out());
        for view in self.broker.sessions().iter().filter(|view| view.profile.kind.signs_in()) {
            let is_new = matches!(view.state, SessionState::Unloaded);
            if let Some(out) = self.lookout.notes.of(&view.key).or(doubt.filter(|_| is_new)) {
                self.shut_out(&view.key, out);
            }
        }
    }

    fn shut_out(&self, key: &SessionKey, out: Out) {
        if let Err(refusal) = self.broker.went(key, out) {
            tracing::warn!(%refusal, "it is not told why nobody is signed in");
        }
    }

    /// When it will be signed out, as far as is known.
    pub(super) fn due(&self, view: &SessionView, stored: &StoredSession) -> Option<Due> {
        if !view.profile.kind.signs_in() {
            return None;
        }
        let signed = Signed {
            in_at: stored.signed_in_at,
            proven_at: stored.proven_at(),
            lifetime: view.profile.session_lifetime,
        };
        due(&self.config.current().logout.rules, &lock(&self.lookout.desk), &signed)
    }

    /// Why it is not known who was signed out before.
    pub(super) fn unread_logouts(&self) -> Option<String> {
        self.lookout.notes.doubt().map(|doubt| doubt.why)
    }

    /// Who tells of the person, as it was heard last.
    pub(super) fn tells(&self) -> Option<Tells> {
        lock(&self.lookout.tells).clone()
    }

    /// What the config wants to be told and nobody tells, or an earlier life of the agent and cannot be read: in
    /// words.
    pub(super) fn untold(&self) -> Option<String> {
        if let Some(why) = self.unread_logouts() {
            let all = "who was signed in before this start has to sign in again";
            return Some(format!("who was signed out before is not known, {all}: {why}"));
        }
        let config = self.config.current();
        let tells = lock(&self.lookout.tells);
        let tells = tells.as_ref()?;
        let untold = |key: &crate::config::WatchKey| {
            let missing = tells.of(key.wanted).as_ref().err()?;
            Some(format!("`{}` does nothing now: {missing}", key.key))
        };
        config.logout.watched().iter().find_map(untold)
    }

    /// Why a sign-out is not written down for the next start, where it is not.
    pub(super) fn unwritten(&self) -> Option<String> {
        self.lookout.notes.trouble()
    }

    fn end(self: &Arc<Self>, view: &SessionView, due: Due, now: Timestamp) {
        let out = Out { reason: due.reason, at: now };
        let grace = self.config.current().logout.rules.grace;
        let runs = self.capabilities.runs_on(&view.key.profile);
        if runs.is_empty() || grace.is_zero() {
            return self.finish(view, out, out.reason.as_str().to_owned());
        }
        let until = now.plus(grace);
        let wind_up = WindUp { reason: due.reason, at: now, until, runs };
        let told = format!(
            "{}: {} until {}, nobody else is served",
            out.reason.as_str(),
            standing::go_on(wind_up.runs.len()),
            hour(until)
        );
        tracing::warn!(session = view.key.account(), told, "signed out without being asked");
        self.lookout.notes.note(&view.key, out);
        let written = self.lookout.notes.written();
        if let Err(refusal) = self.broker.wind_up(&view.key, &own(), (wind_up, &told)) {
            tracing::error!(%refusal, "a sign-out is not on the record");
        }
        let (api, key) = (self.clone(), view.key.clone());
        tokio::spawn(async move {
            written.await;
            if key.connection.is_none() {
                api.items.forget(&api.config.current(), &key.profile, api.clock.now()).await;
            }
        });
        self.changed();
    }

    fn finish(self: &Arc<Self>, view: &SessionView, out: Out, told: String) {
        let key = view.key.clone();
        if !self.lookout.deeds.begins(&key, Instant::now()) {
            return;
        }
        tracing::warn!(session = key.account(), told, "signs out without being asked");
        // Nobody is served from here on, whatever takes its time behind it: the disk, the record, Ping.
        self.shut_out(&key, out);
        self.lookout.notes.note(&key, out);
        let (api, written) = (self.clone(), self.lookout.notes.written());
        tokio::spawn(async move {
            written.await;
            let ended = sign_out::end_because(&api, &key, (own(), out, told)).await;
            if let Err(refusal) = &ended {
                tracing::error!(%refusal, "not signed out; it is tried again");
            }
            api.lookout.deeds.ended(&key, ended.is_ok(), Instant::now());
            api.changed();
        });
    }

    fn read(self: &Arc<Self>, key: &SessionKey) {
        if !self.lookout.deeds.begins(key, Instant::now()) {
            return;
        }
        let (api, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            let loaded = api.broker.load_session(&key).await;
            let view = loaded.and_then(|()| api.broker.session(&key));
            let read = view.as_ref().is_ok_and(|view| is_read(&view.state));
            api.lookout.deeds.ended(&key, read, Instant::now());
            match view {
                Ok(view) if read => api.look_at(&view, api.clock.now()),
                Ok(_) => tracing::debug!(session = key.account(), "session not read"),
                Err(refusal) => tracing::debug!(%refusal, "session not read"),
            }
        });
    }

    /// Whoever follows the status hears that an end comes near, and that it does not come after all.
    fn show(&self, key: &SessionKey, is_told: bool) {
        let mut shown = lock(&self.lookout.shown);
        let changed = if is_told { shown.insert(key.clone()) } else { shown.remove(key) };
        drop(shown);
        if changed {
            self.changed();
        }
    }
}

/// Did the store say what it holds? One that does not is left alone for a while.
const fn is_read(state: &SessionState) -> bool {
    match state {
        SessionState::Unloaded | SessionState::Unreadable(_) => false,
        SessionState::SignedOut
        | SessionState::Active(_)
        | SessionState::Fixed(_)
        | SessionState::Client(_)
        | SessionState::Ended { .. } => true,
    }
}

fn own() -> Caller {
    Caller { transport: Transport::Agent, ..Caller::default() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use dagpass_core::ports::StoreFailure;

    use super::*;

    #[test]
    fn a_keychain_that_stays_shut_is_a_read_that_failed() {
        assert!(is_read(&SessionState::SignedOut));
        assert!(!is_read(&SessionState::Unreadable(StoreFailure::Locked("shut".into()))));
        assert!(!is_read(&SessionState::Unloaded));
    }
}
