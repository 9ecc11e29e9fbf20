//! Root in a container into which the door's folder is mounted for writing: it may break its own door, and
//! no file of ours beyond it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::inside::Inside;
use super::{ledger, of_event, up};
use crate::wait::until;
use crate::world::World;

/// As soon as something of the agent's has a name in the folder, a link to `$1` stands in its place, and is
/// gone again so that the agent tries once more. One process for the socket, whose name is known; one for
/// whatever is written there.
const SWAP: &str = r#"import os, stat, sys
target = sys.argv[1]
os.chdir("/run/dagpass")
watches_socket = os.fork() == 0
link = "link-a" if watches_socket else "link-b"
def swap(name):
    try:
        os.rename(link, name)
        os.symlink(target, link)
        os.lstat(name)
        os.unlink(name)
    except OSError:
        pass
os.symlink(target, link)
print("swapping", flush=True)
while not os.path.lexists("end"):
    for _ in range(2000):
        if watches_socket:
            try:
                if stat.S_ISSOCK(os.lstat("agent.sock").st_mode):
                    swap("agent.sock")
            except OSError:
                pass
        else:
            for name in os.listdir():
                if name.startswith("."):
                    swap(name)
"#;

/// How often is the door made anew meanwhile?
const TIMES: u32 = 400;

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
    swapping
        .stdout
        .wait_for("the swapping", |text| (text.matches("swapping").count() == 2).then_some(()));
    let project = world.home().join("etl").display().to_string();
    for uid in 50_000..50_000 + TIMES {
        // Each is a door made anew: folder, capability, connections, socket.
        world.api("POST", "/v1/containers", &json!({ "project": project, "uids": [uid] }));
    }
    assert!(!swapping.is_over(), "it gave up: {}", swapping.stderr.text());
    fs::write(folder.join("end"), "").unwrap();
    let ended = swapping.ended().expect(0);
    world.keep("the swapping", ended);
    assert_eq!(fs::metadata(&ours).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&ours).unwrap(), "mine alone");
    assert!(of_event(&ledger(&world), "door-opened").len() > 300, "the doors were made anew");

    // Left alone again the door stands within seconds, whatever lies in its place.
    until("the door", || std::os::unix::net::UnixStream::connect(folder.join("agent.sock")).ok());
    drop(inside);
    world.close();
}
