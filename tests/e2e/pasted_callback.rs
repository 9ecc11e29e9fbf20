//! Fact: on an ssh box `--no-open` prints the URL, takes the callback URL that a person pastes, and
//! checks its `state`; where the provider requires it the request is pushed first (RFC 9126).

use std::io::Write;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::{Process, World};

fn printed_url(scene: &Scene) -> (Process, String) {
    printed_url_at(&scene.world, &scene.idp.issuer)
}

/// Starts the sign-in and gives the URL it prints.
pub(crate) fn printed_url_at(world: &World, issuer: &str) -> (Process, String) {
    printed_url_by(world, issuer, "dagpass login --browser --no-open")
}

/// The same by another such line.
pub(crate) fn printed_url_by(world: &World, issuer: &str, line: &str) -> (Process, String) {
    let mut command = world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.args(line.split(' ').skip(1)).stdin(Stdio::piped());
    let login = Process::spawn(line, &mut command);
    let url = login.stderr.wait_for("authorization URL", |text| {
        let origin = issuer.split('/').take(3).collect::<Vec<_>>().join("/");
        let word =
            text.split_whitespace().find(|word| word.starts_with(&origin) && word.contains('?'))?;
        text.contains(&format!("{word}\n")).then(|| word.to_owned())
    });
    (login, url)
}

pub(crate) fn finish(world: &World, mut login: Process, pasted: &str) {
    writeln!(login.stdin(), "{pasted}").unwrap();
    let ended = login.ended().expect(0);
    world.keep("dagpass login --no-open", ended);
}

fn finish_and_call(scene: &Scene, login: Process, pasted: &str) {
    finish(&scene.world, login, pasted);
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
}

#[test]
fn a_pasted_callback_signs_in_on_every_family() {
    for family in Family::ALL {
        let scene = Scene::new(Setting::of(family));
        let (login, url) = printed_url(&scene);
        let callback = scene.idp.authorize(&url);
        finish_and_call(&scene, login, &callback);
        scene.close();
    }
}

#[test]
fn a_pasted_callback_with_another_state_is_not_taken() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let (mut login, url) = printed_url(&scene);
    let callback = scene.idp.authorize(&url);
    let (before, after) = callback.split_once("state=").unwrap();
    let rest = after.split_once('&').map(|(_, rest)| format!("&{rest}")).unwrap_or_default();
    let mut stdin = login.stdin();
    writeln!(stdin, "{before}state=forged{rest}").unwrap();
    login.stderr.wait_for("refusal of the forged state", |text| {
        text.to_lowercase().contains("state").then_some(())
    });
    assert!(scene.idp.calls("endpoint=token").is_empty());
    // Meanwhile nobody else signs in there in another way.
    for other in [["login", "--device"], ["login", "--fresh"]] {
        let second = scene.world.cli(&other);
        assert!(second.stderr.contains("is under way already"), "{}", second.stderr);
    }
    writeln!(stdin, "{callback}").unwrap();
    drop(stdin);
    let ended = login.ended().expect(0);
    scene.world.keep("dagpass login --no-open", ended);
    scene.close();
}

#[test]
fn a_second_login_joins_the_first_and_outlives_it() {
    let scene = Scene::new(Setting::of(Family::PingOne));
    let (mut first, url) = printed_url(&scene);
    let (issuer, line) = (&scene.idp.issuer, "dagpass login --no-open");
    let (second, same) = printed_url_by(&scene.world, issuer, line);
    assert_eq!(same, url, "one sign-in, one page");
    second.stderr.wait_for("what it joins", |text| {
        text.contains("under way already: joining it").then_some(())
    });
    // The one that began it is ended, and whoever joined goes on.
    first.signal(Signal::TERM);
    first.ended();
    finish_and_call(&scene, second, &scene.idp.authorize(&url));
    let exchanged = scene.idp.calls("endpoint=token");
    assert_eq!(exchanged.len(), 1, "{exchanged:?}");
    scene.close();
}

#[test]
fn where_the_provider_requires_it_the_request_is_pushed_first() {
    let scene = Scene::new(Setting { par: true, ..Setting::of(Family::PingFederate) });
    let (login, url) = printed_url(&scene);
    assert!(url.contains("request_uri=") && !url.contains("code_challenge"), "{url}");
    let callback = scene.idp.authorize(&url);
    finish_and_call(&scene, login, &callback);
    let pushed = scene.idp.calls("endpoint=pushed_authorization_request");
    assert_eq!((pushed.len(), &pushed[0]["pkce"]), (1, &json!(true)));
    scene.close();
}
