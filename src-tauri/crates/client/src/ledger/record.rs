//! A line of the ledger: what each version of an agent wrote, in one type. The line as it stands in the file is the
//! record; this reads it and writes it, and what is read and written again is the same text. A line that
//! is older lacks what came later.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which kind of line does an agent write now?
pub const VERSION: u32 = 2;

/// What stands on the record for the audience of an opaque token: never a guess.
pub const NOT_VISIBLE: &str = "not visible";

/// A word of a list that a newer agent's may be longer than.
pub type Word = Cow<'static, str>;

/// One event with all that is known of it. Never a token: its fingerprint alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// 1: without salt, and of a person `iss` and `sub` alone. 2: as here.
    pub v: u32,
    /// Counted from 1.
    pub seq: u64,
    /// UTC with milliseconds (RFC 3339).
    pub time: String,
    /// SHA-256 of the line before without its newline, in hex.
    pub prev: String,
    /// 16 random bytes, base64url: who knows the hash of a line that is gone cannot find the line by trying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    pub event: Word,
    /// `ok`, `denied` or `failed`.
    pub outcome: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    pub caller: Caller,
    /// Of a decision: what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Word>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The Airflow deployment, by its name in the config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The environment that the connection was looked up in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// RFC 8707, as it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Of a run that is begun or ended: its capability's public name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Of a request that the agent sent on: to which upstream, and what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// `aud` of the token where it can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// SHA-256 of the token, first 16 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Fingerprint of the token it was exchanged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion: Option<String>,
    /// End of the token, epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Of an `issue`: where the token came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<Word>,
    /// A standard's error code, where the outcome is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a decision by policy: SHA-256 of what was in force, first 16 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The `@id`s of the rules that decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The approval that was asked for, answered, or that it was permitted by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Of an `approval-answered` that is not no: by whom the system had the person prove who they are
    /// (`polkit`), or `no`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub re_authenticated: Option<Word>,
    /// Of a `refused`: which door was knocked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// Where one line stands for many: how many, the first and the last of them (epoch milliseconds).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// What Airflow's listener told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Of a `sign-in`: what it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// Whose sign-in the token comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    pub profile: String,
    /// The connection that has a sign-in of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

/// Who signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    pub iss: String,
    pub sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// It is no person but the client, and `sub` its id.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub client: bool,
}

/// The process that asks, as the agent saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caller {
    pub transport: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its program's path, with marks where that is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// The path exactly, where it is no text: printable ASCII as it is, other bytes and the backslash as `\xNN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable_bytes: Option<String>,
    /// Of an `issue`: SHA-256 of that program, where the system shows which file it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executable_sha256: Option<String>,
    /// Which capability it presented: a public identifier, not the capability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability: Option<String>,
    /// It runs on another machine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
    /// The lanes whose share it has: several where what is seen of it disagrees, `?` where it may be in any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<String>,
    /// What it says of itself (DAG, task, run). Recorded, never decided on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

/// A request to an upstream of the config, by the bytes that were sent; without its query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Upstream {
    pub name: String,
    pub method: String,
    pub path: String,
}

/// A run or task of Airflow's, with the tokens that were served to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// `task` or `dag`.
    pub kind: Word,
    pub dag_id: String,
    pub run_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub task_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_number: Option<u32>,
    pub state: String,
    /// As Airflow has it; in `dags test` the operating system's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggering_user: Option<String>,
    /// The person whose sign-in the tokens come from: name, address or `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_in_as: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Tie>,
}

/// What a sign-in rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// The token endpoint that gave it, and how long that took to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// `None` where no ID token came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<IdToken>,
}

/// What a genuine ID token states, and how it was signed; never the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdToken {
    pub iss: String,
    pub sub: String,
    pub aud: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azp: Option<String>,
    /// Epoch seconds by the server's clock, as the token has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    pub alg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// Was it bound to its access token?
    pub at_hash: bool,
}

/// What a task was served of one kind: session, connection, audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tie {
    pub session: Session,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    pub audience: Audience,
    /// The newest token's.
    pub fingerprint: String,
    /// How many tokens of this kind, and how often they were asked for.
    pub tokens: u32,
    pub times: u32,
    /// How we know: `context`, `process` or `run`.
    pub by: Word,
    /// Where there are several: each by itself, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<Used>,
}

/// One token, and how often it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Used {
    pub fingerprint: String,
    pub times: u32,
}

/// Whom a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    Names(Vec<String>),
    /// [`NOT_VISIBLE`]; one name alone where a line has it so.
    Text(Word),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Text(Word::Borrowed(NOT_VISIBLE))
    }
}

impl Line {
    /// As it stands in a file. `None`: it is no record, but what a crash cut short.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As agents wrote it before the line had a type of its own, and before that.
    const RELEASED: [&str; 2] = [
        include_str!("../../../../../tests/cases/released/ledger.jsonl"),
        include_str!("../../../../../tests/cases/released/ledger-v1.jsonl"),
    ];

    #[test]
    fn every_line_of_a_released_agent_is_read_and_written_as_it_was() {
        let mut read = 0;
        for text in RELEASED.iter().flat_map(|file| file.lines()) {
            let Some(line) = Line::parse(text) else {
                assert!(!text.ends_with('}'), "{text}");
                continue;
            };
            assert_eq!(line.v, 1);
            assert_eq!(serde_json::to_string(&line).unwrap(), text);
            read += 1;
        }
        assert_eq!(read, 11 + 18);
    }

    #[test]
    fn what_a_newer_agent_says_besides_does_not_keep_a_line_from_being_read() {
        let line =
            Line::parse(r#"{"v":9,"seq":7,"event":"blessed","new":{"a":1},"caller":{"via":"x"}}"#);
        let line = line.unwrap();
        assert_eq!((line.v, line.seq, &*line.event), (9, 7, "blessed"));
        assert_eq!(Line::parse(r#"{"v":1,"seq":2,"ti"#), None);
        assert_eq!(Line::parse("7"), None);
    }
}
