//! Verdicts that hold for the next request like it. A request is like another where all is the same that any
//! rule could see; of the time, as far as the rules speak of it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_core::policy::facts::Executable;

use super::facts::{Facts, word};
use super::judge::Answer;
use super::moments::Moments;

/// How many are remembered? All are forgotten when there are more.
const MOST: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<HashMap<Vec<u8>, Answer>>);

impl Memo {
    pub(super) fn recall(&self, key: &[u8]) -> Option<Answer> {
        self.lock().get(key).cloned()
    }

    pub(super) fn keep(&self, key: Vec<u8>, answer: Answer) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, answer);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of a request, each part with its length, so that no two are taken for one.
pub(super) fn key(facts: &Facts<'_>, moments: &Moments) -> Vec<u8> {
    let mut key = Key(Vec::with_capacity(256));
    let moment = moments.of(facts).map(|part| part.map(i64::to_le_bytes));
    moment.iter().for_each(|part| key.part(part.as_ref().map(<[u8; 8]>::as_slice)));
    key.text(Some(facts.who.as_str()));
    key.text(Some(&facts.name));
    key.text(Some(facts.action.as_str()));
    key.text(Some(facts.transport.as_str()));
    key.0.push(facts.remote.into());
    let named = [
        &facts.profile,
        &facts.connection,
        &facts.deployment,
        &facts.env,
        &facts.audience,
        &facts.upstream,
        &facts.method,
        &facts.path,
        &facts.declared.dag,
        &facts.declared.task,
        &facts.declared.run,
        &facts.declared.purpose,
    ];
    named.iter().for_each(|text| key.text(text.as_deref()));
    key.length(facts.lanes.len());
    facts.lanes.iter().for_each(|lane| key.text(lane.as_deref()));
    key.all(facts.scopes.as_ref().map(|all| all.iter().map(|one| one.as_bytes())));
    key.text(facts.reach.map(word));
    key.all(facts.signed_in.as_ref().map(|(_, groups)| groups.iter().map(|one| one.as_bytes())));
    let known = &facts.verified;
    key.number(known.uid);
    key.program(known.executable.as_ref());
    key.length(known.parents.len());
    known.parents.iter().for_each(|parent| key.program(parent.executable.as_ref()));
    key.text(known.terminal.as_deref());
    key.path(known.cwd.as_deref());
    key.text(known.cgroup.as_deref());
    key.0
}

struct Key(Vec<u8>);

impl Key {
    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&(length as u64).to_le_bytes());
    }

    fn part(&mut self, bytes: Option<&[u8]>) {
        self.0.push(bytes.is_some().into());
        if let Some(bytes) = bytes {
            self.length(bytes.len());
            self.0.extend_from_slice(bytes);
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.part(text.map(str::as_bytes));
    }

    /// As the policy sees it.
    fn path(&mut self, path: Option<&Path>) {
        self.text(path.map(Path::to_string_lossy).as_deref());
    }

    fn number(&mut self, number: Option<u32>) {
        self.part(number.map(u32::to_le_bytes).as_ref().map(<[u8; 4]>::as_slice));
    }

    fn all<'b>(&mut self, all: Option<impl ExactSizeIterator<Item = &'b [u8]>>) {
        self.0.push(all.is_some().into());
        if let Some(all) = all {
            self.length(all.len());
            all.for_each(|one| self.part(Some(one)));
        }
    }

    fn program(&mut self, program: Option<&Executable>) {
        self.path(program.map(|program| program.path.as_path()));
        if let Some(program) = program {
            self.text(program.sha256.as_deref());
            self.number(program.owner);
            self.0.push(program.only_root_writes.into());
        }
    }
}
