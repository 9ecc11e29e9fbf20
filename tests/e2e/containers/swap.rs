//! Root in a container into which the door's folder is mounted for writing: it may break its own door, and
//! no file of ours beyond it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::inside::Inside;
use super::{ledger, of_event, up};
use crate::wait::until;
use crate::world::World;

/// Puts a link to `$1` in place of whatever has a name in the folder, as fast as it can, until it is told
/// to end. Whatever name is used before the last one is not known to it: it takes them all.
const SWAP: &str = r#"import os, stat, sys
target, folder = sys.argv[1], "/run/dagpass"
os.symlink(target, folder + "/link")
print("swapping", flush=True)
while not os.path.exists(folder + "/end"):
    for entry in os.scandir(folder):
        if entry.name in ("link", "end") or entry.is_symlink():
            continue
        try:
            os.rename(folder + "/link", entry.path)
            os.symlink(target, folder + "/link")
        except OSError:
            pass
"#;

#[test]
fn root_in_a_container_that_swaps_links_in_changes_no_mode_of_a_file_of_ours() {
    let world = World::bare();
    world.configure("[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n");
    world.start_agent();
    let (folder, _) = up(&world, &["--uid", "50000"]);
    let Some(inside) = Inside::start_writable(&world, &folder) else { return world.close() };
    let ours = world.home().join("private");
    fs::write(&ours, "mine alone").unwrap();
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o600)).unwrap();
    let ours_text = ours.display().to_string();

    let mut swapping = inside.begin(&world, 0, &["/usr/bin/python3", "-c", SWAP, &ours_text]);
    until("the swapping", || is_link(&folder.join("agent.sock")).then_some(()));
    let project = world.home().join("etl").display().to_string();
    for uid in 50_000..50_040 {
        let uid = uid.to_string();
        // Each is a door made anew: folder, capability, connections, socket.
        world.cli(&["container", "up", "--project", &project, "--uid", &uid]);
    }
    assert!(!swapping.is_over(), "it gave up: {}", swapping.stderr.text());
    fs::write(folder.join("end"), "").unwrap();
    let ended = swapping.ended().expect(0);
    world.keep("the swapping", ended);
    assert_eq!(fs::metadata(&ours).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&ours).unwrap(), "mine alone");
    assert!(of_event(&ledger(&world), "door-opened").len() > 1);

    // Left alone again the door stands within seconds, whatever lies in its place.
    until("the door", || std::os::unix::net::UnixStream::connect(folder.join("agent.sock")).ok());
    drop(inside);
    world.close();
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}
