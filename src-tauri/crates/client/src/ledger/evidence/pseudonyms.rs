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

/// Where no person can stand: the ledger's own words, at the top of a line. What stands deeper by such a name
/// may be a caller's.
const OURS: [&str; 10] = [
    "v",
    "seq",
    "time",
    "event",
    "outcome",
    "action",
    "served",
    "fingerprint",
    "assertion",
    "policy",
];

/// Below which folders there is one for each person.
const HOMES: [&str; 3] = ["/home/", "/users/", "\\users\\"];

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

    /// Whoever is named on this line and is not a person who signed in: these, of the whole ledger, come first
    /// ([`Self::meet_person`]), because what is known already by some name keeps it.
    pub fn meet(&mut self, line: &Line) {
        if let Some(token) = line.proof.as_ref().and_then(|proof| proof.id_token.as_ref()) {
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

    /// Something that is known by one word: a machine, the account on it. By which name it goes.
    pub fn meet_one(&mut self, kind: &str, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        if let Some(known) = self.known.get(&name.to_lowercase()) {
            return known.clone();
        }
        let pseudonym = self.pseudonym(kind, &[name]);
        self.know(name, &pseudonym);
        pseudonym
    }

    /// Somebody who signed in, by all that they are known by.
    pub fn meet_person(&mut self, person: &Person) {
        let Person { iss, sub, name, email, client: _ } = person;
        let pseudonym = self.pseudonym("person", &[iss, sub]);
        self.keys.entry(pseudonym.clone()).or_default();
        let encoded = email.as_ref().map(|email| email.replace('@', "%40"));
        for known in [Some(sub), name.as_ref(), email.as_ref(), encoded.as_ref()] {
            if let Some(known) = known.filter(|known| !known.is_empty()) {
                self.know(known, &pseudonym);
            }
        }
    }

    /// Whoever was met first is meant by a name that two have; the key names both.
    fn know(&mut self, name: &str, pseudonym: &str) {
        self.known.entry(name.to_lowercase()).or_insert_with(|| pseudonym.to_owned());
        let names = self.keys.entry(pseudonym.to_owned()).or_default();
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
        // What is no text is spelled out there, and no name is found in that.
        line.caller.executable_bytes = None;
        let executable = line.caller.executable.as_ref();
        line.caller.executable = executable.map(|path| without_home(&self.named(path), true));
        let transport = line.caller.transport.clone();
        let mut value = serde_json::to_value(&line).ok()?;
        for (name, one) in value.as_object_mut()? {
            if !OURS.contains(&name.as_str()) {
                self.walk(one, false);
            }
        }
        let mut line: Line = serde_json::from_value(value).ok()?;
        line.caller.transport = transport;
        Some(line)
    }

    /// `named`: it is of things that a caller named.
    fn walk(&mut self, value: &mut Value, named: bool) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(all) => all.iter_mut().for_each(|one| self.walk(one, named)),
            Value::Object(all) => {
                for (name, mut one) in std::mem::take(all) {
                    self.walk(&mut one, named || name == "context");
                    let name = if named { self.text(&name) } else { name };
                    all.insert(name, one);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Any text, with everybody replaced who is known by now.
    pub fn text(&mut self, text: &str) -> String {
        without_home(&self.named(text), false)
    }

    fn named(&mut self, text: &str) -> String {
        if self.longest.is_empty() {
            let long = self.known.iter().filter(|(name, _)| name.chars().count() >= SHORTEST);
            self.longest = long.map(|(name, other)| (name.clone(), other.clone())).collect();
            self.longest.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        let mut text = text.to_owned();
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

/// `/home/alice/etl` as `/home/…/etl`. `path`: it is one path and nothing else.
fn without_home(text: &str, path: bool) -> String {
    let small = text.to_ascii_lowercase();
    let (mut out, mut at) = (String::new(), 0);
    loop {
        let rest = &small[at..];
        let begins = HOMES.iter().filter_map(|homes| Some(rest.find(homes)? + homes.len()));
        let Some(begin) = begins.min() else { break };
        let slashes = rest[begin..].len() - rest[begin..].trim_start_matches(['/', '\\']).len();
        let owner = at + begin + slashes;
        out.push_str(&text[at..owner]);
        at = owner + owner_of(&text[owner..], path);
        if at > owner {
            out.push('…');
        }
    }
    out + &text[at..]
}

/// How long is the owner's name that this begins with?
fn owner_of(text: &str, path: bool) -> usize {
    let folder = text.find(['/', '\\']);
    let end = match folder {
        Some(end) if path || is_folder(&text[..end]) => end,
        None if path => text.len(),
        _ => {
            let ends = |c: char| c.is_whitespace() || "/\\:;\"'".contains(c);
            text.find(ends).unwrap_or(text.len())
        }
    };
    // A domain's folder, `/home/CORP-EU/alice`: the owner's is below it.
    let capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "-_".contains(c);
    let is_domain = end > 1 && text[..end].chars().all(capitals);
    match text.get(end + 1..) {
        Some(below) if is_domain && folder == Some(end) => end + 1 + owner_of(below, path),
        _ => end,
    }
}

/// Within a sentence: may it be the name of one folder? `Alice Liddell` and `O'Brien` may.
fn is_folder(name: &str) -> bool {
    !name.ends_with(char::is_whitespace)
        && !name.contains([':', ';', '"', '\n'])
        && !name.contains("' ")
}
