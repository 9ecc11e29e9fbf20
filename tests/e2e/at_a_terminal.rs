//! Facts that only a terminal, a pipe or git itself can show: a prompt for a passphrase that is left by
//! Ctrl-C leaves the terminal as it was, a table that is followed ends when its reader does, and git gets
//! from its credential helper what it asks for and nothing else.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::idp::{Family, Setting};
use crate::scene::{Scene, fingerprint};
use crate::wait::until;
use crate::world::{Process, World};

const DAGPASS: &str = env!("CARGO_BIN_EXE_dagpass");

#[test]
fn ctrl_c_at_the_passphrase_leaves_a_terminal_that_shows_what_is_typed() {
    let world = World::bare();
    world.configure("[store]\nkind = \"passphrase-file\"\n");
    world.start_agent();
    // The shell outlives the signal, which its own group gets as well.
    let line = format!("sh -c 'trap : INT; {DAGPASS} agent unlock; echo ended=$?; stty -a'");
    let mut command = world.command("script");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).stdin(Stdio::piped());
    let mut terminal = Process::spawn("script", &mut command);
    terminal.stdout.wait_for("prompt", |text| text.contains("passphrase: ").then_some(()));
    let mut keyboard = terminal.stdin();
    keyboard.write_all(b"\x03").unwrap();
    keyboard.flush().unwrap();
    let said = terminal.stdout.wait_for("the terminal's state", |text| {
        let (_, state) = text.split_once("ended=")?;
        state.contains("echoke").then(|| state.to_owned())
    });
    drop(keyboard);
    terminal.ended();
    assert!(said.starts_with("130"), "{said}");
    let words: Vec<&str> = said.split_whitespace().collect();
    assert!(words.contains(&"echo") && !words.contains(&"-echo"), "{said}");
    world.close();
}

#[test]
fn a_table_that_is_followed_ends_with_its_reader() {
    let world = World::bare();
    world.configure("");
    world.start_agent();
    let line = format!("{DAGPASS} audit tail --follow | head -1");
    let mut shell = world.command("sh");
    shell.args(["-c", &line]).stdin(Stdio::null());
    let ended = Process::spawn("audit tail --follow | head -1", &mut shell).ended().expect(0);
    assert!(ended.stdout.starts_with("TIME"), "{ended:?}");
    world.close();
}

#[test]
fn git_gets_a_token_for_the_host_that_was_named_and_has_a_refused_one_replaced() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    let token = scene.token();
    let git = |action: &str, asked: &str| {
        let helper = format!("!{DAGPASS} token --format git --host git.corp.example");
        let mut command = scene.world.command("git");
        command.args(["-c", &format!("credential.helper={helper}"), "credential", action]);
        command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::piped());
        let mut git = Process::spawn("git credential", &mut command);
        writeln!(git.stdin(), "{asked}").unwrap();
        let ended = git.ended();
        scene.world.secret("access token", &token);
        ended
    };
    let ours = "protocol=https\nhost=git.corp.example\n";
    let filled = git("fill", ours).expect(0).stdout;
    assert!(filled.contains("username=oauth2\n"), "{filled}");
    assert!(filled.contains(&format!("password={token}\n")), "another token than the agent's");
    let other = git("fill", "protocol=https\nhost=evil.example\n");
    assert!(!other.stdout.contains("password"), "{other:?}");

    let used = format!("{ours}username=oauth2\npassword={token}\n");
    git("approve", &used).expect(0);
    assert_eq!(scene.token(), token, "a token that was taken stays");
    git("reject", &used).expect(0);
    let next = until("another token", || Some(scene.token()).filter(|next| *next != token));
    assert_ne!(fingerprint(&next), fingerprint(&token));
    assert_eq!(scene.idp.call_api(&next), 200);
    scene.close();
}

#[test]
fn a_paused_agent_says_so_by_a_code_of_its_own_until_it_is_resumed_as_it_says() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    scene.world.cli(&["agent", "pause"]).expect(0);
    let refused = scene.world.cli(&["token"]).expect(10);
    let resume = "dagpass agent resume";
    for told in [
        refused.stderr,
        scene.world.cli(&["status"]).expect(0).stdout,
        scene.world.cli(&["doctor"]).stdout,
    ] {
        assert!(told.contains(&format!("`{resume}`")), "{told}");
    }
    let words: Vec<&str> = resume.split(' ').skip(1).collect();
    scene.world.cli(&words).expect(0);
    assert_eq!(scene.idp.call_api(&scene.token()), 200);
    // The ledger tells both.
    let ledger = fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    assert!(ledger.contains("\"pause\"") && ledger.contains("\"resume\""), "{ledger}");
    scene.close();
}
