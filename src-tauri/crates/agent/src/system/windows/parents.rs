//! The list of processes, for the one thing no handle tells: who started whom; and what of it a rule may
//! rest on.

use std::collections::HashMap;
use std::os::windows::io::{FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};

use super::{executable, raw, started_at};
use crate::system::facts::{Ancestor, GENERATIONS, Program, Surroundings};

/// By its path. While it runs the file may be renamed, not written to.
pub(in crate::system) fn program(pid: u32) -> Option<Program> {
    let path = executable(pid)?;
    let found = std::fs::metadata(&path).ok()?;
    Some(Program { place: path.clone(), path, found })
}

/// There are no sessions with a leader here: up to whoever has no parent that runs. Neither does the system
/// show a terminal, a folder or a unit.
pub(in crate::system) fn surroundings(pid: u32) -> Surroundings {
    Surroundings { parents: parents(pid).unwrap_or_default(), ..Surroundings::default() }
}

fn parents(pid: u32) -> Option<Vec<Ancestor>> {
    let started_whom: HashMap<u32, u32> = all()?.into_iter().collect();
    let mut above = Vec::new();
    let (mut pid, mut since) = (pid, started_at(pid)?);
    while above.len() < GENERATIONS {
        let Some(&parent) = started_whom.get(&pid) else { break };
        // A number that was given anew is of a later process.
        let Some(mark) = started_at(parent).filter(|mark| *mark <= since) else { break };
        if parent == pid {
            break;
        }
        above.push(Ancestor { pid: parent, started_at: Some(mark) });
        (pid, since) = (parent, mark);
    }
    Some(above)
}

/// The number of the process that started this one, which may have ended since.
pub(super) fn named(pid: u32) -> Option<u32> {
    all()?.into_iter().find_map(|(one, parent)| (one == pid).then_some(parent))
}

/// Each process with the one that started it.
fn all() -> Option<Vec<(u32, u32)>> {
    let list = list()?;
    let mut found = Vec::new();
    let mut entry =
        PROCESSENTRY32W { dwSize: size_of::<PROCESSENTRY32W>() as u32, ..Default::default() };
    // SAFETY: a living handle, and an entry that says its own size.
    let mut more = unsafe { Process32FirstW(raw(&list), &mut entry) };
    while more != 0 {
        found.push((entry.th32ProcessID, entry.th32ParentProcessID));
        // SAFETY: as above.
        more = unsafe { Process32NextW(raw(&list), &mut entry) };
    }
    Some(found)
}

fn list() -> Option<OwnedHandle> {
    // SAFETY: takes plain values; a handle that is not invalid is ours to close.
    unsafe {
        let handle = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
        (handle != INVALID_HANDLE_VALUE).then(|| OwnedHandle::from_raw_handle(handle.cast()))
    }
}
