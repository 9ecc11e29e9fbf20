//! What the machine's config locks: a value of the person's that is another one is named with its place, whose
//! lock it is, and the way out. The same value is no fault. Compares tables; what a value means is `check`'s.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{Check, Reading};
use super::handed_out::is_secret;
use super::managed::Managed;
use super::raw::{RawConfig, RawProfile};
use super::section::{At, Place, Problems, Table, join};
use super::words::nearest;
use crate::outgoing_proxy::masked;

pub(super) const LOCKED: &str = "locked";

/// Keys of the whole config that can be locked: each with all that is below it.
pub(super) const WHOLE: [&str; 18] = [
    "default-profile",
    "proxy",
    "no-proxy",
    "ca-file",
    "connection-hosts",
    "endpoint",
    "store",
    "notifications",
    "logout",
    "approvals",
    "audit",
    "policy",
    "profile",
    "connection",
    "env",
    "airflow",
    "lane",
    "upstream",
];
/// Keys that a profile takes from the whole config where it has none.
const NETWORK: [&str; 3] = ["proxy", "no-proxy", "ca-file"];
/// Where an issuer is, in other words.
const OF_ISSUER: [&str; 2] = ["endpoints", "verification-hosts"];

/// Of a key whose value is another than the machine's.
const THEIRS: &str = "take the line out, and what the administrator set holds; whoever administers this machine \
                      may set another";
const NONE: &str = "take it out; whoever administers this machine may set one";

impl Check<'_> {
    /// `locked` itself: of the machine's config alone, and of keys that are there.
    pub(super) fn locked(&mut self, at: Option<&At<Vec<String>>>, raw: &RawConfig) {
        let Some(at) = at else { return };
        if !matches!(self.reading, Reading::Machines) {
            let hint = "take it out: nobody locks a key against themselves";
            self.problems.add_hint(&at.place, "is for the machine's own config alone", hint);
            return;
        }
        let profile = RawProfile::keys();
        let known = || WHOLE.into_iter().chain(profile.iter().map(String::as_str));
        for name in &at.value {
            if !known().any(|one| one == name) {
                let message = format!("there is no key `{name}` to lock");
                let hint = match nearest(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "a key of the whole config, or of a profile, by its own name".to_owned()
                    }
                };
                self.problems.add_hint(&at.place, message, hint);
            }
            let of_profile = profile.contains(name) && !NETWORK.contains(&name.as_str());
            if of_profile && raw.profile.is_empty() {
                let message = format!("locks `{name}` of profiles, and has no profile");
                let hint = "write the profile that everybody signs in with, as [profile.NAME]";
                self.problems.add_hint(&at.place, message, hint);
            }
            if name == "connection-hosts" && raw.connection_hosts.is_none() {
                let hint =
                    "set `connection-hosts`: [\"warehouse.corp.example\", \"*.corp.example\"]";
                self.problems.add_hint(&at.place, "locks `connection-hosts`, and has none", hint);
            }
        }
    }

    /// Is that key the machine's alone to set, where this is not the machine's own value?
    pub(super) fn is_locked(&self, key: &str, place: &Place) -> bool {
        let managed = self.reading.managed();
        managed.is_some_and(|managed| managed.locks(key)) && self.problems.is_own(place)
    }
}

/// The tables of a person's config and of the machine's.
pub(super) struct Locks<'a, 't> {
    pub(super) own: &'a DeTable<'t>,
    pub(super) theirs: &'a DeTable<'t>,
    pub(super) managed: &'a Managed,
    /// Of the person's config.
    pub(super) folder: &'a Path,
    pub(super) problems: &'a mut Problems<'t>,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Locks<'_, '_> {
    pub(super) fn check(mut self) {
        let names: Vec<&str> = self.managed.locked.iter().map(String::as_str).collect();
        let has = |name: &str| names.contains(&name);
        // An environment's connections overlay the others, and an upstream is where a token goes as well.
        let with_connections =
            |name: &str| has("connection") && ["env", "upstream"].contains(&name);
        for name in WHOLE.into_iter().filter(|name| has(name) || with_connections(name)) {
            let place = Place { key: name.to_owned(), offset: 0 };
            self.as_theirs(place, self.own.get(name), self.theirs.get(name));
        }
        let mut keys = RawProfile::keys();
        keys.retain(|key| has(key) || (has("issuer") && OF_ISSUER.contains(&key.as_str())));
        if !keys.is_empty() {
            self.profiles(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        }
        if has("client-id") {
            self.clients();
        }
    }

    /// `place` has the key alone; where it was typed is the value's.
    fn as_theirs(&mut self, place: Place, own: Option<&Value<'_>>, theirs: Option<&Value<'_>>) {
        let Some(own) = own else { return };
        let place = Place { offset: own.span().start, ..place };
        match (own.get_ref(), theirs.map(Spanned::get_ref)) {
            (DeValue::Table(own), Some(DeValue::Table(theirs))) => {
                for (key, value) in own {
                    let below = place.missing(key.get_ref());
                    self.as_theirs(below, Some(value), theirs.get(key.get_ref().as_ref()));
                }
            }
            (DeValue::Table(own), None) if own.is_empty() => {}
            (own, Some(theirs)) if self.is_same(&place.key, own, theirs) => {}
            (_, theirs) => self.differs(&place, theirs),
        }
    }

    fn profiles(&mut self, keys: &[&str]) {
        let models = tables(self.theirs, "profile");
        for (name, at, table) in tables(self.own, "profile") {
            let place = Place { key: join("profile", name), offset: at };
            match models.iter().find(|(other, ..)| *other == name) {
                Some((.., model)) => {
                    for key in keys {
                        let whole = self.theirs.get(*key).filter(|_| NETWORK.contains(key));
                        let theirs = model.get(*key).or(whole);
                        self.as_theirs(place.missing(key), table.get(*key), theirs);
                    }
                }
                None => self.own_profile(&place, table, (keys, &models)),
            }
        }
    }

    /// A profile that the machine's config does not have is in all locked keys like one that it has.
    fn own_profile(
        &mut self,
        place: &Place,
        table: &DeTable<'_>,
        (keys, models): (&[&str], &[(&str, usize, &DeTable<'_>)]),
    ) {
        let key_of = |key: &str| join(&place.key, key);
        let (network, keys): (Vec<&str>, Vec<&str>) =
            keys.iter().partition(|key| NETWORK.contains(key));
        for key in network {
            let Some(own) = table.get(key) else { continue };
            let set = models.iter().map(|(.., model)| model.get(key)).chain([self.theirs.get(key)]);
            let is_same =
                |one: &Value<'_>| self.is_same(&key_of(key), own.get_ref(), one.get_ref());
            if !set.flatten().any(is_same) {
                let theirs = self.theirs.get(key).map(Spanned::get_ref);
                self.differs(&place.below(key, own.span().start), theirs);
            }
        }
        let is_like = |model: &DeTable<'_>, key: &str| match (table.get(key), model.get(key)) {
            (Some(own), Some(theirs)) => {
                self.is_same(&key_of(key), own.get_ref(), theirs.get_ref())
            }
            (own, theirs) => own.is_none() && theirs.is_none(),
        };
        if models.iter().any(|(.., model)| keys.iter().all(|key| is_like(model, key))) {
            return;
        }
        let is_nobodys = |key: &&&str| !models.iter().any(|(.., model)| is_like(model, key));
        let offset = |key: &str| table.get(key).map_or(place.offset, |value| value.span().start);
        let (place, which) = match keys.iter().find(is_nobodys) {
            Some(key) => (place.below(key, offset(key)), "this"),
            None => (place.clone(), "all that is locked"),
        };
        let file = self.managed.path.display();
        let message = format!("is locked by {file}, and none of its profiles has {which} so");
        let names: Vec<String> = models.iter().map(|(name, ..)| format!("`{name}`")).collect();
        let hint = format!(
            "have it as {} there, or take the profile out; whoever administers this machine may add one",
            names.join(" or ")
        );
        self.problems.add_hint(&place, message, hint);
    }

    /// A connection that signs in by itself may have a client of its own: one that the machine's config names.
    fn clients(&mut self) {
        let mut named = Vec::new();
        let profiles = tables(self.theirs, "profile").into_iter().map(|(.., table)| table);
        for table in profiles.chain(connections(self.theirs).into_iter().map(|(_, table)| table)) {
            named.extend(table.get("client-id").and_then(|id| id.get_ref().as_str()));
        }
        let mut others = Vec::new();
        for (key, table) in connections(self.own) {
            let Some(id) = table.get("client-id") else { continue };
            if id.get_ref().as_str().is_none_or(|id| !named.contains(&id)) {
                let place = Place { key, offset: 0 };
                others.push(place.below("client-id", id.span().start));
            }
        }
        let file = self.managed.path.display().to_string();
        for place in others {
            let message = format!("is locked by {file}, which names no such client");
            self.problems.add_hint(&place, message, THEIRS);
        }
    }

    fn differs(&mut self, place: &Place, theirs: Option<&DeValue<'_>>) {
        let file = self.managed.path.display();
        let (message, hint) = match theirs {
            Some(theirs) => {
                (format!("is locked by {file}, which has {}", told(&place.key, theirs)), THEIRS)
            }
            None => (format!("is locked by {file}, which has none"), NONE),
        };
        self.problems.add_hint(place, message, hint);
    }

    /// A path is where it leads from the folder of its own file.
    fn is_same(&self, key: &str, own: &DeValue<'_>, theirs: &DeValue<'_>) -> bool {
        if let (true, Some(own), Some(theirs)) = (is_path(key), own.as_str(), theirs.as_str()) {
            return self.folder.join(own) == self.managed.folder().join(theirs);
        }
        match (own, theirs) {
            (DeValue::String(own), DeValue::String(theirs)) => own == theirs,
            (DeValue::Integer(own), DeValue::Integer(theirs)) => number(own) == number(theirs),
            (DeValue::Float(own), DeValue::Float(theirs)) => own.as_str() == theirs.as_str(),
            (DeValue::Boolean(own), DeValue::Boolean(theirs)) => own == theirs,
            (DeValue::Datetime(own), DeValue::Datetime(theirs)) => own == theirs,
            (DeValue::Array(own), DeValue::Array(theirs)) => {
                let pairs = own.iter().zip(theirs.iter());
                own.len() == theirs.len()
                    && pairs.into_iter().all(|(a, b)| self.is_same("", a.get_ref(), b.get_ref()))
            }
            (DeValue::Table(own), DeValue::Table(theirs)) => {
                let same = |(name, value): (&Spanned<_>, &Value<'_>)| {
                    let name: &std::borrow::Cow<'_, str> = name.get_ref();
                    let theirs = theirs.get(name.as_ref());
                    theirs.is_some_and(|other| self.is_same("", value.get_ref(), other.get_ref()))
                };
                own.len() == theirs.len() && own.iter().all(same)
            }
            (_, _) => false,
        }
    }
}

fn number(digits: &toml::de::DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok()
}

fn is_path(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    matches!(key, "policy.file" | "store.key-file")
        || last == "ca-file"
        || (last == "roles-file" && key.starts_with("airflow."))
}

/// The tables by name, and where each begins.
fn tables<'a, 't>(root: &'a DeTable<'t>, key: &str) -> Vec<(&'a str, usize, &'a DeTable<'t>)> {
    let all = root.get(key).and_then(|value| value.get_ref().as_table());
    let one = |(name, value): (&'a Spanned<std::borrow::Cow<'t, str>>, &'a Value<'t>)| {
        Some((name.get_ref().as_ref(), value.span().start, value.get_ref().as_table()?))
    };
    all.into_iter().flatten().filter_map(one).collect()
}

/// By their keys, those of every environment too.
fn connections<'a, 't>(root: &'a DeTable<'t>) -> Vec<(String, &'a DeTable<'t>)> {
    let within = |above: String, root: &'a DeTable<'t>| {
        let all = tables(root, "connection").into_iter();
        all.map(move |(name, _, table)| (join(&join(&above, "connection"), name), table))
    };
    let environments = tables(root, "env").into_iter();
    let overlaid = environments.flat_map(|(name, _, env)| within(join("env", name), env));
    within(String::new(), root).chain(overlaid).collect()
}

/// For a person's eyes, and for a ticket.
fn told(key: &str, value: &DeValue<'_>) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    match value {
        DeValue::String(text) if last == "proxy" => format!("`{}`", masked(text)),
        DeValue::String(text) if !is_secret(last, text) => format!("`{text}`"),
        DeValue::Integer(number) => format!("`{number}`"),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => "another".to_owned(),
    }
}
