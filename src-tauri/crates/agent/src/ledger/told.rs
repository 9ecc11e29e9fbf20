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
mod tests {
    use dagpass_core::audit::{Event, Outcome};
    use dagpass_core::request::SessionKey;
    use dagpass_core::runs::{RunKind, Tied};

    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_shown_lossily_and_recorded_exactly() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        for (bytes, shown, exact) in [
            (&b"/usr/bin/python3"[..], "/usr/bin/python3", None),
            ("/opt/caf\u{e9}".as_bytes(), "/opt/caf\u{e9}", None),
            (b"/opt/caf\xe9", "/opt/caf\u{fffd}", Some("/opt/caf\\xe9")),
            (b"/o\\xe9\xff", "/o\\xe9\u{fffd}", Some("/o\\x5cxe9\\xff")),
        ] {
            let executable = Some(Path::new(OsStr::from_bytes(bytes)).to_owned());
            let told = caller(&Caller { pid: Some(7), executable, ..Caller::default() });
            assert_eq!(told.executable.as_deref(), Some(shown));
            assert_eq!(told.executable_bytes.as_deref(), exact);
            assert_eq!(told.pid, Some(7));
        }
    }

    #[test]
    fn what_is_not_known_is_not_on_the_line_and_an_opaque_audience_is_said_to_be_that() {
        let nobody = Caller::default();
        let bare = serde_json::to_string(&line_of(&Record::new(Event::Run, Outcome::Ok, &nobody)));
        let bare = bare.unwrap();
        let end = r#""event":"run","outcome":"ok","caller":{"transport":"socket"}}"#;
        assert!(bare.ends_with(end), "{bare}");
        let token = |audience| Tie {
            session: SessionKey::of("prod"),
            connection: None,
            audience,
            tokens: vec![Used { fingerprint: "f".into(), times: 1 }],
            by: Tied::Context,
        };
        let mut told = Record::new(Event::Run, Outcome::Ok, &nobody);
        let tokens = [token(None), token(Some(vec!["https://lake".into()]))];
        told.run = Some(RunNote {
            kind: RunKind::Task,
            dag_id: "etl",
            run_id: "r",
            task_id: "load",
            map_index: None,
            try_number: None,
            state: "success",
            triggering_user: None,
            signed_in_as: None,
            tokens: &tokens,
        });
        let text = serde_json::to_string(&line_of(&told)).unwrap();
        assert!(text.contains(r#""audience":"not visible""#), "{text}");
        assert!(text.contains(r#""audience":["https://lake"]"#), "{text}");
        assert_eq!(Line::parse(&text), Some(line_of(&told)));
    }

    #[test]
    fn a_sign_in_says_what_it_rests_on() {
        use dagpass_core::token::{GivenBy, IdTokenDetail};
        use std::time::Duration;
        let given_by = GivenBy {
            endpoint: "https://me:word@sso/as/token?key=1#a".into(),
            took: Duration::from_millis(41),
        };
        let stated = Stated {
            acr: Some("Multi_Factor".into()),
            auth_time: Some(Timestamp::from_secs(1_795_500_000)),
            detail: Some(Box::new(IdTokenDetail {
                iss: "https://sso".into(),
                sub: "7f3a".into(),
                aud: vec!["agent".into()],
                amr: vec!["pwd".into(), "mfa".into()],
                jti: Some("j".repeat(9_000)),
                alg: "RS256".into(),
                kid: Some("k1".into()),
                at_hash: true,
                ..IdTokenDetail::default()
            })),
            ..Stated::default()
        };
        let nobody = Caller::default();
        let mut told = Record::new(Event::SignIn, Outcome::Ok, &nobody);
        told.proof = Some(ProofNote { stated: Some(&stated), given_by: Some(&given_by) });
        let mut line = line_of(&told);
        let jti = line.proof.as_mut().unwrap().id_token.as_mut().unwrap().jti.take().unwrap();
        assert_eq!(jti.chars().count(), LONGEST + 1);
        let text = serde_json::to_string(&line).unwrap();
        let proof = r#""proof":{"endpoint":"https://***@sso/as/token","took_ms":41,"id_token":{"iss":"https://sso","sub":"7f3a","aud":["agent"],"auth_time":1795500000,"acr":"Multi_Factor","amr":["pwd","mfa"],"alg":"RS256","kid":"k1","at_hash":true}}"#;
        assert!(text.contains(proof), "{text}");
        assert_eq!(Line::parse(&text), Some(line));
    }

    #[test]
    fn no_claim_makes_a_line_that_is_too_long_and_what_is_left_out_is_marked() {
        use dagpass_core::profile::Subject;
        use dagpass_core::token::IdTokenDetail;
        for one in ["a", "\u{1}", "\"", "\u{1f511}"] {
            let huge = one.repeat(4_000);
            let many: Vec<String> = (0..400).map(|n| format!("{n}{huge}")).collect();
            let text = || Some(huge.clone());
            let stated = Stated {
                acr: text(),
                detail: Some(Box::new(IdTokenDetail {
                    iss: huge.clone(),
                    sub: huge.clone(),
                    aud: many.clone(),
                    azp: text(),
                    amr: many.clone(),
                    sid: text(),
                    jti: text(),
                    alg: huge.clone(),
                    kid: text(),
                    ..IdTokenDetail::default()
                })),
                ..Stated::default()
            };
            let who = Person {
                subject: Subject { iss: huge.clone(), sub: huge.clone() },
                name: text(),
                email: text(),
                is_client: false,
            };
            let scopes: Scopes = many.iter().map(|one| one.replace(['"', '\u{1}'], "b")).collect();
            let nobody = Caller::default();
            let mut told = Record::new(Event::SignIn, Outcome::Ok, &nobody);
            told.person = Some(&who);
            told.scopes = Some(&scopes);
            told.audience = Some(&many);
            told.proof = Some(ProofNote { stated: Some(&stated), given_by: None });
            let line = line_of(&told);
            let length = serde_json::to_string(&line).unwrap().len();
            assert!(length < 40_000, "{length} bytes of {one:?}");
            let subject = line.subject.unwrap();
            assert!(subject.sub.ends_with(CUT) && subject.sub.len() > LONGEST / 6, "{one:?}");
            assert_eq!(line.scopes.unwrap().last().unwrap(), CUT);
            let Some(Audience::Names(names)) = line.audience else { panic!("{one:?}") };
            assert_eq!(names.last().unwrap(), CUT);
        }
        let whole = ["lake".to_owned(), "etl".to_owned()];
        assert_eq!(several(whole.iter(), MOST_EACH), whole);
        let many = vec!["a"; MOST_EACH];
        assert_eq!(several(many.iter(), MOST_EACH), many);
    }

    #[test]
    fn each_of_several_tokens_is_named_with_its_count_and_no_task_makes_a_line_too_long() {
        let of = |count: u32| {
            let one = |n| Used { fingerprint: format!("f{n}"), times: n };
            tie(&Tie {
                session: SessionKey::of("prod"),
                connection: None,
                audience: None,
                tokens: (1..=count).map(one).collect(),
                by: Tied::Context,
            })
        };
        assert_eq!((of(1).fingerprint.as_str(), of(1).times, of(1).each.len()), ("f1", 1, 0));
        let three = of(3);
        let each: Vec<_> =
            three.each.iter().map(|used| (used.fingerprint.as_str(), used.times)).collect();
        assert_eq!(each, [("f1", 1), ("f2", 2), ("f3", 3)]);
        assert_eq!((three.fingerprint.as_str(), three.tokens, three.times), ("f3", 3, 6));
        let many = of(2_000);
        assert_eq!((many.tokens, many.each.len()), (2_000, MOST_EACH));
        assert_eq!(many.each[MOST_EACH - 1].fingerprint, "f2000");
    }
}
