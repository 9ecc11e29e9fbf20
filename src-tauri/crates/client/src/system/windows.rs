//! Windows: what the system says about this process. Never decides a place.
#![expect(unsafe_code, reason = "the user's SID comes from the token API, which is C")]

use std::ffi::c_void;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::place::{Facts, Os};

pub(crate) const OS: Os = Os::Windows;

pub(crate) fn facts() -> Facts {
    Facts { sid: own_sid().unwrap_or_default(), ..Facts::default() }
}

/// `S-1-5-21-…` of the user this process runs as.
fn own_sid() -> Option<String> {
    let mut token: HANDLE = null_mut();
    // SAFETY: the pseudo handle is always valid and `token` outlives the call.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) } == 0 {
        return None;
    }
    let sid = sid_of(token);
    // SAFETY: `token` was opened above and is closed once.
    unsafe { CloseHandle(token) };
    sid
}

fn sid_of(token: HANDLE) -> Option<String> {
    // A TOKEN_USER and the longest SID take 84 bytes; u64 keeps the alignment.
    let mut buffer = [0u64; 32];
    let size = size_of_val(&buffer) as u32;
    let mut needed = 0;
    let start: *mut c_void = buffer.as_mut_ptr().cast();
    // SAFETY: `start` has `size` writable bytes.
    if unsafe { GetTokenInformation(token, TokenUser, start, size, &mut needed) } == 0 {
        return None;
    }
    let mut text: *mut u16 = null_mut();
    // SAFETY: the call above filled the buffer with a TOKEN_USER, aligned by u64.
    let converted = unsafe {
        let user = &*start.cast::<TOKEN_USER>();
        ConvertSidToStringSidW(user.User.Sid, &mut text)
    };
    if converted == 0 {
        return None;
    }
    // SAFETY: on success `text` is a zero-terminated string that is ours to free.
    unsafe {
        let length = (0..).take_while(|&at| *text.add(at) != 0).count();
        let sid = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        Some(sid)
    }
}
