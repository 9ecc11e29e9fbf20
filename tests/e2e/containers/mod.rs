//! Doors for containers (statements 20, 22, 29 and 30): who passes, what it gets, and that nothing of
//! it is left once a door is closed.

mod compose;
mod inside;
mod port;
mod socket;
mod ssh;
mod swap;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::wait::until;
use crate::world::World;

/// `dagpass container up` for a project in this world; its folder, and what it says in JSON.
pub(crate) fn up(world: &World, more: &[&str]) -> (PathBuf, Value) {
    let project = world.home().join("etl");
    std::fs::create_dir_all(&project).unwrap();
    let project = project.display().to_string();
    let words = [&["--json", "container", "up", "--project", &project], more].concat();
    let said = world.cli(&words).expect(0).stdout;
    let door: Value = serde_json::from_str(&said).unwrap();
    let folder = PathBuf::from(door["folder"].as_str().unwrap());
    capability(world, &folder);
    (folder, door)
}

/// What lies in the folder; the scan may find it there and nowhere else.
pub(crate) fn capability(world: &World, folder: &Path) -> String {
    // After a restart the agent's own socket answers before its doors do.
    let text = until("the capability", || std::fs::read_to_string(folder.join("capability")).ok());
    world.secret("capability of a container", &text);
    text
}

fn ledger(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_event<'a>(ledger: &'a [Value], event: &str) -> Vec<&'a Value> {
    ledger.iter().filter(|line| line["event"] == event).collect()
}
