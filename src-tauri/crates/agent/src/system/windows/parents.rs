//! The list of processes, for the one thing no handle tells: who started whom.

use std::os::windows::io::{FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};

use super::raw;

/// The number of the process that started this one, which may have ended since.
pub(super) fn named(pid: u32) -> Option<u32> {
    let list = list()?;
    let mut entry =
        PROCESSENTRY32W { dwSize: size_of::<PROCESSENTRY32W>() as u32, ..Default::default() };
    // SAFETY: a living handle, and an entry that says its own size.
    let mut more = unsafe { Process32FirstW(raw(&list), &mut entry) };
    while more != 0 {
        if entry.th32ProcessID == pid {
            return Some(entry.th32ParentProcessID);
        }
        // SAFETY: as above.
        more = unsafe { Process32NextW(raw(&list), &mut entry) };
    }
    None
}

fn list() -> Option<OwnedHandle> {
    // SAFETY: takes plain values; a handle that is not invalid is ours to close.
    unsafe {
        let handle = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
        (handle != INVALID_HANDLE_VALUE).then(|| OwnedHandle::from_raw_handle(handle.cast()))
    }
}
