//! Windows: our own process closed to others of the same user by its access list, and no crash dialog.
#![expect(unsafe_code, reason = "the system's calls take raw handles and pointers")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, SetKernelObjectSecurity,
};
use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE,
};

use super::{Descriptor, check, own_sid};

/// Was the access list taken?
static CLOSED: AtomicBool = AtomicBool::new(false);

/// READ_CONTROL: who looks may see that it is closed.
const SEE_THE_LIST: u32 = 0x0002_0000;

/// No crash dialog that would hold the dead process and its memory open, and nobody of our user reads that
/// memory, writes it or starts a thread in it by the process. The threads that exist keep their own lists, and
/// whoever started us has a handle of before: neither is in our hands. OW names what an owner may do: without it
/// he could change the list.
pub fn harden() -> io::Result<()> {
    // SAFETY: takes and returns plain flags.
    unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX)
    };
    let left =
        PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE | PROCESS_TERMINATE | SEE_THE_LIST;
    let sid = own_sid()?;
    let list = format!("D:P(A;;{left:#x};;;OW)(A;;{left:#x};;;{sid})(A;;GA;;;SY)");
    let descriptor = Descriptor::of(&list)?;
    let parts = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the pseudo-handle of our own process is always good; the descriptor outlives the call.
    check(unsafe { SetKernelObjectSecurity(GetCurrentProcess(), parts, descriptor.0) })?;
    CLOSED.store(true, Ordering::Relaxed);
    Ok(())
}

/// What of [`harden`] holds now, in words; what does not, as an error.
pub fn shielded() -> Result<&'static str, &'static str> {
    match CLOSED.load(Ordering::Relaxed) {
        true => {
            Ok("no process of your own user that did not start it can open it to read its memory")
        }
        false => Err("a process of your own user can open the agent and read its memory"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::windows::io::{FromRawHandle, OwnedHandle};

    use windows_sys::Win32::System::Threading::{
        OpenProcess, PROCESS_VM_OPERATION, PROCESS_VM_READ, PROCESS_VM_WRITE,
    };

    use super::*;

    /// A process that asks for itself by its number is judged by the access list like any other.
    #[test]
    fn a_hardened_process_lets_nobody_of_its_user_read_its_memory_and_can_still_be_seen_and_ended()
    {
        harden().unwrap();
        assert!(shielded().is_ok());
        for (rights, opens) in [
            (PROCESS_VM_READ, false),
            (PROCESS_VM_WRITE | PROCESS_VM_OPERATION, false),
            (PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, true),
            (PROCESS_TERMINATE, true),
        ] {
            // SAFETY: a null handle says no; any other is ours to close.
            let handle = unsafe { OpenProcess(rights, 0, std::process::id()) };
            assert_eq!(!handle.is_null(), opens, "{rights:#x}");
            if !handle.is_null() {
                // SAFETY: as above.
                drop(unsafe { OwnedHandle::from_raw_handle(handle.cast()) });
            }
        }
        assert!(super::super::executable(std::process::id()).is_some(), "it still sees itself");
    }
}
