use super::*;

/// 2026-11-24T19:28:51Z.
const NOW: i64 = 1_795_548_531;

fn status(profiles: serde_json::Value) -> Status {
    serde_json::from_value(serde_json::json!({
        "agent": {
            "version": "0.1.0", "pid": 7, "started_at": 1, "socket": "/run/a.sock", "tcp_port": 1,
            "paused": false, "store": "secret-service", "store_state": "ok",
            "config_path": "/c.toml", "default_profile": "prod"
        },
        "profiles": profiles
    }))
    .unwrap()
}

fn profile(name: &str, state: &str, until: Option<i64>) -> serde_json::Value {
    serde_json::json!({
        "name": name, "issuer": "https://p/as", "client_id": "c", "state": state, "scopes": [],
        "who": {"iss": "i", "sub": "s", "name": "Ada", "groups": [], "source": "id_token"},
        "horizons": {
            "access_token": {"source": "expires_in", "at": NOW + 60},
            "refresh_token": {"source": "profile", "at": until},
            "session": {"source": "unknown"}
        }
    })
}

fn shown(status: &Status) -> View {
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    view(
        status,
        &Scene { now: NOW, zone: &zone, panel: false, codes: &[], requests: &Requests::default() },
    )
}

fn labels(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match entry {
            Entry::Text(text) => format!("({text})"),
            Entry::Item { label, .. } => label.clone(),
            Entry::Menu { label, entries } => format!("{label} > {}", labels(entries).join(" | ")),
            Entry::Line => "--".to_owned(),
        })
        .collect()
}

fn service(state: &str) -> serde_json::Value {
    let mut one = profile("etl", state, None);
    one["kind"] = "service".into();
    one["login"] = "dagpass secret set etl".into();
    one["who"] = serde_json::json!({"iss": "i", "sub": "c", "groups": [], "source": "client"});
    one
}

#[test]
fn nobody_is_told_to_sign_in_to_a_service() {
    let view = shown(&status(serde_json::json!([service("ready")])));
    assert_eq!(
        (view.picture, view.tooltip.as_str()),
        (Picture::SignedIn, "dagpass: etl: service, ready")
    );
    assert_eq!(
        labels(&view.menu),
        [
            "(etl: service, ready)",
            "Copy token for 30 s",
            "Take its tokens back",
            "--",
            "Pause",
            "--",
            "Quit"
        ]
    );
    for (state, picture, tooltip) in [
        ("no_credential", Picture::Trouble, "dagpass: etl cannot prove itself"),
        ("refused", Picture::Trouble, "dagpass: etl is refused by its issuer"),
        ("offline", Picture::Offline, "dagpass: etl: offline"),
        ("keychain_locked", Picture::KeychainLocked, "dagpass: the keychain is locked"),
    ] {
        let view = shown(&status(serde_json::json!([service(state)])));
        assert_eq!((view.picture, view.tooltip.as_str()), (picture, tooltip), "{state}");
        let said = labels(&view.menu).join("\n");
        assert!(!said.contains("Sign"), "{said}");
        let mends = said.contains("(Run dagpass secret set etl)");
        assert_eq!(mends, matches!(state, "no_credential" | "refused"), "{said}");
    }
}

#[test]
fn one_profile_stands_in_the_menu_itself_with_who_and_until_when() {
    let view = shown(&status(serde_json::json!([profile("prod", "signed_in", Some(NOW + 3600))])));
    assert_eq!(view.picture, Picture::SignedIn);
    assert_eq!(view.tooltip, "dagpass: prod: Ada, until 21:28");
    assert_eq!(
        labels(&view.menu),
        [
            "(prod: Ada, until 21:28)",
            "Copy token for 30 s",
            "Sign in again",
            "Sign in again with a code",
            "Sign out",
            "--",
            "Pause",
            "--",
            "Sign out everywhere on this machine",
            "Quit"
        ]
    );
}

#[test]
fn several_profiles_have_a_menu_each_and_another_day_has_its_date() {
    let profiles = serde_json::json!([
        profile("prod", "signed_in", Some(NOW + 86_400)),
        profile("dev", "signed_out", None)
    ]);
    let view = shown(&status(profiles));
    assert_eq!(
        labels(&view.menu)[..2],
        [
            "prod: Ada, until Wed 25 Nov, 20:28 > Copy token for 30 s | Sign in again | Sign in again with a code | Sign out",
            "dev: signed out > Sign in | Sign in with a code"
        ]
    );
}

#[test]
fn an_end_that_nothing_tells_is_not_named() {
    let view = shown(&status(serde_json::json!([profile("prod", "signed_in", None)])));
    assert_eq!(view.tooltip, "dagpass: prod: Ada");
}

#[test]
fn the_picture_shows_what_stops_tokens_worst_first() {
    let table: [(&[&str], Picture); 14] = [
        (&["signed_in"], Picture::SignedIn),
        (&["signed_in", "signed_out"], Picture::SignedIn),
        (&["signed_out"], Picture::NeedsSignIn),
        (&[], Picture::NeedsSignIn),
        (&["signed_in", "login_required"], Picture::NeedsSignIn),
        (&["signed_in", "offline"], Picture::Offline),
        (&["signing_in"], Picture::Refreshing),
        (&["keychain_locked", "login_required"], Picture::KeychainLocked),
        (&["signed_in", "keychain_unavailable"], Picture::Trouble),
        (&["signed_in", "misconfigured"], Picture::Trouble),
        (&["misconfigured", "login_required"], Picture::Trouble),
        (&["signed_in", "degraded"], Picture::Trouble),
        (&["degraded", "login_required"], Picture::NeedsSignIn),
        (&["degraded", "offline"], Picture::Trouble),
    ];
    for (states, picture) in table {
        let profiles: Vec<_> = states.iter().map(|state| profile("prod", state, None)).collect();
        let mut status = status(profiles.into());
        assert_eq!(shown(&status).picture, picture, "{states:?}");
        status.agent.paused = true;
        assert_eq!(shown(&status).picture, Picture::Paused, "{states:?}, paused");
    }
}

#[test]
fn what_is_wrong_beside_the_sessions_is_no_green_and_said_in_the_tooltip() {
    type Change = fn(&mut Status);
    let table: [(Change, Picture, &str); 13] = [
        (|_| {}, Picture::SignedIn, "prod: Ada"),
        (|s| s.agent.store_state = "unasked".into(), Picture::SignedIn, "prod: Ada"),
        (
            |s| s.agent.store_state = "locked".into(),
            Picture::KeychainLocked,
            "the keychain is locked",
        ),
        (
            |s| s.agent.store_state = "changed".into(),
            Picture::Trouble,
            "The config asks for another store",
        ),
        (|s| s.agent.store_state = "unavailable".into(), Picture::Trouble, "There is no keychain"),
        (
            |s| s.agent.store_state = "degraded".into(),
            Picture::Trouble,
            "A record of the keychain cannot be used",
        ),
        (
            |s| s.agent.ledger_error = Some("full".into()),
            Picture::Trouble,
            "Nothing can be recorded",
        ),
        (
            |s| s.agent.ledger_forked = Some("w: two histories".into()),
            Picture::Trouble,
            "The ledger was forked",
        ),
        (
            |s| s.agent.ledger_missing = Some("lines 1 to 300 are not here".into()),
            Picture::Trouble,
            "Lines of the ledger are missing",
        ),
        (
            |s| {
                s.agent.config_error = Some("/c.toml:3: x".into());
                s.agent.config_state = "outdated".into();
            },
            Picture::Trouble,
            "config.toml has a problem",
        ),
        (|s| s.agent.policy_state = "shut".into(), Picture::Trouble, "The policy does not load"),
        (
            |s| s.agent.policy_state = "switched_off".into(),
            Picture::Trouble,
            "The policy is switched off",
        ),
        (
            |s| s.agent.policy_state = "outdated".into(),
            Picture::Trouble,
            "The policy does not load; the last good one serves",
        ),
    ];
    for (change, picture, words) in table {
        let mut status = status(serde_json::json!([profile("prod", "signed_in", None)]));
        change(&mut status);
        let view = shown(&status);
        assert_eq!((view.picture, view.tooltip), (picture, format!("dagpass: {words}")));
    }
}

#[test]
fn a_connection_s_own_session_is_signed_out_by_its_name() {
    let view = shown(&status(serde_json::json!([profile("prod/reports", "signed_in", None)])));
    let out = Action::SignOut { profile: "prod/reports".to_owned() };
    assert!(view.menu.contains(&Entry::item("Sign out", out)));
}

#[test]
fn a_paused_agent_can_be_resumed_and_the_panel_opens_where_there_is_one() {
    let mut status = status(serde_json::json!([]));
    status.agent.paused = true;
    let zone = TimeZone::UTC;
    let requests = Requests::default();
    let scene = Scene { now: NOW, zone: &zone, panel: true, codes: &[], requests: &requests };
    let view = view(&status, &scene);
    let labels = labels(&view.menu);
    assert!(labels.contains(&"Resume".to_owned()) && !labels.contains(&"Pause".to_owned()));
    assert!(labels.contains(&"Open dagpass…".to_owned()));
    assert_eq!(labels[0], "Welcome…");
    let bare = shown(&status);
    assert_eq!(self::labels(&bare.menu)[0], "(No profile yet: run `dagpass init`)");
}

#[test]
fn a_wrong_config_is_said_first_and_nobody_is_sent_to_make_a_new_one() {
    let zone = TimeZone::UTC;
    let requests = Requests::default();
    for (profiles, panel, first) in [
        (serde_json::json!([]), false, "(config.toml has a problem: run `dagpass config check`)"),
        (serde_json::json!([]), true, "config.toml has a problem…"),
        (
            serde_json::json!([profile("prod", "signed_in", None)]),
            false,
            "(config.toml has a problem: run `dagpass config check`)",
        ),
    ] {
        let mut status = status(profiles);
        status.agent.config_error = Some("/c.toml:3: x".to_owned());
        let scene = Scene { now: NOW, zone: &zone, panel, codes: &[], requests: &requests };
        let labels = labels(&view(&status, &scene).menu);
        assert_eq!(labels[0], first);
        let elsewhere = labels.iter().any(|label| label.contains("init") || label == "Welcome…");
        assert!(!elsewhere, "{labels:?}");
    }
    let mut moved = status(serde_json::json!([profile("prod", "signed_in", None)]));
    moved.agent.store_state = "changed".to_owned();
    let said = "(The config asks for another store: run `dagpass doctor`)";
    assert_eq!(labels(&shown(&moved).menu)[0], said);
}

#[test]
fn while_a_sign_in_runs_no_second_one_is_offered() {
    let view = shown(&status(serde_json::json!([profile("prod", "signing_in", None)])));
    assert_eq!(labels(&view.menu)[..2], ["(prod: signing in…)", "(A sign-in is under way)"]);
}

#[test]
fn a_code_stands_in_the_menu_while_its_sign_in_waits() {
    let status = status(serde_json::json!([profile("prod", "signing_in", None)]));
    let codes = [Code {
        profile: "prod".into(),
        user_code: "WDJB-MJHT".into(),
        verification_uri: "https://p/device".into(),
    }];
    let requests = Requests::default();
    let zone = TimeZone::UTC;
    let scene = Scene { now: NOW, zone: &zone, panel: false, codes: &codes, requests: &requests };
    let menu = view(&status, &scene).menu;
    assert_eq!(menu[1], Entry::Text("Enter WDJB-MJHT at https://p/device".into()));
    let copy = Action::CopyCode { code: "WDJB-MJHT".into() };
    assert_eq!(menu[2], Entry::item("Copy the code", copy));
}

#[test]
fn the_last_requests_lead_to_the_activity_where_there_is_a_panel() {
    let status = status(serde_json::json!([profile("prod", "signed_in", None)]));
    let requests = Requests::of(&[serde_json::json!({
        "time": "2026-11-24T19:28:51.000Z", "event": "issue", "outcome": "ok", "served": "cache",
        "session": {"profile": "prod"}, "caller": {"executable": "/usr/bin/curl"}
    })]);
    let text = "19:28  curl · prod · cache".to_owned();
    let row = Entry::Item {
        label: text.clone(),
        action: Action::OpenPanel { view: Some(panel::View::Activity) },
    };
    for (panel, row) in [(true, row), (false, Entry::Text(text))] {
        let zone = TimeZone::UTC;
        let scene = Scene { now: NOW, zone: &zone, panel, codes: &[], requests: &requests };
        let wanted = Entry::Menu { label: "Last requests".to_owned(), entries: vec![row] };
        assert!(view(&status, &scene).menu.contains(&wanted), "panel: {panel}");
    }
}

#[test]
fn why_somebody_is_signed_out_stands_above_the_ways_to_sign_in() {
    let mut one = profile("prod", "signed_out", None);
    one["reason"] =
        serde_json::json!("signed out at 1: the screen was locked (`[logout] on-lock`)");
    let view = shown(&status(serde_json::json!([one])));
    assert_eq!(
        labels(&view.menu)[..3],
        [
            "(prod: signed out)",
            "(signed out at 1: the screen was locked ([logout] on-lock))",
            "Sign in",
        ]
    );
}
