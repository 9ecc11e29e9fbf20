//! What is said of each session, in every state that the status tells.

use super::*;

fn session(name: &str, state: &str, reason: Option<&str>) -> ProfileStatus {
    let none = serde_json::json!({ "source": "none" });
    serde_json::from_value(serde_json::json!({
        "name": name, "connection": name.split('/').nth(1), "login": format!("dagpass login {name}"),
        "issuer": "https://auth.example/as", "client_id": "c", "state": state, "reason": reason,
        "scopes": [],
        "horizons": { "access_token": none, "refresh_token": none, "session": none }
    }))
    .expect("a status")
}

#[tokio::test]
async fn every_session_has_one_finding_with_its_reason_and_the_command() {
    let store = "[start or unlock the keychain, or run `dagpass store use passphrase-file`]";
    let table = [
        ("signed_in", None, None),
        (
            "signed_out",
            None,
            Some("session warning: nobody is signed in [run `dagpass login prod`]".to_owned()),
        ),
        (
            "login_required",
            Some("the stored record is damaged"),
            Some(
                "session problem: it has ended: the stored record is damaged [run `dagpass login prod`]"
                    .to_owned(),
            ),
        ),
        (
            "offline",
            Some("no route"),
            Some(
                "session warning: Ping was not reached; the session is kept: no route [check network and VPN; `dagpass status` tells when it is back]"
                    .to_owned(),
            ),
        ),
        (
            "degraded",
            Some("in memory alone"),
            Some(format!(
                "session problem: its newest token is not in its place: in memory alone {store}"
            )),
        ),
        (
            "misconfigured",
            Some("invalid_client"),
            Some(
                "session problem: what the config says does not fit what Ping says: invalid_client [mend `[profile.prod]`, then run `dagpass config check`]"
                    .to_owned(),
            ),
        ),
        (
            "keychain_locked",
            Some("the login collection"),
            Some(
                "session problem: locked away: the login collection [run `dagpass agent unlock`]"
                    .to_owned(),
            ),
        ),
        (
            "keychain_unavailable",
            Some("no session bus"),
            Some(format!("session problem: it cannot be read: no session bus {store}")),
        ),
        ("signing_in", None, Some("session skipped: a sign-in is under way".to_owned())),
    ];
    for (state, reason, expected) in table {
        let world = World { sessions: vec![session("prod", state, reason)], ..World::good() };
        assert_eq!(world.wrong().await, expected.into_iter().collect::<Vec<_>>(), "{state}");
        let findings = world.examined().await;
        let told = findings.iter().filter(|one| one.check == "session").collect::<Vec<_>>();
        assert_eq!(told.len(), 1, "{state}");
        assert_eq!(told[0].profile.as_deref(), Some("prod"));
    }
}

#[tokio::test]
async fn a_service_is_mended_by_its_secret_and_by_no_sign_in() {
    for (state, said) in [
        ("ready", None),
        (
            "no_credential",
            Some("session problem: it cannot prove itself [run `dagpass secret set etl`]"),
        ),
        (
            "refused",
            Some(
                "session problem: the issuer refuses its client [mend its registration at the issuer, or run `dagpass secret set etl`]",
            ),
        ),
        (
            "offline",
            Some(
                "session warning: Ping was not reached; what is at hand is served [check network and VPN; `dagpass status` tells when it is back]",
            ),
        ),
    ] {
        let login = "dagpass secret set etl".to_owned();
        let service =
            ProfileStatus { kind: "service".into(), login, ..session("etl", state, None) };
        let world = World { sessions: vec![service], ..World::good() };
        assert_eq!(world.wrong().await, said.into_iter().collect::<Vec<_>>(), "{state}");
    }
}

#[tokio::test]
async fn a_connection_s_own_session_is_named_as_it_is_signed_in() {
    let states = ["login_required", "misconfigured"];
    let sessions = states.map(|state| session("prod/w", state, None)).to_vec();
    let world = World { sessions, ..World::good() };
    let wrong = world.wrong().await;
    assert!(wrong[0].ends_with("[run `dagpass login prod/w`]"), "{wrong:?}");
    assert!(wrong[1].contains("[mend `[connection.w]`, then"), "{wrong:?}");
}

#[tokio::test]
async fn a_paused_agent_says_how_it_is_resumed() {
    let world = World { paused: true, ..World::good() };
    let told = "agent warning: paused: no token is served, and nothing is refreshed [run `dagpass agent resume`]";
    assert_eq!(world.wrong().await, [told]);
}
