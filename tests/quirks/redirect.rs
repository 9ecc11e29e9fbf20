//! The way back from the browser: which port, how soon, and from whom.

use std::net::TcpListener;
use std::time::Duration;

use dagpass_core::error::ErrorCode;
use dagpass_core::ports::SignInServer;
use dagpass_core::profile::{Flow, Redirect};
use dagpass_sandbox::{Family, RedirectMatch, Rfc9207};

use crate::person::{Comes, Person};
use crate::stage::Stage;

#[tokio::test]
async fn a_code_that_lives_a_second_is_redeemed_at_once() {
    let stage = Stage::with(Family::PingFederate, |quirks| quirks.code_ttl = 1);
    let seen = stage.browser("alice").await.unwrap();
    assert!(seen.pages.contains("200 OK"), "{}", seen.pages);
    assert_eq!(stage.grants("authorization_code")[0].status, 200);
    stage.lives_on().await;
}

#[tokio::test]
async fn a_code_that_came_too_late_is_refused_and_tried_once() {
    let stage = Stage::new(Family::PingFederate);
    let person = Person { dawdles: Duration::from_secs(61), ..Person::named("alice") };
    let (outcome, seen) = stage.sign_in(Flow::Browser, person).await;
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::InvalidGrant, "{refusal:?}");
    assert!(refusal.cause.unwrap().contains("expired"));
    assert!(!seen.pages.is_empty(), "the page says so");
    assert_eq!(stage.grants("authorization_code").len(), 1);
}

/// A port, and what keeps it from being free.
fn port() -> (u16, TcpListener) {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    (held.local_addr().unwrap().port(), held)
}

fn uri(port: u16) -> String {
    format!("http://127.0.0.1:{port}/callback")
}

#[tokio::test]
async fn an_exact_redirect_takes_the_next_registered_port_where_the_first_is_taken() {
    let (first, _taken) = port();
    let others = Redirect::PORTS;
    let mut stage = Stage::with(Family::PingFederate, |quirks| {
        quirks.redirect_match = RedirectMatch::Exact;
        quirks.redirect_uris = [first].into_iter().chain(others).map(uri).collect();
    });
    stage.profile(|profile| profile.redirect.ports = [first].into_iter().chain(others).collect());
    let seen = stage.browser("alice").await.unwrap();
    assert_ne!(seen.redirect_uris, [uri(first)]);
    assert_eq!(stage.grants("authorization_code")[0].status, 200);
    stage.lives_on().await;
}

#[tokio::test]
async fn where_every_registered_port_is_taken_a_code_signs_in() {
    let (first, _taken) = port();
    let mut stage = Stage::new(Family::PingFederate);
    stage.profile(|profile| profile.redirect.ports = vec![first]);
    let refusal = stage.browser("alice").await.err().unwrap();
    assert!(refusal.cause.unwrap().contains(&first.to_string()));
    let (outcome, seen) = stage.sign_in(Flow::Auto, Person::named("alice")).await;
    outcome.unwrap();
    assert_eq!((seen.redirect_uris.len(), seen.codes.len()), (0, 1));
    assert_eq!(stage.grants("authorization_code").len(), 0);
    stage.lives_on().await;
}

#[tokio::test]
async fn any_port_or_a_wildcard_takes_a_port_of_the_systems_choice() {
    let table = [
        (RedirectMatch::AnyPort, "http://127.0.0.1/callback"),
        (RedirectMatch::WildcardPort, "http://127.0.0.1:*/callback"),
    ];
    for (redirect_match, registered) in table {
        let mut stage = Stage::with(Family::PingAm, |quirks| {
            quirks.redirect_match = redirect_match;
            quirks.redirect_uris = vec![registered.to_owned()];
        });
        stage.profile(|profile| profile.redirect.ports = vec![0]);
        stage.browser("alice").await.unwrap();
        stage.lives_on().await;
    }
}

#[tokio::test]
async fn a_redirect_that_is_not_registered_shows_only_in_the_browser_and_a_code_signs_in() {
    let mut stage = Stage::with(Family::PingAm, |quirks| {
        quirks.redirect_match = RedirectMatch::Exact;
        quirks.redirect_uris = vec![uri(21217)];
    });
    stage.profile(|profile| profile.redirect.ports = vec![0]);
    let (outcome, seen) = stage.sign_in(Flow::Auto, Person::named("alice")).await;
    outcome.unwrap();
    assert_eq!(seen.issuer_errors, ["Redirect URI mismatch"]);
    assert!(seen.notes.iter().any(|note| note.contains("registered at Ping")), "{:?}", seen.notes);
    assert_eq!(stage.grants("authorization_code").len(), 0);
    stage.lives_on().await;
}

#[tokio::test]
async fn a_callback_from_another_issuer_is_refused_and_its_code_never_sent() {
    let table = [
        // What the metadata promises, what the callback carries, whether it passes.
        (Rfc9207::Right, Rfc9207::Right, true),
        (Rfc9207::Absent, Rfc9207::Absent, true),
        (Rfc9207::Absent, Rfc9207::Right, true),
        (Rfc9207::Right, Rfc9207::Absent, false),
        (Rfc9207::Right, Rfc9207::Wrong, false),
        (Rfc9207::Absent, Rfc9207::Wrong, false),
    ];
    for (promised, carried, passes) in table {
        let stage = Stage::with(Family::PingOne, |quirks| quirks.rfc9207 = promised);
        stage.ping.offers(&stage.profile).await.unwrap();
        stage.sandbox.quirks(|quirks| quirks.rfc9207 = carried);
        let outcome = stage.browser("alice").await;
        let redeemed = stage.grants("authorization_code").len();
        assert_eq!((outcome.is_ok(), redeemed), (passes, usize::from(passes)), "{carried:?}");
        if let Err(refusal) = outcome {
            assert_eq!(refusal.code, ErrorCode::InvalidRequest, "{refusal:?}");
        }
    }
}

#[tokio::test]
async fn a_callback_that_comes_thrice_costs_one_exchange_and_shows_one_verdict() {
    let stage = Stage::new(Family::PingOne);
    let person = Person { comes: Comes::Thrice, ..Person::named("alice") };
    let (outcome, seen) = stage.sign_in(Flow::Browser, person).await;
    outcome.unwrap();
    assert_eq!(seen.pages.matches("200 OK").count(), 3, "{}", seen.pages);
    assert_eq!(stage.grants("authorization_code").len(), 1);
    stage.lives_on().await;
}

#[tokio::test]
async fn a_browser_that_comes_by_https_is_told_of_and_a_code_offered() {
    let stage = Stage::new(Family::PingOne);
    let person = Person { comes: Comes::ByHttps, ..Person::named("alice") };
    let (outcome, seen) = stage.sign_in(Flow::Browser, person).await;
    outcome.unwrap();
    let told: Vec<_> = seen.notes.iter().filter(|note| note.contains("by https")).collect();
    assert_eq!(told.len(), 1, "{:?}", seen.notes);
    assert!(told[0].contains("`dagpass login ") && told[0].contains(" --device`"), "{told:?}");
}
