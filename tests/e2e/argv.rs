//! What every process of this machine shows in its command line while the tests run: anybody may
//! read it, so no secret may ever be there. One watcher for the whole test program.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// How long may a process live without being seen?
const SWEEP: Duration = Duration::from_millis(20);

/// Starts the watcher, once.
pub(crate) fn watch() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                sweep();
                std::thread::park_timeout(SWEEP);
            }
        });
    });
}

/// Looks now: for a process that may be over before the next sweep.
pub(crate) fn look_at(pid: u32) {
    if let Some(line) = command_line(pid) {
        seen().lock().unwrap().insert(line);
    }
}

/// Every command line seen so far.
pub(crate) fn all() -> Vec<String> {
    seen().lock().unwrap().iter().cloned().collect()
}

fn seen() -> &'static Mutex<BTreeSet<String>> {
    static SEEN: OnceLock<Mutex<BTreeSet<String>>> = OnceLock::new();
    SEEN.get_or_init(Mutex::default)
}

fn sweep() {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        look_at(pid);
    }
}

fn command_line(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&bytes).replace('\0', " ");
    (!line.trim().is_empty()).then_some(line)
}
