//! The agent's status as an icon, a tooltip and a menu. A pure function; says nothing it was not told.

use dagpass_client::panel;
use dagpass_client::wire::{ProfileStatus, Status};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::menu::{Action, Entry, Way};
use crate::picture::Picture;
use crate::requests::Requests;

/// All that is on the desktop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) picture: Picture,
    pub(crate) tooltip: String,
    pub(crate) menu: Vec<Entry>,
}

/// What the view is made of, besides the status.
#[derive(Clone, Debug)]
pub(crate) struct Scene<'a> {
    /// Epoch seconds.
    pub(crate) now: i64,
    /// The person's, for the hours in the menu.
    pub(crate) zone: &'a TimeZone,
    /// Whether `dagpass-panel` is installed.
    pub(crate) panel: bool,
    /// Of the sign-ins under way.
    pub(crate) codes: &'a [Code],
    pub(crate) requests: &'a Requests,
}

/// What a person types on another device (RFC 8628 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) profile: String,
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
}

pub(crate) fn view(status: &Status, scene: &Scene<'_>) -> View {
    let picture = picture(status);
    let mut menu: Vec<Entry> =
        trouble(status).into_iter().map(|one| trouble_row(one, scene)).collect();
    match status.profiles.as_slice() {
        // What is wrong is said above, and a welcome would not mend it.
        [] if status.agent.config_error.is_some() => {}
        [] if scene.panel => {
            let welcome = Action::OpenPanel { view: Some(panel::View::Welcome) };
            menu.push(Entry::item("Welcome…", welcome));
        }
        [] => menu.push(Entry::Text("No profile yet: run `dagpass init`".to_owned())),
        [one] => {
            menu.push(Entry::Text(headline(one, scene)));
            menu.extend(deeds(one, scene));
        }
        several => menu.extend(several.iter().map(|profile| Entry::Menu {
            label: headline(profile, scene),
            entries: deeds(profile, scene),
        })),
    }
    menu.push(Entry::Line);
    menu.extend(requests(scene));
    menu.push(if status.agent.paused {
        Entry::item("Resume", Action::Resume)
    } else {
        Entry::item("Pause", Action::Pause)
    });
    if scene.panel {
        menu.push(Entry::item("Open dagpass…", Action::OpenPanel { view: None }));
    }
    menu.push(Entry::Line);
    if status.profiles.iter().any(|one| one.signs_in() && has_session(one)) {
        menu.push(Entry::item("Sign out everywhere on this machine", Action::SignOutEverywhere));
    }
    menu.push(Entry::item("Quit", Action::Quit));
    View { picture, tooltip: tooltip(status, picture, scene), menu }
}

/// What is wrong beside the sessions or with one of them, and where it is mended.
struct Trouble {
    words: String,
    command: &'static str,
    view: panel::View,
    /// No token leaves while it lasts, at least for one session.
    stops: bool,
}

/// The worst there is.
fn trouble(status: &Status) -> Option<Trouble> {
    let agent = &status.agent;
    let doctor = |words: String, stops| Trouble {
        words,
        command: "dagpass doctor",
        view: panel::View::Doctor,
        stops,
    };
    let session = |state: &str| status.profiles.iter().find(|one| one.state == state);
    if agent.ledger_error.is_some() {
        return Some(doctor("Nothing can be recorded".to_owned(), true));
    }
    if agent.policy_state == "shut" {
        return Some(doctor("The policy does not load".to_owned(), true));
    }
    if agent.ledger_forked.is_some() {
        return Some(doctor("The ledger was forked".to_owned(), false));
    }
    if agent.ledger_missing.is_some() {
        return Some(doctor("Lines of the ledger are missing".to_owned(), false));
    }
    if agent.config_error.is_some() {
        return Some(Trouble {
            words: "config.toml has a problem".to_owned(),
            command: "dagpass config check",
            view: panel::View::Settings,
            stops: agent.config_state == "wrong",
        });
    }
    if agent.policy_state == "switched_off" {
        return Some(doctor("The policy is switched off".to_owned(), false));
    }
    if agent.policy_state == "outdated" {
        return Some(doctor(
            "The policy does not load; the last good one serves".to_owned(),
            false,
        ));
    }
    if agent.logout_error.is_some() {
        return Some(doctor("Automatic logout needs a look".to_owned(), false));
    }
    if agent.store_state == "changed" {
        return Some(doctor("The config asks for another store".to_owned(), true));
    }
    if agent.store_state == "unavailable" || session("keychain_unavailable").is_some() {
        return Some(doctor("There is no keychain".to_owned(), true));
    }
    if let Some(one) = session("no_credential") {
        return Some(doctor(format!("{} cannot prove itself", one.name), true));
    }
    if let Some(one) = session("refused") {
        return Some(doctor(format!("{} is refused by its issuer", one.name), true));
    }
    if let Some(one) = session("misconfigured") {
        return Some(doctor(format!("{} is misconfigured", one.name), true));
    }
    if let Some(one) = session("degraded") {
        return Some(doctor(format!("{} is not saved in the keychain", one.name), false));
    }
    (agent.store_state == "degraded")
        .then(|| doctor("A record of the keychain cannot be used".to_owned(), false))
}

fn trouble_row(trouble: Trouble, scene: &Scene<'_>) -> Entry {
    let Trouble { words, command, view, .. } = trouble;
    match scene.panel {
        true => Entry::item(format!("{words}…"), Action::OpenPanel { view: Some(view) }),
        false => Entry::Text(format!("{words}: run `{command}`")),
    }
}

/// Each row leads to where there is more of it.
fn requests(scene: &Scene<'_>) -> Option<Entry> {
    let activity = Action::OpenPanel { view: Some(panel::View::Activity) };
    let row = |text| match scene.panel {
        true => Entry::Item { label: text, action: activity.clone() },
        false => Entry::Text(text),
    };
    let entries: Vec<Entry> = scene.requests.rows(scene.zone).into_iter().map(row).collect();
    (!entries.is_empty()).then(|| Entry::Menu { label: "Last requests".to_owned(), entries })
}

/// The one thing a person should know first: what stops tokens, worst first.
fn picture(status: &Status) -> Picture {
    let any = |state: &str| status.profiles.iter().any(|profile| profile.state == state);
    let trouble = trouble(status);
    if status.agent.paused {
        Picture::Paused
    } else if status.agent.store_state == "locked" || any("keychain_locked") {
        Picture::KeychainLocked
    } else if trouble.as_ref().is_some_and(|trouble| trouble.stops) {
        Picture::Trouble
    } else if any("login_required") || !status.profiles.iter().any(has_session) {
        Picture::NeedsSignIn
    } else if trouble.is_some() {
        Picture::Trouble
    } else if any("offline") {
        Picture::Offline
    } else if any("signing_in") {
        Picture::Refreshing
    } else {
        Picture::SignedIn
    }
}

pub(crate) fn has_session(profile: &ProfileStatus) -> bool {
    !matches!(profile.state.as_str(), "signed_out" | "login_required")
}

fn tooltip(status: &Status, picture: Picture, scene: &Scene<'_>) -> String {
    let default = status.agent.default_profile.as_deref();
    let first = status.profiles.iter().find(|profile| Some(profile.name.as_str()) == default);
    let profile = first.or_else(|| status.profiles.first());
    let of_profile = || match profile {
        None => "no profile yet".to_owned(),
        Some(profile) => headline(profile, scene),
    };
    let words = match picture {
        Picture::Paused => "paused: no token leaves".to_owned(),
        Picture::KeychainLocked => "the keychain is locked".to_owned(),
        Picture::Trouble => trouble(status).map_or_else(of_profile, |trouble| trouble.words),
        Picture::NeedsSignIn | Picture::Offline | Picture::Refreshing | Picture::SignedIn => {
            of_profile()
        }
    };
    format!("dagpass: {words}")
}

/// `prod: Ada Lovelace, until 18:04`.
fn headline(profile: &ProfileStatus, scene: &Scene<'_>) -> String {
    let name = &profile.name;
    match profile.state.as_str() {
        "ready" => format!("{name}: {}, ready", profile.kind),
        "no_credential" => format!("{name}: cannot prove itself"),
        "refused" => format!("{name}: refused by its issuer"),
        "offline" if !profile.signs_in() => format!("{name}: offline"),
        "signed_out" => format!("{name}: signed out"),
        "login_required" => format!("{name}: sign in again"),
        "keychain_locked" => format!("{name}: the keychain is locked"),
        "keychain_unavailable" => format!("{name}: no keychain"),
        "misconfigured" => format!("{name}: misconfigured"),
        "signing_in" => format!("{name}: signing in…"),
        "offline" => format!("{name}: offline, {}", person(profile)),
        "degraded" => format!("{name}: not saved, {}", person(profile)),
        _ => match ends(profile) {
            Some(end) => format!("{name}: {}, until {}", person(profile), hour(end, scene)),
            None => format!("{name}: {}", person(profile)),
        },
    }
}

fn person(profile: &ProfileStatus) -> &str {
    let Some(who) = &profile.who else { return "signed in" };
    who.name.as_deref().or(who.email.as_deref()).unwrap_or(&who.sub)
}

/// When a person has to come back, where anything tells.
pub(crate) fn ends(profile: &ProfileStatus) -> Option<i64> {
    let ends = &profile.horizons;
    [ends.refresh_token.at, ends.session.at].into_iter().flatten().min()
}

/// The hour on the person's clock, with the day where it is not today.
fn hour(epoch: i64, scene: &Scene<'_>) -> String {
    let local = |epoch| {
        let time = Timestamp::from_second(epoch).unwrap_or(Timestamp::MAX);
        time.to_zoned(scene.zone.clone())
    };
    let (then, now) = (local(epoch), local(scene.now));
    let form = if then.date() == now.date() { "%H:%M" } else { "%a %-d %b, %H:%M" };
    then.strftime(form).to_string()
}

fn deeds(profile: &ProfileStatus, scene: &Scene<'_>) -> Vec<Entry> {
    let name = || profile.name.clone();
    if !profile.signs_in() {
        return of_client(profile);
    }
    let sign_in = |label: &str, way| Entry::item(label, Action::SignIn { profile: name(), way });
    if let Some(code) = scene.codes.iter().find(|code| code.profile == profile.name) {
        let Code { user_code, verification_uri, .. } = code;
        let copy = Action::CopyCode { code: user_code.clone() };
        return vec![
            Entry::Text(format!("Enter {user_code} at {verification_uri}")),
            Entry::item("Copy the code", copy),
        ];
    }
    if profile.state == "signing_in" {
        return vec![Entry::Text("A sign-in is under way".to_owned())];
    }
    let why = profile.reason.as_ref().filter(|_| profile.state == "signed_out");
    let why = why.or_else(|| profile.logout.as_ref().map(|coming| &coming.text));
    let why = why.map(|why| Entry::Text(why.replace('`', "")));
    let again = if has_session(profile) { "Sign in again" } else { "Sign in" };
    let mut entries =
        vec![sign_in(again, Way::Browser), sign_in(&format!("{again} with a code"), Way::Code)];
    if has_session(profile) {
        entries
            .insert(0, Entry::item("Copy token for 30 s", Action::CopyToken { profile: name() }));
        entries.push(Entry::item("Sign out", Action::SignOut { profile: name() }));
    }
    why.into_iter().chain(entries).collect()
}

/// Nobody signs in to it: there are its tokens alone.
fn of_client(profile: &ProfileStatus) -> Vec<Entry> {
    let name = || profile.name.clone();
    let why = profile.reason.as_ref().map(|why| Entry::Text(why.replace('`', "")));
    let mut entries: Vec<Entry> = why.into_iter().collect();
    if matches!(profile.state.as_str(), "no_credential" | "refused") {
        entries.push(Entry::Text(format!("Run {}", profile.login)));
    } else {
        entries.push(Entry::item("Copy token for 30 s", Action::CopyToken { profile: name() }));
    }
    entries.push(Entry::item("Take its tokens back", Action::SignOut { profile: name() }));
    entries
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
