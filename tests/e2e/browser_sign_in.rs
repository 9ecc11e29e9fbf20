//! Fact: authorization code with PKCE through a real Chromium, over http and over https under a
//! private CA, ends on our own callback page and gives a token that a protected API takes.

use std::fs;

use serde_json::Value;

use crate::certificates;
use crate::idp::{Family, Idp, Setting, chromium};
use crate::scene::Scene;
use crate::world::World;

fn a_browser_sign_in_ends_on_our_page(world: World, setting: Setting<'_>, more: &str) {
    world.set("BROWSER", chromium(&world).to_str().unwrap());
    let scene = Scene::in_world(world, setting, more);
    scene.world.start_agent();
    scene.world.cli(&["login", "--browser"]).expect(0);
    let token = scene.world.token(&[]).expect("signed in");
    assert_eq!(scene.idp.call_api(&token), 200);

    let redeemed = &scene.idp.wait(1, "endpoint=token&grant=authorization_code")[0];
    assert_eq!(redeemed["pkce"], true);
    the_page_is_ours(&scene.world, &scene.idp);
    scene.close();
}

fn the_page_is_ours(world: &World, idp: &Idp) {
    let report = crate::wait::until("the browser's report", || {
        let text = fs::read_to_string(world.root().join("tmp/page.json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    });
    assert_eq!(report["status"], 200, "{report:#}");
    let page = report["url"].as_str().unwrap();
    assert!(page.starts_with("http://127.0.0.1:") && page.ends_with("/callback"), "{page}");
    assert!(!idp.issuer.starts_with(page.trim_end_matches("/callback")), "{page}");
    for request in report["requests"].as_array().unwrap() {
        let request = request.as_str().unwrap();
        assert!(request.starts_with("http://127.0.0.1:"), "a third party: {request}");
    }
}

#[test]
fn on_pingone() {
    a_browser_sign_in_ends_on_our_page(World::new(), Setting::of(Family::PingOne), "");
}

#[test]
fn on_pingfederate() {
    a_browser_sign_in_ends_on_our_page(World::new(), Setting::of(Family::PingFederate), "");
}

/// By an address of ours, which the browser opens and is sent on from.
#[test]
fn on_pingfederate_with_a_request_that_is_pushed_when_the_browser_comes() {
    let setting = Setting { par: true, ..Setting::of(Family::PingFederate) };
    a_browser_sign_in_ends_on_our_page(World::new(), setting, "");
}

#[test]
fn on_pingam() {
    a_browser_sign_in_ends_on_our_page(World::new(), Setting::of(Family::PingAm), "");
}

#[test]
fn over_https_with_a_private_ca() {
    let world = World::new();
    let tls = certificates::make(world.root());
    certificates::trust_in_chromium(&world.home(), &tls.ca);
    let setting = Setting { tls: Some(&tls), ..Setting::of(Family::PingOne) };
    let more = format!("ca-file = \"{}\"", tls.ca.display());
    a_browser_sign_in_ends_on_our_page(world, setting, &more);
}

#[test]
fn over_https_without_its_ca_nothing_is_sent() {
    let world = World::new();
    let tls = certificates::make(world.root());
    let setting = Setting { tls: Some(&tls), ..Setting::of(Family::PingOne) };
    let scene = Scene::in_world(world, setting, "");
    scene.world.start_agent();
    let refused = scene.world.cli(&["login", "--device"]).expect(6);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
    assert!(scene.idp.calls("method=POST").is_empty());
    scene.world.close();
}
