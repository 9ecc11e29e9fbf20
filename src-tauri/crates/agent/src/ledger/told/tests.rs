//! What was told, as its line has it: nothing too long, nothing lost without a mark.

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
