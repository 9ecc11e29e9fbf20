//! Fact: where no browser opens, the code or the address is there at once with the reason; a browser that
//! the person names is the one that is run, as they wrote it; none is none.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::idp::{Family, Setting};
use crate::scene::{Scene, user_code};
use crate::wait::until;
use crate::world::{Process, World, program};

/// A scene whose programs find on their path nothing but `openers`, and the shell's own.
fn scene(openers: &[(&str, &str)], variables: &[(&str, &str)]) -> Scene {
    let world = World::new();
    let bin = world.root().join("bin");
    fs::create_dir(&bin).unwrap();
    for (name, text) in openers {
        let text = text.replace("OPENED", &world.root().join("tmp/opened").display().to_string());
        program::script(&bin.join(name), &format!("#!/bin/sh\n{text}\n"));
    }
    world.set("PATH", bin.to_str().unwrap());
    for (name, value) in variables {
        world.set(name, value);
    }
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
    scene.world.start_agent();
    scene
}

fn login(scene: &Scene, args: &[&str], own: &[(&str, &str)]) -> Process {
    let mut command = scene.world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.arg("login").args(args).stdin(Stdio::null());
    command.envs(own.iter().copied());
    Process::spawn("dagpass login", &mut command)
}

/// What was said before the code that is there at once; then the person signs in by it.
fn by_code(scene: Scene, mut login: Process) -> String {
    let code = login.stderr.wait_for("user code", user_code);
    let before = login.stderr.text();
    assert!(!before.contains("no answer from the browser yet"), "it was waited for: {before}");
    scene.idp.approve(&code);
    let ended = login.ended().expect(0);
    scene.world.keep("dagpass login", ended);
    scene.close();
    before
}

/// Ends a login that waits for its browser.
fn over(scene: Scene, mut login: Process) {
    let ended = login.kill();
    scene.world.keep("dagpass login", ended);
    scene.world.close();
}

fn opened(scene: &Scene) -> String {
    let file = scene.world.root().join("tmp/opened");
    until("the opener's note", || {
        fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n'))
    })
}

const SCREEN: (&str, &str) = ("DISPLAY", ":99");
const WRITES: &str = "echo \"$0 $*\" >>OPENED";

#[test]
fn an_opener_that_fails_offers_the_code_at_once_and_says_why() {
    for (openers, reason) in [
        (&[][..], "no opener (xdg-open, gio, …) is on the agent's PATH"),
        (&[("xdg-open", "exit 3")], "`xdg-open` ended with exit status: 3 (it found no browser)"),
        (&[("xdg-open", "exit 4")], "exit status: 4 (the browser it called failed)"),
    ] {
        let scene = scene(openers, &[SCREEN]);
        let login = login(&scene, &[], &[]);
        let said = by_code(scene, login);
        assert!(said.contains("no browser could be opened: ") && said.contains(reason), "{said}");
        assert!(said.contains("to sign in, open in a browser\n  http"), "{said}");
    }
}

#[test]
fn by_browser_alone_the_address_is_there_at_once_with_the_reason() {
    let scene = scene(&[("xdg-open", "exit 4")], &[SCREEN]);
    let login = login(&scene, &["--browser"], &[]);
    let said = login.stderr.wait_for("address", |text| {
        text.contains("to sign in, open in a browser\n  http").then(|| text.to_owned())
    });
    assert!(said.contains("ended with exit status: 4"), "{said}");
    over(scene, login);
}

#[test]
fn xdg_open_is_called_where_it_is_all_there_is_and_the_next_where_it_fails() {
    for openers in [
        &[("xdg-open", WRITES)][..],
        &[("xdg-open", "exit 4"), ("gio", WRITES)],
        &[("x-www-browser", WRITES)],
    ] {
        let scene = scene(openers, &[SCREEN]);
        let login = login(&scene, &["--browser"], &[]);
        let line = opened(&scene);
        assert!(line.contains(openers.last().unwrap().0) && line.contains(" http"), "{line}");
        login.stderr.wait_for("address", |text| text.contains("your browser shows").then_some(()));
        over(scene, login);
    }
}

#[test]
fn browser_none_prints_and_opens_nothing() {
    for browser in ["none", "", "echo"] {
        let scene = scene(&[("xdg-open", WRITES)], &[SCREEN]);
        let login = login(&scene, &[], &[("BROWSER", browser)]);
        let root = scene.world.root().to_owned();
        let note = root.join("tmp/opened");
        let code = login.stderr.wait_for("user code", user_code);
        assert!(!code.is_empty() && !note.exists(), "{browser:?}");
        let said = by_code(scene, login);
        assert!(said.contains("to sign in, open in a browser\n  http"), "{said}");
    }
}

/// Where a helper lies in a folder with a blank in its name.
fn helper(root: &Path) -> String {
    let folder = root.join("my helpers");
    fs::create_dir(&folder).unwrap();
    let helper = folder.join("browser.sh");
    let note = root.join("tmp/opened");
    let text = format!("#!/bin/sh\necho \"$VSCODE_IPC_HOOK_CLI|$*\" >>'{}'\n", note.display());
    program::script(&helper, &text);
    helper.display().to_string()
}

#[test]
fn the_caller_s_browser_is_run_as_it_is_written_also_over_ssh() {
    const SSH: (&str, &str) = ("SSH_CONNECTION", "10.0.0.2 5000 10.0.0.9 22");
    const HOOK: (&str, &str) = ("VSCODE_IPC_HOOK_CLI", "/run/user/1/vscode-ipc-1.sock");
    for (template, more, expected) in [
        ("HELPER", &[SSH, HOOK][..], "/run/user/1/vscode-ipc-1.sock|http"),
        ("none-such:HELPER --app %s --x", &[SSH], "|--app http"),
        ("false:HELPER", &[SCREEN], "|http"),
    ] {
        let scene = scene(&[("xdg-open", "exit 4")], &[]);
        let browser = template.replace("HELPER", &helper(scene.world.root()));
        let own = [more, &[("BROWSER", browser.as_str())]].concat();
        let login = login(&scene, &[], &own);
        let line = opened(&scene);
        assert!(line.starts_with(expected), "{template}: {line}");
        login.stderr.wait_for("address", |text| text.contains("your browser shows").then_some(()));
        over(scene, login);
    }
}

#[test]
fn over_ssh_a_browser_that_is_gone_gives_the_code_and_opens_no_other() {
    let scene = scene(&[("xdg-open", WRITES)], &[]);
    let own = [("SSH_CONNECTION", "10.0.0.2 5000 10.0.0.9 22"), ("BROWSER", "/gone/browser.sh")];
    let login = login(&scene, &[], &own);
    let note = scene.world.root().join("tmp/opened");
    let said = by_code(scene, login);
    assert!(said.contains("of BROWSER, `browser.sh`: is not there"), "{said}");
    assert!(!note.exists());
}
