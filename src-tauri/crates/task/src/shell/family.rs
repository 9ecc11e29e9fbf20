//! A program and all that it started. Decides whom the end of one means; never anybody it did not start.

use std::process::{Child, Command};

use super::say;

/// Ends the child and what it started: a test runner's own children would outlive it.
pub(super) fn end(child: &mut Child) {
    let family = descendants(child.id(), &parents());
    let ids: Vec<String> = family.iter().map(u32::to_string).collect();
    // `kill` as the shell's own word: a bare Debian has no program of that name.
    let kill = format!("kill -KILL {}", ids.join(" "));
    if !ids.is_empty() && Command::new("sh").arg("-c").arg(kill).status().is_err() {
        say("what the program started could not be ended");
    }
    if child.kill().and_then(|()| child.wait()).is_err() {
        say("the program could not be ended");
    }
}

/// Every process with its parent, where the system has /proc.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in brackets may hold blanks and brackets: count from the last one.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect()
}

fn descendants(of: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_children_and_theirs_and_nobody_else() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 4)];
        assert_eq!(descendants(2, &parents), [3, 4, 6]);
        assert_eq!(descendants(6, &parents), [] as [u32; 0]);
    }
}
