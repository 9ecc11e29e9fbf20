//! What the core tells, as a line has it.

use std::path::Path;

use dagpass_client::ledger::record;
use dagpass_client::ledger::{Audience, Line};
use dagpass_core::audit::{ProofNote, Record, RunNote, Served};
use dagpass_core::policy::Action;
use dagpass_core::profile::Scopes;
use dagpass_core::request::{Caller, SessionKey, Through};
use dagpass_core::runs::{Tie, Used};
use dagpass_core::time::Timestamp;
use dagpass_core::token::{Person, Stated};

use crate::outgoing_proxy::masked;

/// All but what the chain gives it.
pub(super) fn line_of(told: &Record<'_>) -> Line {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    Line {
        event: told.event.as_str().into(),
        outcome: told.outcome.as_str().into(),
        session: told.session.map(session),
        caller: record::Caller { executable_sha256: told.program.clone(), ..caller(told.caller) },
        action: told.action.map(Action::as_str).map(Into::into),
        subject: told.person.map(person),
        connection: text(told.connection),
        deployment: text(told.deployment),
        env: text(told.env),
        scopes: told.scopes.map(scopes),
        resource: text(told.resource),
        run_id: text(told.run_id),
        upstream: told.through.map(upstream),
        audience: told.audience.map(|names| Audience::Names(several(names.iter(), MOST_EACH))),
        fingerprint: text(told.fingerprint),
        assertion: text(told.assertion),
        expires_at: millis(told.expires_at),
        served: told.served.map(Served::as_str).map(Into::into),
        error: text(told.error),
        reason: text(told.reason),
        policy: text(told.policy),
        rules: told.rules.to_vec(),
        approval: text(told.approval),
        re_authenticated: told.re_authenticated.map(|by| by.to_owned().into()),
        door: text(told.door),
        count: told.count,
        first: millis(told.first),
        last: millis(told.last),
        run: told.run.as_ref().map(run),
        proof: told.proof.as_ref().map(proof),
        ..Line::default()
    }
}

fn upstream(through: &Through) -> record::Upstream {
    record::Upstream {
        name: through.upstream.clone(),
        method: short(&through.method),
        path: cut(&through.path, LONGEST_PATH),
    }
}

fn session(key: &SessionKey) -> record::Session {
    record::Session { profile: key.profile.as_str().to_owned(), connection: key.connection.clone() }
}

fn person(who: &Person) -> record::Person {
    record::Person {
        iss: short(&who.subject.iss),
        // By this the person is found.
        sub: cut(&who.subject.sub, LONGEST_SUB),
        name: who.name.as_deref().map(short),
        email: who.email.as_deref().map(short),
        client: who.is_client,
    }
}

fn scopes(scopes: &Scopes) -> Vec<String> {
    several(scopes.iter(), usize::MAX)
}

/// A program's path is bytes, and not all of them are text: those are shown with marks where they are not,
/// and stand exactly beside that.
fn caller(caller: &Caller) -> record::Caller {
    let path = caller.executable.as_deref();
    record::Caller {
        transport: caller.transport.as_str().into(),
        uid: caller.uid,
        pid: caller.pid,
        executable: path.map(|path| path.to_string_lossy().into_owned()),
        executable_bytes: path.filter(|path| path.to_str().is_none()).map(escaped),
        executable_sha256: None,
        capability: caller.capability.clone(),
        remote: caller.remote,
        lanes: caller.lanes.iter().map(ToString::to_string).collect(),
        context: caller.context.clone(),
    }
}

/// Printable ASCII as it is, each other byte and the backslash as `\\xNN`.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

fn run(note: &RunNote<'_>) -> record::Run {
    record::Run {
        kind: note.kind.as_str().into(),
        dag_id: note.dag_id.to_owned(),
        run_id: note.run_id.to_owned(),
        task_id: note.task_id.to_owned(),
        map_index: note.map_index,
        try_number: note.try_number,
        state: note.state.to_owned(),
        triggering_user: note.triggering_user.map(str::to_owned),
        signed_in_as: note.signed_in_as.map(str::to_owned),
        tokens: note.tokens.iter().map(tie).collect(),
    }
}

fn proof(note: &ProofNote<'_>) -> record::Proof {
    record::Proof {
        endpoint: note.given_by.map(|by| short(&place(&by.endpoint))),
        took_ms: note.given_by.map(|by| u64::try_from(by.took.as_millis()).unwrap_or(u64::MAX)),
        id_token: note.stated.and_then(id_token),
    }
}

fn id_token(stated: &Stated) -> Option<record::IdToken> {
    let detail = stated.detail.as_deref()?;
    let text = |text: &Option<String>| text.as_deref().map(short);
    let texts = |texts: &[String]| several(texts.iter(), MOST_EACH);
    Some(record::IdToken {
        iss: short(&detail.iss),
        sub: short(&detail.sub),
        aud: texts(&detail.aud),
        azp: text(&detail.azp),
        auth_time: stated.auth_time.map(Timestamp::as_secs),
        acr: text(&stated.acr),
        amr: texts(&detail.amr),
        sid: text(&detail.sid),
        jti: text(&detail.jti),
        alg: short(&detail.alg),
        kid: text(&detail.kid),
        at_hash: detail.at_hash,
    })
}

/// Where an endpoint is: what else its address holds may be a secret.
fn place(url: &str) -> String {
    masked(url.split(['?', '#']).next().unwrap_or_default())
}

/// How long may a word of Ping's be on the record? In bytes as they are written: no claim can make a line
/// that is longer than one may be, for what cannot be recorded is denied.
const LONGEST: usize = 512;
const LONGEST_SUB: usize = 2_048;
/// Longer than any that is sent on, escapes apart.
const LONGEST_PATH: usize = 8_192;
/// And several of them together?
const LONGEST_LIST: usize = 8_192;

pub(super) fn short(text: &str) -> String {
    cut(text, LONGEST)
}

fn cut(text: &str, most: usize) -> String {
    let mut length = 0;
    let over = text.char_indices().find(|(_, one)| {
        length += written(*one);
        length > most
    });
    over.map_or_else(|| text.to_owned(), |(end, _)| format!("{}{CUT}", &text[..end]))
}

/// As many as there is room for; that there were more is said.
fn several<T: AsRef<str>>(texts: impl Iterator<Item = T>, most: usize) -> Vec<String> {
    let (mut named, mut length) = (Vec::new(), 0);
    for text in texts {
        let text = short(text.as_ref());
        // With the quotes and the comma.
        length += text.chars().map(written).sum::<usize>() + 3;
        if named.len() == most || length > LONGEST_LIST {
            named.push(CUT.to_owned());
            break;
        }
        named.push(text);
    }
    named
}

/// Stands where something was left out.
const CUT: &str = "…";

/// How many bytes has it in a line?
const fn written(one: char) -> usize {
    match one {
        '"' | '\\' => 2,
        '\0'..='\x1f' => 6,
        one => one.len_utf8(),
    }
}

/// How many of a kind does a line name? Of tokens the newest; the count tells of all.
const MOST_EACH: usize = 32;

fn tie(tie: &Tie) -> record::Tie {
    let used =
        |used: &Used| record::Used { fingerprint: used.fingerprint.clone(), times: used.times };
    let named = tie.tokens.len().saturating_sub(MOST_EACH);
    let each: Vec<_> = tie.tokens.iter().skip(named).map(used).collect();
    record::Tie {
        session: session(&tie.session),
        connection: tie.connection.clone(),
        audience: tie.audience.clone().map(Audience::Names).unwrap_or_default(),
        fingerprint: each.last().map(|used| used.fingerprint.clone()).unwrap_or_default(),
        tokens: u32::try_from(tie.tokens.len()).unwrap_or(u32::MAX),
        times: tie.times(),
        by: tie.by.as_str().into(),
        each: if each.len() > 1 { each } else { Vec::new() },
    }
}

#[cfg(test)]
mod tests;
