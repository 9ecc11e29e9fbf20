use super::*;
use crate::fakes::{identity, profile, stored, token_set};
use crate::token::IdentitySource::{AccessTokenClaims, IdToken, Userinfo};

const NOW: i64 = 1_000_000;
const DAY: i64 = 86_400;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// What an ID token states; `told` is its `auth_time`.
fn says(told: Option<i64>) -> Stated {
    Stated { nonce: Some(Fingerprint::of("n-1")), auth_time: told.map(at), ..Stated::default() }
}

fn class(acr: &str) -> Option<Stated> {
    Some(Stated { acr: Some(acr.to_owned()), ..says(None) })
}

/// By browser, with nothing asked for.
fn asked() -> Assurance {
    Assurance::asked(&profile(), &Claim::default(), Some("n-1"), at(NOW))
}

fn by_device(asked: Assurance) -> Assurance {
    Assurance { nonce: None, ..asked }
}

fn with(proof: NewProof) -> Assurance {
    Assurance { claim: Claim { proof, accept_subject: None }, ..asked() }
}

fn max_age(secs: u64) -> Assurance {
    Assurance { max_age: Some(Duration::from_secs(secs)), ..asked() }
}

fn prompt(words: &str) -> Assurance {
    Assurance { prompt: Some(words.to_owned()), ..asked() }
}

fn acr(values: &str) -> Assurance {
    Assurance { acr_values: Some(values.to_owned()), ..asked() }
}

/// Alice, who proved a day ago who she is.
fn last() -> StoredSession {
    let who = Identity { auth_time: Some(at(NOW - DAY)), ..identity("alice") };
    StoredSession { identity: Some(who), ..stored("rt-0") }
}

fn verdict(asked: &Assurance, stated: Option<Stated>) -> &'static str {
    let set = TokenSet {
        identity: Some(identity("alice")),
        stated,
        ..token_set("at", Some("rt"), at(NOW), at(NOW + 300))
    };
    match asked.judge(&profile(), Some(&last()), &set) {
        Ok(_) => "fine",
        Err(refusal) if refusal.code == ErrorCode::InsufficientUserAuthentication => {
            let by_browser = refusal.hint.is_some_and(|hint| hint.contains("--browser"));
            if by_browser { "go by browser" } else { "unproven" }
        }
        Err(refusal) if refusal.code == ErrorCode::SubjectChanged => "another person",
        Err(_) => "not ours",
    }
}

#[test]
fn each_answer_is_judged_by_what_was_asked() {
    use NewProof::{Demanded, Wished};
    let told = |time| Some(says(Some(time)));
    let skewed = |time, skew| Some(Stated { clock_skew: Some(skew), ..says(Some(time)) });
    let table = [
        // Nothing asked for: anything will do.
        ("plain, an old session", asked(), told(NOW - DAY), "fine"),
        ("plain, no auth_time", asked(), Some(says(None)), "fine"),
        ("plain, no ID token", asked(), None, "fine"),
        // The nonce: by browser always, by device never sent, and a refresh need not repeat it.
        ("no nonce", asked(), Some(Stated { nonce: None, ..says(None) }), "not ours"),
        (
            "another nonce",
            asked(),
            Some(Stated { nonce: Some(Fingerprint::of("n-2")), ..says(None) }),
            "not ours",
        ),
        (
            "no nonce at its first refresh",
            asked(),
            Some(Stated { nonce: None, by_refresh: true, ..says(None) }),
            "fine",
        ),
        (
            "another nonce at its first refresh",
            asked(),
            Some(Stated { nonce: Some(Fingerprint::of("n-2")), by_refresh: true, ..says(None) }),
            "not ours",
        ),
        ("no nonce by device", by_device(asked()), Some(Stated::default()), "fine"),
        // `--fresh`.
        ("fresh, proven", with(Demanded), told(NOW + 30), "fine"),
        ("fresh, within the clocks' leeway", with(Demanded), told(NOW - 60), "fine"),
        ("fresh, proven before", with(Demanded), told(NOW - 61), "unproven"),
        ("fresh, no auth_time", with(Demanded), Some(says(None)), "unproven"),
        ("fresh, no ID token", with(Demanded), None, "unproven"),
        ("fresh by device, proven", by_device(with(Demanded)), told(NOW + 30), "fine"),
        (
            "fresh by device, an old session",
            by_device(with(Demanded)),
            told(NOW - DAY),
            "go by browser",
        ),
        (
            "fresh by device, no auth_time",
            by_device(with(Demanded)),
            Some(says(None)),
            "go by browser",
        ),
        ("fresh by device, no ID token", by_device(with(Demanded)), None, "go by browser"),
        // Only a deployment's wish: it is asked for, and nobody is locked out where nothing tells.
        ("wished, an old session", with(Wished), told(NOW - DAY), "fine"),
        ("wished, no ID token", by_device(with(Wished)), None, "fine"),
        // `max-age`, from the request on.
        ("15 min, proven 14 before the request", max_age(900), told(NOW - 840), "fine"),
        ("15 min, at the leeway", max_age(900), told(NOW - 960), "fine"),
        ("15 min, older", max_age(900), told(NOW - 961), "unproven"),
        ("15 min, no auth_time", max_age(900), Some(says(None)), "unproven"),
        ("15 min, no ID token", max_age(900), None, "fine"),
        ("15 min by device, older", by_device(max_age(900)), told(NOW - 961), "go by browser"),
        ("15 min by device, no auth_time", by_device(max_age(900)), Some(says(None)), "fine"),
        (
            "15 min, no auth_time at its first refresh",
            max_age(900),
            Some(Stated { by_refresh: true, ..says(None) }),
            "fine",
        ),
        // The profile's own `prompt`.
        ("prompt=login, proven", prompt("login"), told(NOW), "fine"),
        ("prompt=login, an old session", prompt("login consent"), told(NOW - DAY), "unproven"),
        ("prompt=consent, an old session", prompt("consent"), told(NOW - DAY), "fine"),
        // `acr-values`.
        ("acr as asked", acr("phr MFA"), class("MFA"), "fine"),
        ("another acr", acr("MFA"), class("pwd"), "unproven"),
        ("acr by another case", acr("MFA"), class("mfa"), "unproven"),
        ("no acr told", acr("MFA"), Some(says(None)), "fine"),
        ("acr told, none asked", asked(), class("pwd"), "fine"),
        // The server's own clock.
        ("its clock an hour ahead, proven", with(Demanded), skewed(NOW + 3_600, 3_600), "fine"),
        ("its clock an hour ahead, before", with(Demanded), skewed(NOW, 3_600), "unproven"),
        ("its clock an hour behind, proven", with(Demanded), skewed(NOW - 3_600, -3_600), "fine"),
    ];
    for (name, asked, stated, expected) in table {
        assert_eq!(verdict(&asked, stated), expected, "{name}");
    }
}

#[test]
fn a_proof_that_did_not_move_is_none() {
    let mut before = last();
    if let Some(who) = &mut before.identity {
        who.auth_time = Some(at(NOW));
    }
    for (sub, told, refused) in
        [("alice", NOW, true), ("alice", NOW + 1, false), ("bob", NOW, false)]
    {
        let mut asked = with(NewProof::Demanded);
        asked.claim.accept_subject = Some("bob".to_owned());
        let identity = Some(identity(sub));
        let set = token_set("at", None, at(NOW), at(NOW + 300));
        let set = TokenSet { identity, stated: Some(says(Some(told))), ..set };
        let judged = asked.judge(&profile(), Some(&before), &set);
        assert_eq!(judged.is_err(), refused, "{sub} {told}: {judged:?}");
    }
}

#[test]
fn what_is_asked_for_is_in_the_request() {
    use NewProof::{Demanded, Unneeded, Wished};
    let table = [
        (Unneeded, None, None, ""),
        (Unneeded, Some("consent"), Some(900), "prompt=consent max_age=900"),
        (Demanded, None, None, "prompt=login max_age=0"),
        (Wished, None, Some(900), "prompt=login max_age=0"),
        (Demanded, Some("consent"), None, "prompt=login consent max_age=0"),
        (Demanded, Some("login"), None, "prompt=login max_age=0"),
        (Demanded, Some("none"), None, "prompt=login max_age=0"),
        (
            Demanded,
            Some("select_account login consent"),
            None,
            "prompt=login select_account consent max_age=0",
        ),
    ];
    for (proof, own, age, expected) in table {
        let mut profile = profile();
        profile.prompt = own.map(str::to_owned);
        profile.max_age = age.map(Duration::from_secs);
        let claim = Claim { proof, accept_subject: None };
        let said = |nonce| {
            let wishes = Assurance::asked(&profile, &claim, nonce, at(NOW)).wishes();
            let wishes = wishes.iter().map(|(name, value)| format!("{name}={value}"));
            wishes.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(said(Some("n-1")), expected);
        assert_eq!(said(None), expected.replace("max_age=0", "max_age=1"), "by device");
    }
}

fn known(names: &[(crate::token::IdentitySource, &str)]) -> Identity {
    let ((source, sub), also) = names.split_first().unwrap();
    let also = also.iter().map(|(source, name)| (*source, (*name).to_owned())).collect();
    Identity { source: *source, also, ..identity(sub) }
}

#[test]
fn subjects_are_compared_within_one_source() {
    let table = [
        (&[(IdToken, "a")][..], &[(IdToken, "a")][..], "same"),
        (&[(IdToken, "a")], &[(IdToken, "b")], "another"),
        // They have to agree by the standard.
        (&[(IdToken, "a")], &[(Userinfo, "a")], "same"),
        (&[(IdToken, "a")], &[(Userinfo, "b")], "another"),
        // Unless this server was seen to name people differently there.
        (&[(IdToken, "a"), (Userinfo, "b")], &[(Userinfo, "b")], "same"),
        (&[(IdToken, "a"), (Userinfo, "b")], &[(Userinfo, "c")], "another"),
        // An access token has names of its own.
        (&[(IdToken, "a")], &[(AccessTokenClaims, "x")], "unknown"),
        (&[(AccessTokenClaims, "x")], &[(IdToken, "a")], "unknown"),
        (&[(IdToken, "a"), (AccessTokenClaims, "x")], &[(AccessTokenClaims, "x")], "same"),
        (&[(IdToken, "a"), (AccessTokenClaims, "x")], &[(AccessTokenClaims, "y")], "another"),
        (
            &[(IdToken, "a"), (AccessTokenClaims, "x")],
            &[(IdToken, "a"), (AccessTokenClaims, "y")],
            "same",
        ),
        (
            &[(IdToken, "a"), (AccessTokenClaims, "x")],
            &[(Userinfo, "b"), (AccessTokenClaims, "x")],
            "same",
        ),
        (
            &[(IdToken, "a"), (AccessTokenClaims, "x")],
            &[(Userinfo, "a"), (AccessTokenClaims, "y")],
            "another",
        ),
        (&[(AccessTokenClaims, "x")], &[(IdToken, "a"), (AccessTokenClaims, "x")], "same"),
    ];
    for (before, now, expected) in table {
        let got = match known(before).same_as(&known(now)) {
            Same::Yes => "same",
            Same::No { .. } => "another",
            Same::Unknown => "unknown",
        };
        assert_eq!(got, expected, "{before:?} {now:?}");
    }
    let elsewhere = Identity {
        subject: crate::profile::Subject { iss: "https://other.example".into(), sub: "a".into() },
        ..identity("a")
    };
    assert!(matches!(identity("a").same_as(&elsewhere), Same::No { .. }));
}

#[test]
fn a_person_is_known_by_every_name_and_keeps_the_one_of_the_sign_in() {
    let (by_token, by_access) =
        (&[(IdToken, "a"), (AccessTokenClaims, "x")], &[(AccessTokenClaims, "x")]);
    let again = known(by_access).remembering(Some(&known(by_token)));
    assert_eq!(again, known(&[(AccessTokenClaims, "x"), (IdToken, "a")]));
    let other = known(&[(AccessTokenClaims, "y")]).remembering(Some(&known(by_token)));
    assert_eq!(other, known(&[(AccessTokenClaims, "y")]), "nobody takes another's names");
    let renewed = known(by_token).renewing(&known(by_access));
    assert_eq!(renewed, known(&[(AccessTokenClaims, "x"), (IdToken, "a")]));
}

#[test]
fn a_refresh_is_judged_by_its_session() {
    let nonce = |text| Some(Fingerprint::of(text));
    let proven = |time: i64| Stated { auth_time: Some(at(time)), ..Stated::default() };
    let table = [
        ("alice", Stated::default(), "renewed"),
        ("alice", proven(NOW - DAY), "renewed"),
        ("alice", proven(NOW), "renewed"),
        ("alice", proven(NOW - DAY - 1), "disbelieved"),
        ("alice", Stated { nonce: nonce("n-1"), ..proven(NOW) }, "renewed"),
        ("alice", Stated { nonce: nonce("n-2"), ..proven(NOW) }, "set aside"),
        ("mallory", proven(NOW), "another person"),
        ("mallory", Stated { nonce: nonce("n-2"), ..proven(NOW) }, "another person"),
    ];
    for (sub, stated, expected) in table {
        let session = StoredSession { nonce: nonce("n-1"), ..last() };
        let set = token_set("at", None, at(NOW), at(NOW + 300));
        let set = TokenSet { identity: Some(identity(sub)), stated: Some(stated.clone()), ..set };
        let got = match renewed(&session, set) {
            Err(TokenFailure::SubjectChanged { now }) if now == sub => "another person",
            Err(failure) => panic!("{failure:?}"),
            Ok(TokenSet { disbelieved: Some(_), identity: None, .. }) => "disbelieved",
            Ok(TokenSet { identity: None, .. }) => "set aside",
            Ok(_) => "renewed",
        };
        assert_eq!(got, expected, "{sub} {stated:?}");
    }
}
