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
/// memory, writes it or starts a thread in it. OW names what an owner may do: without it he could change the list.
pub fn harden() -> io::Result<()> {
    // SAFETY: takes and returns plain flags.
    unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX)
    };
    let left = PROCESS_QUERY_LIMITED_INFORMATION
        | PROCESS_SYNCHRONIZE
        | PROCESS_TERMINATE
        | SEE_THE_LIST;
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
        true => Ok("no process of your own user can open it to read its memory"),
        false => Err("a process of your own user can open the agent and read its memory"),
    }
}
