//! Fact: in another user's home nothing is made and no agent is started; what another user made in ours
//! is named, with its owner and the line that mends it. Takes root; where we are not, the tests say so.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::wait::until;
use crate::world::{Ended, Process, World, program};

/// Who is not us.
pub(crate) const ADA: u32 = 65_534;

const CONFIG: &str = "[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n";

/// With programs that everybody may run.
pub(crate) fn world() -> Option<World> {
    if !rustix::process::getuid().is_root() {
        println!("not run: another user takes root");
        return None;
    }
    let world = World::bare();
    world.configure(CONFIG);
    world.secret("nothing was handed out", "no-secret-in-this-world");
    fs::set_permissions(world.root(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(world.root().join("bin")).unwrap();
    for (name, from) in [
        ("dagpass", env!("CARGO_BIN_EXE_dagpass")),
        ("dagpass-agent", env!("CARGO_BIN_EXE_dagpass-agent")),
    ] {
        program::copied(from, &world.root().join("bin").join(name));
    }
    Some(world)
}

pub(crate) fn give_away(folder: &Path) {
    chown(folder, Some(ADA), Some(ADA)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            give_away(&entry.path());
        } else {
            chown(entry.path(), Some(ADA), Some(ADA)).unwrap();
        }
    }
}

fn lies_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(lies_in(&entry.path()));
        }
    }
    found.sort();
    found
}

pub(crate) fn as_ada(world: &World, program: &str) -> Command {
    let mut command = world.command(world.root().join("bin").join(program));
    command.uid(ADA).gid(ADA);
    command
}

fn ada(world: &World, args: &[&str]) -> Ended {
    Process::spawn("dagpass", as_ada(world, "dagpass").args(args)).ended()
}

#[test]
fn sudo_that_keeps_home_makes_nothing_there_and_starts_no_agent() {
    let Some(world) = world() else { return };
    give_away(&world.home());
    let before = lies_in(&world.home());
    world.set("DISPLAY", ":4711");
    let makers: [&[&str]; 5] =
        [&["status"], &["agent", "start"], &["agent", "enable"], &["token"], &["airflow", "setup"]];
    for args in makers {
        let said = world.cli(args).expect(2).stderr;
        let home = format!("the home folder {} belongs to ", world.home().display());
        assert!(said.contains(&home) && said.contains("uid 65534"), "{args:?}: {said}");
        assert!(said.contains("run it without sudo, or with `sudo -u "), "{args:?}: {said}");
    }
    world.cli(&["--no-start", "status"]).expect(7);
    let agent = world.launch_agent().ended().expect(2);
    assert!(agent.stderr.contains("belongs to") && agent.stderr.contains("hint: "));
    assert_eq!(lies_in(&world.home()), before);
    world.close();
}

#[test]
fn sudo_beside_a_persons_agent_says_so_and_a_client_of_a_working_socket_goes_on() {
    let Some(world) = world() else { return };
    give_away(&world.home());
    give_away(&world.root().join("run"));
    world.start_agent_by(as_ada(&world, "dagpass-agent").arg("run"));
    // They come after the socket, this one last, and each by way of a file beside it.
    until("what it told of the config", || {
        world.state().join("config-told.json").exists().then_some(())
    });
    let before = lies_in(&world.home());
    let said = world.cli(&["status"]).expect(2).stderr;
    assert!(said.contains("run it without sudo, or with `sudo -u "), "{said}");
    assert_eq!(lies_in(&world.home()), before);
    ada(&world, &["status"]).expect(0);
    world.stop_agent();
    // An image runs under any number, in a home that is not its own, beside an agent that is.
    give_back(&world.root().join("run"));
    give_back(&world.home());
    world.start_agent();
    give_away(&world.home());
    world.cli(&["--no-start", "status"]).expect(0);
    world.close();
}

fn give_back(folder: &Path) {
    for path in lies_in(folder).iter().map(PathBuf::as_path).chain([folder]) {
        chown(path, Some(0), Some(0)).unwrap();
    }
}

#[test]
fn what_root_once_made_in_a_home_is_named_with_the_line_that_mends_it() {
    let Some(world) = world() else { return };
    give_away(&world.home());
    give_away(&world.root().join("run"));
    let state = world.state();
    let line = |path: &Path| format!(": run `sudo chown -R nobody: {}`", path.display());
    let by_root = |path: &Path| {
        format!("{} belongs to root (uid 0), we are nobody (uid 65534)", path.display())
    };
    fs::create_dir_all(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    // `.local/state` is root's too, made on the way.
    let above = state.parent().unwrap();
    chown(above, Some(ADA), Some(ADA)).unwrap();

    // The folder itself: of the client that starts an agent, of the agent, of the reader.
    for args in [&["agent", "start"][..], &["audit", "tail"]] {
        let said = ada(&world, args);
        assert_ne!(said.code(), 0);
        let expected = by_root(&state) + &line(&state);
        assert!(said.stderr.contains(&expected), "{args:?}: {}", said.stderr);
    }
    let agent =
        || Process::spawn("dagpass-agent", as_ada(&world, "dagpass-agent").arg("run")).ended();
    let said = agent().expect(1).stderr;
    assert!(said.contains(&(by_root(&state) + &line(&state))), "{said}");

    // A file in a folder of ours.
    chown(&state, Some(ADA), Some(ADA)).unwrap();
    for name in ["agent.guard", "ledger.jsonl"] {
        let file = state.join(name);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(0), Some(0)).unwrap();
        let said = agent().expect(1).stderr;
        assert!(said.contains(&(by_root(&file) + &line(&state))), "{name}: {said}");
        fs::remove_file(&file).unwrap();
    }
    // The socket's folder.
    let run = world.socket().parent().unwrap().to_owned();
    fs::create_dir_all(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&run, Some(0), Some(0)).unwrap();
    let said = agent().expect(1).stderr;
    assert!(said.contains(&by_root(&run)), "{said}");
    let said = ada(&world, &["--no-start", "status"]).stderr;
    assert!(said.contains(&by_root(&run)), "{said}");
    world.close();
}
