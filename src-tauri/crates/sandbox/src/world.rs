//! Everything the issuer remembers: users, sessions, clients, grants, tokens. Holds state and its
//! clock; what a request does to it is decided elsewhere.

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::authorize::{AuthRequest, Code};
use crate::call::Call;
use crate::device::Device;
use crate::encode::{fingerprint, uuid};
use crate::family::{Endpoint, Family, Place};
use crate::faults::Faults;
use crate::keys::Keys;
use crate::log::{ApiEntry, Entry, HandedOut};
use crate::quirks::Quirks;
use crate::tokens::{Access, Grant, Refresh};

/// One issuer's memory.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) family: Family,
    pub(crate) origin: String,
    pub(crate) quirks: Quirks,
    pub(crate) keys: Keys,
    pub(crate) clients: Vec<Client>,
    pub(crate) users: Vec<User>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) refresh: HashMap<String, Refresh>,
    pub(crate) access: HashMap<String, Access>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) pushed: HashMap<String, (AuthRequest, i64)>,
    pub(crate) devices: Vec<Device>,
    pub(crate) pages: HashMap<String, Page>,
    pub(crate) faults: Faults,
    pub(crate) log: Vec<Entry>,
    pub(crate) api_log: Vec<ApiEntry>,
    pub(crate) secrets: Vec<HandedOut>,
    /// Of the request being answered.
    pub(crate) note: Entry,
    pub(crate) stale_revocations: u32,
    pub(crate) dpop_nonce: String,
    /// Milliseconds by which a test has moved the clock.
    pub(crate) advanced: i64,
    /// Refreshes between their arrival and their answer, now and at most so far.
    pub(crate) refreshing: usize,
    pub(crate) most_refreshing: usize,
    /// Requests that a fault holds at the gate.
    pub(crate) held: usize,
}

/// A page that waits for its form.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    SignIn(AuthRequest),
    /// Signing in on the way to approving this user code.
    DeviceSignIn(String),
    /// Approving this user code as this user in this session.
    DeviceConsent {
        user_code: String,
        sid: String,
    },
}

/// A registered application.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) secret: Option<&'static str>,
    pub(crate) locked_out: bool,
}

/// Somebody who can sign in with any password.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct User {
    pub(crate) sub: String,
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// One browser's sign-on.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) sid: String,
    pub(crate) sub: String,
    /// Seconds since the epoch: when the password was last given.
    pub(crate) auth_time: i64,
    pub(crate) alive: bool,
}

/// Under which issuer a request came in.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) issuer: String,
    pub(crate) place: Place,
}

impl World {
    pub(crate) fn new(family: Family, origin: String, quirks: Quirks) -> Self {
        let client =
            |id: &str, name, secret| Client { id: id.to_owned(), name, secret, locked_out: false };
        let user = |sub: &str, name: &str, groups: &[&str]| User {
            sub: sub.to_owned(),
            name: name.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        Self {
            family,
            origin,
            quirks,
            keys: Keys::new(),
            clients: vec![
                client(CLIENT_ID, "dagpass", None),
                client("dagpass-second", "dagpass (second client)", None),
                client("service", "Nightly service", Some("sv%c:s+ecret/")),
            ],
            users: vec![
                user("alice", "Alice Amsel", &["AF-Admins", "Data"]),
                user("bob", "Bob Buchfink", &["AF-Viewers"]),
                user("carol", "Carol Cardinal", &[]),
            ],
            sessions: Vec::new(),
            grants: HashMap::new(),
            refresh: HashMap::new(),
            access: HashMap::new(),
            codes: HashMap::new(),
            pushed: HashMap::new(),
            devices: Vec::new(),
            pages: HashMap::new(),
            faults: Faults::default(),
            log: Vec::new(),
            api_log: Vec::new(),
            secrets: Vec::new(),
            note: Entry::new(0, Endpoint::Discovery, &Call::default()),
            stale_revocations: 0,
            dpop_nonce: uuid(),
            advanced: 0,
            refreshing: 0,
            most_refreshing: 0,
            held: 0,
        }
    }

    /// Milliseconds since the epoch on the issuer's clock.
    pub(crate) fn now(&self) -> i64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(wall.as_millis()).unwrap_or(0)
            + self.quirks.date_offset * 1000
            + self.advanced
    }

    /// Whole seconds since the epoch on the issuer's clock.
    pub(crate) fn seconds(&self) -> i64 {
        self.now().div_euclid(1000)
    }

    pub(crate) fn site(&self, place: Place) -> Site {
        let issuer = self
            .quirks
            .issuer
            .clone()
            .unwrap_or_else(|| format!("{}{}", self.origin, place.prefix));
        Site { issuer, place }
    }

    /// The issuer that the quirks make the main one.
    pub(crate) fn main_site(&self) -> Site {
        self.site(Place::of(self.family, self.quirks.custom_domain))
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(crate) fn user(&self, sub: &str) -> Option<&User> {
        self.users.iter().find(|user| user.sub == sub)
    }

    /// Remembers a secret for the scans of tests, and passes it on.
    pub(crate) fn hand_out(&mut self, kind: &'static str, value: String) -> String {
        self.secrets.push(HandedOut { kind, value: value.clone() });
        value
    }

    /// A new sign-on of a user. Beyond the limit the oldest of that user goes, and its tokens with it.
    pub(crate) fn sign_on(&mut self, sub: &str) -> String {
        let sid = uuid();
        let auth_time = self.seconds();
        let sub = sub.to_owned();
        self.sessions.push(Session { sid: sid.clone(), sub: sub.clone(), auth_time, alive: true });
        if let Some(limit) = self.quirks.max_sessions {
            let living: Vec<String> = self
                .sessions
                .iter()
                .filter(|session| session.alive && session.sub == sub)
                .map(|session| session.sid.clone())
                .collect();
            let too_many = living.len().saturating_sub(limit);
            for sid in living.into_iter().take(too_many) {
                self.end_sid(&sid);
            }
        }
        sid
    }

    /// The newest living session of a user: what their browser holds.
    pub(crate) fn session_of(&self, sub: &str) -> Option<&Session> {
        self.sessions.iter().rev().find(|session| session.alive && session.sub == sub)
    }

    pub(crate) fn session(&self, sid: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.sid == sid && session.alive)
    }

    /// Ends every session of a user, as an admin can. Access tokens live on until they expire.
    pub(crate) fn end_sessions(&mut self, sub: &str) {
        for session in self.sessions.iter_mut().filter(|session| session.sub == sub) {
            session.alive = false;
        }
    }

    pub(crate) fn end_sid(&mut self, sid: &str) {
        for session in self.sessions.iter_mut().filter(|session| session.sid == sid) {
            session.alive = false;
        }
    }

    pub(crate) fn set_groups(&mut self, sub: &str, groups: &[&str]) {
        if let Some(user) = self.users.iter_mut().find(|user| user.sub == sub) {
            user.groups = groups.iter().map(|group| (*group).to_owned()).collect();
        }
    }

    /// Refresh tokens that were presented more than once, by fingerprint.
    pub(crate) fn replayed(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut twice = Vec::new();
        for token in self.log.iter().filter_map(|entry| entry.refresh_token_fp.clone()) {
            if !seen.insert(token.clone()) {
                twice.push(token);
            }
        }
        twice
    }

    /// Makes the protected API refuse a token that still looks fresh.
    pub(crate) fn refuse(&mut self, token: &str) {
        let wanted = fingerprint(token);
        for (value, access) in &mut self.access {
            access.refused |=
                value == token || fingerprint(value) == token || fingerprint(value) == wanted;
        }
    }
}

/// The public native application that the sandbox has registered for the agent.
pub const CLIENT_ID: &str = "dagpass";
