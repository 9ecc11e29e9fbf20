//! `run --lane`: what holds its programs together. A scope of systemd's where that runs, which nothing leaves
//! by losing who started it; and we take over what they leave behind, where the system has a way for it.

use std::path::Path;
use std::process::Command;

use crate::exit::Failure;
use crate::world::World;
use crate::{output, system};

/// Says that we are in the scope already, whether the system shows it or not.
const ENTERED: &str = "DAGPASS_LANE_ENTERED";

pub(super) fn enter(world: &World, lane: &str) -> Result<(), Failure> {
    // An agent that has to be started first is none of the lane's.
    world.ask(|agent| agent.status())?;
    if std::env::var_os(ENTERED).is_none()
        && let Some(command) = scope(lane)
        // Comes back only where that fails.
        && let Err(error) = system::become_program(command, Box::new(|| {}))
    {
        output::say(&format!("note: no scope of systemd's holds it together: {error}"));
    }
    if let Err(error) = system::take_over_orphans() {
        output::say(&format!("note: what its programs leave behind is not seen: {error}"));
    }
    Ok(())
}

/// What the program is not to inherit.
pub(super) fn leave(command: &mut Command) {
    command.env_remove(ENTERED);
}

/// Ourselves once more, within a scope. `None` where no systemd of the person's runs.
fn scope(lane: &str) -> Option<Command> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let folder = std::env::var_os("XDG_RUNTIME_DIR")?;
    if !Path::new(&folder).join("systemd/private").exists() {
        return None;
    }
    let own = std::env::current_exe().ok()?;
    let unit = unit(lane, std::process::id());
    let mut command = Command::new("systemd-run");
    command.args(["--user", "--scope", "--quiet", "--collect"]).arg(format!("--unit={unit}"));
    command.arg("--").arg(own).args(std::env::args_os().skip(1)).env(ENTERED, "1");
    Some(command)
}

/// As the agent knows it by. A lane's name has nothing that a unit's may not.
fn unit(lane: &str, pid: u32) -> String {
    let mut random = [0; 4];
    let word = match getrandom::fill(&mut random) {
        Ok(()) => u32::from_ne_bytes(random),
        Err(_) => 0,
    };
    format!("dagpass-lane-{lane}-{pid:x}{word:08x}.scope")
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn a_scope_is_named_after_its_lane_and_no_two_are_called_the_same() {
        let (one, other) = (unit("my-agent", 7), unit("my-agent", 7));
        assert_ne!(one, other);
        let (name, word) = one
            .strip_prefix("dagpass-lane-")
            .unwrap()
            .strip_suffix(".scope")
            .unwrap()
            .rsplit_once('-')
            .unwrap();
        assert_eq!(name, "my-agent");
        assert!(word.chars().all(|letter| letter.is_ascii_hexdigit()), "{word}");
    }
}
