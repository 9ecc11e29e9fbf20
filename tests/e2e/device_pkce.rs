//! Fact: a device sign-in works at a provider that ignores a PKCE challenge on the device request,
//! at one that requires it and at one that refuses it, without a word in the config.

use serde_json::json;

use crate::idp::{Family, Setting};
use crate::scene::Scene;

fn a_device_sign_in_works_where_pkce_is(habit: &str) {
    let scene = Scene::new(Setting::of(Family::PingOne));
    scene.idp.quirk(&json!({ "devicePkce": habit }));
    scene.sign_in();
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    let polls = scene.idp.calls("endpoint=token&grant=device_code&status=200");
    assert_eq!(polls[0]["pkce"], habit != "refuse", "{polls:#?}");
    scene.close();
}

#[test]
fn ignored() {
    a_device_sign_in_works_where_pkce_is("ignore");
}

#[test]
fn required() {
    a_device_sign_in_works_where_pkce_is("require");
}

#[test]
fn refused() {
    a_device_sign_in_works_where_pkce_is("refuse");
}
