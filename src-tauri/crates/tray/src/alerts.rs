//! When a person is told something that they did not ask for: that a sign-in is needed, once an issuer
//! until it is answered, that a session ends soon, once a session, that the config sends tokens another
//! way, each time, and that a rule asks about a request, once a question. A state machine over what the
//! agent tells; reads no clock, shows nothing.

mod asked;
mod found;
mod logout;

use std::collections::{HashMap, HashSet};

use dagpass_client::wire::{OutlookReply, ProfileStatus, Status};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::menu::{Action, Way};
use crate::notice::{Answer, Choice, Key, Notice};
use crate::view::{ends, has_session};

/// How long before a session's end is it told?
const AHEAD: i64 = 15 * 60;
/// How long is a person left alone who closed the notice and did not sign in?
const REMIND: i64 = 3600;
/// How long after its last use does a session count as one whose end matters to somebody?
const IN_USE: i64 = 3600;

/// What the config wants shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wishes {
    pub sign_in: bool,
    pub session_end: bool,
}

/// What the agent told, or a person answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    Status(&'a Status),
    Record(&'a Value),
    /// The last records, newest first, where some may not have been seen as they came.
    Past(&'a [Value]),
    Outlook(&'a OutlookReply),
    Answer(&'a Answer),
    /// Time passed.
    Beat,
}

/// When it was seen, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Moment<'a> {
    /// Epoch seconds.
    pub(crate) now: i64,
    pub(crate) zone: &'a TimeZone,
    pub(crate) wishes: Wishes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Show(Notice),
    Withdraw(Key),
    /// A DAG began: does the session last as long as it takes?
    AskOutlook {
        dag_id: String,
    },
}

/// What was seen and shown so far.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    profiles: Vec<ProfileStatus>,
    /// By issuer.
    calls: HashMap<String, Call>,
    /// Whoever signs out means it: nothing is said of these until somebody signs in.
    signed_out: HashSet<String>,
    /// By profile, as the sessions below: DAG parsing is no use.
    used: HashMap<String, i64>,
    /// Sessions whose end was told, by profile and sign-in.
    told: HashSet<(String, i64)>,
    /// The last end of each refresh token, and whether it ever moved: such a one is no end.
    refresh_ends: HashMap<(String, i64), (i64, bool)>,
    /// Sessions whose coming sign-out is shown.
    warned: HashSet<String>,
    /// Questions that were told, while they wait.
    asked: HashSet<String>,
    /// The number of the last record that told of a changed config.
    config_told: Option<u64>,
    /// And of a token in a file.
    found_told: Option<u64>,
}

/// For a sign-in at one issuer.
#[derive(Debug)]
struct Call {
    profile: String,
    /// When it was shown, or closed.
    at: i64,
    shown: bool,
}

impl Alerts {
    pub(crate) fn see(&mut self, seen: Seen<'_>, moment: &Moment<'_>) -> Vec<Deed> {
        match seen {
            Seen::Status(status) => self.status(status, moment),
            Seen::Record(record) => self.record(record, moment),
            Seen::Past(records) => self.past(records, moment),
            Seen::Outlook(reply) => self.outlook(reply, moment),
            Seen::Answer(answer) => {
                self.answer(answer, moment.now);
                Vec::new()
            }
            Seen::Beat => self.ends_soon(moment),
        }
    }

    fn status(&mut self, status: &Status, moment: &Moment<'_>) -> Vec<Deed> {
        let before = std::mem::replace(&mut self.profiles, status.profiles.clone());
        let was = |name: &str| before.iter().find(|one| one.name == name);
        let mut deeds = self.settled(moment.now);
        if moment.wishes.session_end {
            deeds.extend(logout::seen(&mut self.warned, (&before, &self.profiles)));
        }
        let ended: Vec<String> = self
            .profiles
            .iter()
            .filter(|one| one.state == "login_required")
            .filter(|one| was(&one.name).is_some_and(|old| old.state != "login_required"))
            .map(|one| one.name.clone())
            .collect();
        for profile in ended {
            let used = self.used.get(&profile).is_some_and(|at| moment.now - at < IN_USE);
            if used {
                deeds.extend(self.call(&profile, moment));
            }
        }
        self.note_refresh_ends();
        deeds.extend(self.ends_soon(moment));
        deeds.extend(asked::seen(&mut self.asked, &status.approvals));
        deeds
    }

    /// Calls that were answered, or that somebody is answering.
    fn settled(&mut self, now: i64) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let profiles = &self.profiles;
        self.calls.retain(|issuer, call| {
            let one = profiles.iter().find(|one| one.name == call.profile);
            let under_way =
                profiles.iter().any(|one| one.issuer == *issuer && one.state == "signing_in");
            let answered = one.is_none_or(|one| has_session(one) && one.state != "signing_in");
            if call.shown && (answered || under_way) {
                deeds.push(Deed::Withdraw(Key::SignIn { issuer: issuer.clone() }));
                (call.shown, call.at) = (false, now);
            }
            !answered
        });
        deeds
    }

    fn record(&mut self, record: &Value, moment: &Moment<'_>) -> Vec<Deed> {
        if record["event"] == "token-found" {
            return found::seen(&mut self.found_told, record).into_iter().collect();
        }
        let text = |place: &str| record.pointer(place).and_then(Value::as_str);
        let purpose = text("/caller/context/purpose");
        // Nobody waits for a parse; whoever tries by hand is looking at the answer.
        let in_use = !matches!(purpose, Some("dag-parse" | "try"));
        let Some(profile) = session(record) else { return self.run(record) };
        match (text("/event"), text("/outcome")) {
            (Some("issue"), Some("ok")) if in_use => drop(self.used.insert(profile, moment.now)),
            (Some("issue"), Some("failed")) if in_use => {
                self.used.insert(profile.clone(), moment.now);
                // What was counted is told late: somebody may have signed in meanwhile.
                let late = !record["count"].is_null() && self.has_session(&profile);
                let needed = text("/error") == Some("login_required") && !late;
                return needed.then(|| self.call(&profile, moment)).flatten().into_iter().collect();
            }
            (Some("config-change"), _) => {
                let seq = record["seq"].as_u64();
                if seq.is_some() && seq <= self.config_told {
                    return Vec::new();
                }
                self.config_told = seq.or(self.config_told);
                return vec![Deed::Show(config_changed(profile, text("/reason")))];
            }
            // One with a reason is nobody's wish.
            (Some("sign-out"), _) if record["reason"].is_null() => {
                self.signed_out.insert(profile);
            }
            (Some("sign-in"), Some("ok")) => drop(self.signed_out.remove(&profile)),
            _ => {}
        }
        Vec::new()
    }

    fn has_session(&self, profile: &str) -> bool {
        self.profiles.iter().any(|one| one.name == profile && has_session(one))
    }

    /// An edit while the agent was off is on the record before anybody follows it.
    fn past(&mut self, records: &[Value], moment: &Moment<'_>) -> Vec<Deed> {
        let of_this_life = records.iter().take_while(|record| record["event"] != "agent-start");
        let changes = of_this_life.filter(|record| record["event"] == "config-change");
        let oldest_first: Vec<&Value> = changes.collect::<Vec<_>>().into_iter().rev().collect();
        oldest_first.into_iter().flat_map(|record| self.record(record, moment)).collect()
    }

    fn run(&self, record: &Value) -> Vec<Deed> {
        let run = &record["run"];
        let begins = record["event"] == "run" && run["kind"] == "dag" && run["state"] == "running";
        let dag_id = run["dag_id"].as_str().filter(|_| begins);
        dag_id.map(|id| Deed::AskOutlook { dag_id: id.to_owned() }).into_iter().collect()
    }

    /// The call for a sign-in, where it is due.
    fn call(&mut self, profile: &str, moment: &Moment<'_>) -> Option<Deed> {
        let one = self.profiles.iter().find(|one| one.name == profile)?;
        let issuer = one.issuer.clone();
        let mut there = self.profiles.iter().filter(|one| one.issuer == issuer);
        let under_way = there.any(|one| one.state == "signing_in");
        let lately = self.calls.get(&issuer).is_some_and(|call| moment.now - call.at < REMIND);
        let quiet = self.signed_out.contains(profile);
        if !moment.wishes.sign_in || under_way || lately || quiet {
            return None;
        }
        let profile = profile.to_owned();
        let call = Call { profile: profile.clone(), at: moment.now, shown: true };
        self.calls.insert(issuer.clone(), call);
        Some(Deed::Show(Notice {
            key: Key::SignIn { issuer },
            title: format!("Sign in to {profile}"),
            text: "Its session is over, and a program asks for a token.".to_owned(),
            choices: ways(&profile),
        }))
    }

    fn answer(&mut self, answer: &Answer, now: i64) {
        let (Answer::Chosen(key, _) | Answer::Closed(key)) = answer;
        if let Key::SignIn { issuer } = key
            && let Some(call) = self.calls.get_mut(issuer)
        {
            (call.shown, call.at) = (false, now);
        }
    }

    fn note_refresh_ends(&mut self) {
        for one in &self.profiles {
            let (Some(begun), Some(end)) = (one.signed_in_at, one.horizons.refresh_token.at) else {
                continue;
            };
            let known = self.refresh_ends.entry((one.name.clone(), begun)).or_insert((end, false));
            *known = (end, known.1 || end > known.0 + 1);
        }
    }

    fn ends_soon(&mut self, moment: &Moment<'_>) -> Vec<Deed> {
        let due: Vec<(String, i64)> = self
            .profiles
            .iter()
            .filter_map(|one| Some((one.name.clone(), self.end(one)?)))
            .filter(|(_, end)| (1..=AHEAD).contains(&(end - moment.now)))
            .collect();
        let tell = |(profile, end): (String, i64)| {
            let text =
                format!("Nothing stops where you sign in again before {}.", hour(end, moment));
            self.tell_end(
                &profile,
                format!("{profile} ends at {}", hour(end, moment)),
                text,
                moment,
            )
        };
        due.into_iter().filter_map(tell).collect()
    }

    /// When the session ends for good; an end that moves with each refresh is none, and whoever signed
    /// in to so short a session knows.
    fn end(&self, one: &ProfileStatus) -> Option<i64> {
        let begun = one.signed_in_at.filter(|_| has_session(one))?;
        let moves = self.refresh_ends.get(&(one.name.clone(), begun)).is_some_and(|known| known.1);
        let end = if moves { one.horizons.session.at } else { ends(one) };
        end.filter(|end| end - begun > AHEAD)
    }

    fn outlook(&mut self, reply: &OutlookReply, moment: &Moment<'_>) -> Vec<Deed> {
        let short = reply.warnings.iter().filter(|warning| warning.outlook == "short");
        let tell = |warning: &dagpass_client::wire::Warning| {
            let title = format!("{} ends before {} does", warning.session, reply.dag_id);
            let mut text = warning.text.replace('`', "");
            text.push('.');
            self.tell_end(&warning.session, title, text, moment)
        };
        short.filter_map(tell).collect()
    }

    /// Once a session.
    fn tell_end(
        &mut self,
        profile: &str,
        title: String,
        text: String,
        moment: &Moment<'_>,
    ) -> Option<Deed> {
        let one = self.profiles.iter().find(|one| one.name == profile)?;
        let session = (profile.to_owned(), one.signed_in_at?);
        if !moment.wishes.session_end || !self.told.insert(session) {
            return None;
        }
        let key = Key::Ends { profile: profile.to_owned() };
        Some(Deed::Show(Notice { key, title, text, choices: ways(profile) }))
    }
}

/// Shown whatever the config wants shown: it is the config that may have fallen into other hands.
fn config_changed(profile: String, what: Option<&str>) -> Notice {
    let title = format!("The config of {profile} has changed");
    let what = what.unwrap_or("it sends tokens another way");
    let text = format!("{what}. If that was not you, do not sign in before you know who it was.");
    Notice { key: Key::Config { profile }, title, text, choices: Vec::new() }
}

fn ways(profile: &str) -> Vec<Choice> {
    let sign_in = |way| Action::SignIn { profile: profile.to_owned(), way };
    vec![
        Choice { label: "Sign in", action: sign_in(Way::Browser) },
        Choice { label: "Use a code", action: sign_in(Way::Code) },
    ]
}

/// `prod`, or `prod/warehouse_api` with a sign-in of its own.
fn session(record: &Value) -> Option<String> {
    let session = record.get("session")?;
    let profile = session["profile"].as_str()?;
    Some(match session["connection"].as_str() {
        Some(connection) => format!("{profile}/{connection}"),
        None => profile.to_owned(),
    })
}

fn hour(epoch: i64, moment: &Moment<'_>) -> String {
    let time = Timestamp::from_second(epoch).unwrap_or(Timestamp::MAX);
    time.to_zoned(moment.zone.clone()).strftime("%H:%M").to_string()
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
