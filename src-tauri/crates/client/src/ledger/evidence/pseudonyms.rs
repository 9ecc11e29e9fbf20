//! Persons by other names: who is the same has the same one, and nobody finds out who without the salt, which
//! is made for one pack and is not in it. Names, addresses and subjects are replaced wherever they stand in a
//! line, and folders of a home lose their owner.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::Line;
use super::super::chain::digits;
use super::super::record::Person;

/// Shorter than that, a name is replaced where a person stands and nowhere else.
const SHORTEST: usize = 3;

/// Where no person can stand: the ledger's own words.
const OURS: [&str; 10] = [
    "v",
    "seq",
    "time",
    "event",
    "outcome",
    "action",
    "served",
    "transport",
    "fingerprint",
    "assertion",
];

#[derive(Clone)]
pub struct Pseudonyms {
    salt: [u8; 32],
    /// By what somebody is known (in small letters): by which name they go.
    known: BTreeMap<String, String>,
    /// By which name who goes.
    keys: BTreeMap<String, Vec<String>>,
    /// As `known`, the longest first.
    longest: Vec<(String, String)>,
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonyms {
    pub fn new(salt: [u8; 32]) -> Self {
        Self { salt, known: BTreeMap::new(), keys: BTreeMap::new(), longest: Vec::new() }
    }

    /// Whoever is on this line. All lines first: a person is named on one line and by their address on another.
    pub fn meet(&mut self, line: &Line) {
        if let Some(person) = &line.subject {
            self.meet_person(person);
        }
        if let Some(token) = line.proof.as_ref().and_then(|proof| proof.id_token.as_ref()) {
            let (iss, sub) = (token.iss.clone(), token.sub.clone());
            self.meet_person(&Person { iss, sub, ..Person::default() });
            for id in [&token.sid, &token.jti].into_iter().flatten() {
                self.meet_one("session", id);
            }
        }
        if let Some(run) = &line.run {
            for name in [&run.triggering_user, &run.signed_in_as].into_iter().flatten() {
                self.meet_one("person", name);
            }
        }
    }

    /// Something that is known by one word: a machine, the account on it.
    pub fn meet_one(&mut self, kind: &str, name: &str) {
        if !name.is_empty() && !self.known.contains_key(&name.to_lowercase()) {
            let pseudonym = self.pseudonym(kind, &[name]);
            self.know(name, pseudonym);
        }
    }

    fn meet_person(&mut self, person: &Person) {
        let Person { iss, sub, name, email } = person;
        let pseudonym = self.pseudonym("person", &[iss, sub]);
        let encoded = email.as_ref().map(|email| email.replace('@', "%40"));
        for known in [Some(sub), name.as_ref(), email.as_ref(), encoded.as_ref()] {
            if let Some(known) = known.filter(|known| !known.is_empty()) {
                self.know(known, pseudonym.clone());
            }
        }
    }

    fn know(&mut self, name: &str, pseudonym: String) {
        let is = self.known.entry(name.to_lowercase()).or_insert(pseudonym);
        let names = self.keys.entry(is.clone()).or_default();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        self.longest.clear();
    }

    fn pseudonym(&self, kind: &str, parts: &[&str]) -> String {
        let mut digest = Sha256::new_with_prefix(self.salt);
        for part in std::iter::once(&kind).chain(parts) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digits = digits(&digest.finalize());
        format!("{kind}-{}", digits.get(..12).unwrap_or_default())
    }

    /// Who goes by which name: for whoever keeps the key.
    pub fn keys(&self) -> &BTreeMap<String, Vec<String>> {
        &self.keys
    }

    /// The line with all of it replaced. `None` where it cannot be, and then it stays out.
    pub fn replace(&mut self, line: &Line) -> Option<Line> {
        let mut line = line.clone();
        if let Some(person) = &mut line.subject {
            let pseudonym = self.pseudonym("person", &[&person.iss, &person.sub]);
            (person.sub, person.name, person.email) = (pseudonym, None, None);
        }
        if let Some(token) = line.proof.as_mut().and_then(|proof| proof.id_token.as_mut()) {
            token.sub = self.pseudonym("person", &[&token.iss, &token.sub]);
            (token.sid, token.jti) = (None, None);
        }
        if let Some(run) = &mut line.run {
            for name in [&mut run.triggering_user, &mut run.signed_in_as].into_iter().flatten() {
                if let Some(pseudonym) = self.known.get(&name.to_lowercase()) {
                    name.clone_from(pseudonym);
                }
            }
        }
        let mut value = serde_json::to_value(&line).ok()?;
        self.walk(&mut value);
        serde_json::from_value(value).ok()
    }

    fn walk(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(all) => all.iter_mut().for_each(|one| self.walk(one)),
            Value::Object(all) => {
                for (name, one) in std::mem::take(all) {
                    let mut one = one;
                    let ours = OURS.contains(&name.as_str());
                    if !ours {
                        self.walk(&mut one);
                    }
                    let name = if ours { name } else { self.text(&name) };
                    all.insert(name, one);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Any text, with everybody replaced who is known by now.
    pub fn text(&mut self, text: &str) -> String {
        if self.longest.is_empty() {
            let long = self.known.iter().filter(|(name, _)| name.chars().count() >= SHORTEST);
            self.longest = long.map(|(name, other)| (name.clone(), other.clone())).collect();
            self.longest.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        let mut text = without_home(text);
        for (name, other) in &self.longest {
            text = replaced(&text, name, other);
        }
        text
    }
}

/// Each place where the name stands by itself.
fn replaced(text: &str, name: &str, other: &str) -> String {
    let small = text.to_lowercase();
    // A letter that has another length in small: then only what is written the same is found.
    let small = if small.len() == text.len() { small } else { text.to_owned() };
    let (mut out, mut from) = (String::new(), 0);
    for (at, _) in small.match_indices(name) {
        let end = at + name.len();
        let bound = |next: Option<char>| next.is_none_or(|next| !next.is_alphanumeric());
        let alone = bound(small.get(..at).and_then(|before| before.chars().next_back()))
            && bound(small.get(end..).and_then(|after| after.chars().next()));
        if at >= from
            && alone
            && let Some(before) = text.get(from..at)
        {
            out.push_str(before);
            out.push_str(other);
            from = end;
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// `/home/alice/etl` as `/home/…/etl`.
fn without_home(text: &str) -> String {
    let mut out = text.to_owned();
    for homes in ["/home/", "/Users/", "\\Users\\"] {
        let mut parts = out.split(homes);
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(['/', '\\', ':', ';', ' ', '"', '\'']).unwrap_or(part.len());
            kept = format!("{kept}{homes}…{}", &part[end..]);
        }
        out = kept;
    }
    out
}
