use super::*;
use serde_json::json;

/// 2026-11-24T19:28:51Z.
const NOW: i64 = 1_795_548_531;
const BOTH: Wishes = Wishes { sign_in: true, session_end: true };

/// A day of one person: what is seen at which second, and what is shown for it.
struct Day {
    alerts: Alerts,
    wishes: Wishes,
}

impl Day {
    fn new(wishes: Wishes) -> Self {
        Self { alerts: Alerts::default(), wishes }
    }

    fn see(&mut self, at: i64, seen: Seen<'_>) -> Vec<String> {
        let moment = Moment { now: NOW + at, zone: &TimeZone::UTC, wishes: self.wishes };
        let shown = |deed: Deed| match deed {
            Deed::Show(notice) => notice.title,
            Deed::Withdraw(Key::SignIn { issuer }) => format!("- {issuer}"),
            Deed::Withdraw(other) => format!("- {other:?}"),
            Deed::AskOutlook { dag_id } => format!("? {dag_id}"),
        };
        self.alerts.see(seen, &moment).into_iter().map(shown).collect()
    }

    fn status(&mut self, at: i64, profiles: &[Value]) -> Vec<String> {
        let status = json!({
            "agent": {
                "version": "0.1.0", "pid": 7, "started_at": 1, "socket": "/a", "tcp_port": 1,
                "paused": false, "store": "secret-service", "store_state": "ok",
                "config_path": "/c", "default_profile": "prod"
            },
            "profiles": profiles
        });
        let status: Status = serde_json::from_value(status).unwrap();
        self.see(at, Seen::Status(&status))
    }

    fn record(&mut self, at: i64, record: Value) -> Vec<String> {
        self.see(at, Seen::Record(&record))
    }

    fn refused(&mut self, at: i64) -> Vec<String> {
        self.record(at, asked("failed", "use"))
    }
}

fn profile(name: &str, state: &str) -> Value {
    json!({ "name": name, "issuer": "https://p", "client_id": "c", "state": state, "scopes": [],
            "signed_in_at": NOW - 9000,
            "horizons": { "access_token": {"source": "none"}, "refresh_token": {"source": "none"},
                          "session": {"source": "none"} } })
}

fn ending(refresh: Option<i64>, session: Option<i64>) -> Value {
    let mut one = profile("prod", "signed_in");
    one["horizons"]["refresh_token"]["at"] = json!(refresh.map(|at| NOW + at));
    one["horizons"]["session"]["at"] = json!(session.map(|at| NOW + at));
    one
}

fn asked(outcome: &str, purpose: &str) -> Value {
    json!({ "event": "issue", "outcome": outcome, "error": "login_required",
            "session": {"profile": "prod"}, "caller": {"context": {"purpose": purpose}} })
}

const CALLED: [&str; 1] = ["Sign in to prod"];
const NOTHING: [&str; 0] = [];

#[test]
fn twenty_callers_and_two_profiles_of_one_issuer_make_one_notice() {
    let mut day = Day::new(BOTH);
    let over = [profile("prod", "login_required"), profile("dev", "login_required")];
    assert_eq!(day.status(0, &over), NOTHING, "the agent has just started, nobody asks");
    assert_eq!(day.refused(1), CALLED);
    for at in 2..22 {
        assert_eq!(day.refused(at), NOTHING);
    }
    let mut dev = asked("failed", "use");
    dev["session"]["profile"] = json!("dev");
    assert_eq!(day.record(30, dev), NOTHING, "one an issuer");
    assert_eq!(day.status(40, &over), NOTHING);
}

#[test]
fn an_end_is_told_where_the_session_was_in_use() {
    for (case, purpose, shown) in
        [("used", "use", &CALLED[..]), ("parsed", "dag-parse", &[]), ("tried", "try", &[])]
    {
        let mut day = Day::new(BOTH);
        day.status(0, &[profile("prod", "signed_in")]);
        assert_eq!(day.record(1, asked("ok", purpose)), NOTHING);
        let ended = day.status(10, &[profile("prod", "login_required")]);
        assert_eq!(ended, shown, "{case}");
        assert_eq!(day.record(11, asked("failed", purpose)), NOTHING, "{case}");
    }
    let mut long_ago = Day::new(BOTH);
    long_ago.status(0, &[profile("prod", "signed_in")]);
    long_ago.record(1, asked("ok", "use"));
    assert_eq!(long_ago.status(IN_USE + 1, &[profile("prod", "login_required")]), NOTHING);
}

#[test]
fn a_notice_goes_when_somebody_signs_in_and_comes_again_at_the_next_end() {
    let mut day = Day::new(BOTH);
    day.status(0, &[profile("prod", "login_required")]);
    assert_eq!(day.refused(1), CALLED);
    assert_eq!(day.status(2, &[profile("prod", "signing_in")]), ["- https://p"]);
    assert_eq!(day.refused(3), NOTHING, "somebody is at it");
    assert_eq!(day.status(4, &[profile("prod", "signed_in")]), NOTHING);
    assert_eq!(day.status(5, &[profile("prod", "login_required")]), CALLED);
}

#[test]
fn who_was_refused_before_the_sign_in_and_is_told_after_it_calls_nobody() {
    let mut day = Day::new(BOTH);
    day.status(0, &[profile("prod", "login_required")]);
    assert_eq!(day.refused(1), CALLED);
    assert_eq!(day.status(2, &[profile("prod", "signed_in")]), ["- https://p"]);
    let mut counted = asked("failed", "use");
    counted["count"] = json!(19);
    assert_eq!(day.record(11, counted), NOTHING);
}

#[test]
fn a_program_that_asks_every_few_seconds_for_hours_calls_again_after_a_while() {
    let mut day = Day::new(BOTH);
    day.status(0, &[profile("prod", "login_required")]);
    assert_eq!(day.refused(1), CALLED);
    let closed = Answer::Closed(Key::SignIn { issuer: "https://p".into() });
    day.see(2, Seen::Answer(&closed));
    let mut counted = asked("failed", "use");
    counted["count"] = json!(4);
    let mut called = Vec::new();
    for at in (11..3 * REMIND).step_by(10) {
        if day.record(at, counted.clone()) == CALLED {
            called.push(at);
            day.see(at + 1, Seen::Answer(&closed));
        }
    }
    assert_eq!(called.len(), 2, "once an hour: {called:?}");
}

#[test]
fn who_closes_it_is_left_alone_for_a_while() {
    let mut day = Day::new(BOTH);
    day.status(0, &[profile("prod", "login_required")]);
    day.refused(1);
    let closed = Answer::Closed(Key::SignIn { issuer: "https://p".into() });
    assert_eq!(day.see(2, Seen::Answer(&closed)), NOTHING);
    assert_eq!(day.refused(3), NOTHING);
    assert_eq!(day.refused(REMIND + 1), NOTHING);
    assert_eq!(day.refused(REMIND + 2), CALLED);
}

#[test]
fn who_signs_out_means_it() {
    let mut day = Day::new(BOTH);
    day.status(0, &[profile("prod", "signed_in")]);
    let event =
        |event: &str| json!({ "event": event, "outcome": "ok", "session": {"profile": "prod"} });
    day.record(1, event("sign-out"));
    day.status(2, &[profile("prod", "signed_out")]);
    assert_eq!(day.refused(3), NOTHING);
    day.record(4, event("sign-in"));
    assert_eq!(day.status(5, &[profile("prod", "login_required")]), CALLED);
}

#[test]
fn a_session_s_end_is_told_once_a_quarter_of_an_hour_ahead() {
    let table: [(&str, Option<i64>, Option<i64>, bool); 6] = [
        ("far", Some(AHEAD + 100), None, false),
        ("the refresh token's", Some(AHEAD), None, true),
        ("the session's comes first", Some(90_000), Some(60), true),
        ("nothing tells", None, None, false),
        ("over", Some(-5), None, false),
        ("now", Some(0), None, false),
    ];
    for (case, refresh, session, told) in table {
        let mut day = Day::new(BOTH);
        let shown = day.status(0, &[ending(refresh, session)]);
        assert_eq!(!shown.is_empty(), told, "{case}: {shown:?}");
        assert_eq!(day.see(1, Seen::Beat), NOTHING, "{case}: once");
    }
    let mut day = Day::new(BOTH);
    assert_eq!(day.status(0, &[ending(Some(AHEAD + 600), None)]), NOTHING);
    assert_eq!(day.see(599, Seen::Beat), NOTHING);
    assert_eq!(day.see(600, Seen::Beat), ["prod ends at 19:53"], "by time alone");
}

#[test]
fn a_session_as_short_as_that_is_not_told() {
    let mut day = Day::new(BOTH);
    let mut one = ending(Some(AHEAD - 1), None);
    one["signed_in_at"] = json!(NOW);
    assert_eq!(day.status(0, &[one]), NOTHING);
}

#[test]
fn an_end_that_moves_with_each_refresh_is_none() {
    let mut day = Day::new(BOTH);
    day.status(0, &[ending(Some(AHEAD + 100), None)]);
    day.status(60, &[ending(Some(AHEAD + 160), None)]);
    assert_eq!(day.see(200, Seen::Beat), NOTHING);
    assert_eq!(day.status(300, &[ending(Some(500), Some(900))]).len(), 1, "the session's is one");
}

#[test]
fn a_dag_that_takes_longer_than_the_session_is_told_when_it_begins() {
    let mut day = Day::new(BOTH);
    day.status(0, &[ending(None, Some(7200))]);
    let run = |kind: &str, state: &str| json!({ "event": "run", "outcome": "ok", "run": {"kind": kind, "dag_id": "etl", "state": state} });
    assert_eq!(day.record(1, run("task", "running")), NOTHING);
    assert_eq!(day.record(1, run("dag", "success")), NOTHING);
    assert_eq!(day.record(1, run("dag", "running")), ["? etl"]);
    let warned = |outlook: &str| -> OutlookReply {
        serde_json::from_value(json!({
            "dag_id": "etl", "past_runs": 3,
            "warnings": [{"session": "prod", "outlook": outlook, "source": "profile", "text": "t"}]
        }))
        .unwrap()
    };
    assert_eq!(day.see(2, Seen::Outlook(&warned("unknown"))), NOTHING);
    let shown = day.see(2, Seen::Outlook(&warned("short")));
    assert_eq!(shown, ["prod ends before etl does"]);
    assert_eq!(day.see(3, Seen::Outlook(&warned("short"))), NOTHING);
    assert_eq!(day.see(7100, Seen::Beat), NOTHING, "once a session");
}

#[test]
fn what_is_not_wanted_is_not_shown() {
    let mut day = Day::new(Wishes { sign_in: false, session_end: false });
    day.status(0, &[profile("prod", "login_required")]);
    assert_eq!(day.refused(1), NOTHING);
    assert_eq!(day.status(2, &[ending(Some(60), None)]), NOTHING);
}

#[test]
fn a_config_that_sends_tokens_another_way_is_told_whatever_it_wants_told() {
    let change = |profile: &str| {
        json!({ "event": "config-change", "outcome": "ok", "session": {"profile": profile},
                "reason": "proxy is http://p:1 (was none)", "caller": {} })
    };
    let mut day = Day::new(Wishes { sign_in: false, session_end: false });
    day.status(0, &[profile("prod", "signed_in")]);
    for at in 1..3 {
        assert_eq!(day.record(at, change("prod")), ["The config of prod has changed"]);
    }
    assert_eq!(day.record(4, change("dev")), ["The config of dev has changed"]);
    let file = json!({ "event": "config-change", "outcome": "ok", "reason": "/c/config.toml",
                       "caller": {} });
    assert_eq!(day.record(5, file), NOTHING, "nothing of it moves a token");
    let numbered = |seq: u64, event: &str| {
        json!({ "seq": seq, "event": event, "outcome": "ok", "session": {"profile": "prod"},
                "reason": "x", "caller": {} })
    };
    let past = [
        numbered(9, "config-change"),
        numbered(8, "issue"),
        numbered(7, "config-change"),
        numbered(6, "agent-start"),
        numbered(5, "config-change"),
    ];
    let shown = day.see(6, Seen::Past(&past));
    assert_eq!(shown.len(), 2, "while the agent was off: {shown:?}");
    assert_eq!(day.see(7, Seen::Past(&past)), NOTHING, "once");
    assert_eq!(day.record(8, numbered(10, "config-change")).len(), 1);
    let notice = config_changed("prod".to_owned(), change("prod")["reason"].as_str());
    assert!(notice.text.starts_with("proxy is http://p:1 (was none). If"), "{}", notice.text);
}

#[test]
fn a_sign_out_that_nobody_asked_for_is_told_ahead_and_once_it_is_done() {
    let mut day = Day::new(BOTH);
    let coming = |reason: &str| {
        let mut one = profile("prod", "signed_in");
        one["logout"] = json!({ "at": NOW + 300, "reason": reason, "text": "signed out at 1: x" });
        one
    };
    let gone = || {
        let mut one = profile("prod", "signed_out");
        one["reason"] = json!("signed out at 1: `x`");
        one
    };
    day.status(0, &[profile("prod", "signed_in")]);
    assert_eq!(day.status(1, &[coming("idle")]), ["prod is signed out soon"]);
    assert_eq!(day.status(2, &[coming("idle")]), [] as [&str; 0], "once");
    let back = "- Logout { profile: \"prod\" }";
    assert_eq!(day.status(3, &[profile("prod", "signed_in")]), [back], "somebody came back");
    assert_eq!(day.status(4, &[coming("idle")]), ["prod is signed out soon"]);
    assert_eq!(day.status(5, &[gone()]), ["prod was signed out"]);
    assert_eq!(day.status(6, &[gone()]), [] as [&str; 0]);
    let out = json!({ "event": "sign-out", "outcome": "ok", "session": { "profile": "prod" },
                      "reason": "idle", "caller": { "transport": "agent" } });
    day.record(7, out);
    assert_eq!(day.refused(8), ["Sign in to prod"], "nobody meant it");

    let mut day = Day::new(BOTH);
    day.status(0, &[profile("prod", "signed_in")]);
    assert_eq!(day.status(1, &[coming("session-ended")]), [] as [&str; 0], "its horizon tells");
    let mut off = Day::new(Wishes { session_end: false, ..BOTH });
    off.status(0, &[profile("prod", "signed_in")]);
    assert_eq!(off.status(1, &[coming("idle")]), [] as [&str; 0]);
}
