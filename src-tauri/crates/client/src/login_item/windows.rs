//! Windows: a value under the user's Run key, which Explorer reads at login.
#![expect(unsafe_code, reason = "the registry has no safe interface")]

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY_CURRENT_USER, REG_SZ, RRF_RT_REG_SZ, RegDeleteKeyValueW, RegGetValueW, RegSetKeyValueW,
};

use super::AT_LOGIN;
use crate::wire::LoginItem;

const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const VALUE: &str = "dagpass";

pub(super) fn look() -> LoginItem {
    let (key, value) = (wide(KEY), wide(VALUE));
    // SAFETY: both names end with a zero and outlive the call; no buffer is handed over.
    let found = unsafe {
        RegGetValueW(
            HKEY_CURRENT_USER,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_SZ,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    LoginItem {
        enabled: found == ERROR_SUCCESS,
        how: "run-key".to_owned(),
        path: format!(r"HKEY_CURRENT_USER\{KEY}\{VALUE}"),
        available: true,
        reason: None,
    }
}

pub(super) fn enable(program: &str) -> io::Result<()> {
    let (key, value) = (wide(KEY), wide(VALUE));
    let command = wide(&format!("\"{program}\" {}", AT_LOGIN.join(" ")));
    let size = u32::try_from(command.len() * 2).map_err(io::Error::other)?;
    // SAFETY: all three texts end with a zero and outlive the call; `size` counts the bytes of the
    // last one, its zero included.
    let set = unsafe {
        RegSetKeyValueW(
            HKEY_CURRENT_USER,
            key.as_ptr(),
            value.as_ptr(),
            REG_SZ,
            command.as_ptr().cast(),
            size,
        )
    };
    done(set).map(drop)
}

pub(super) fn remove() -> io::Result<Vec<String>> {
    let (key, value) = (wide(KEY), wide(VALUE));
    // SAFETY: both names end with a zero and outlive the call.
    let removed = unsafe { RegDeleteKeyValueW(HKEY_CURRENT_USER, key.as_ptr(), value.as_ptr()) };
    let there = done(removed)?;
    Ok(there.then(|| format!(r"HKEY_CURRENT_USER\{KEY}\{VALUE}")).into_iter().collect())
}

/// `false` where there was nothing.
fn done(code: u32) -> io::Result<bool> {
    match code {
        ERROR_SUCCESS => Ok(true),
        ERROR_FILE_NOT_FOUND => Ok(false),
        other => Err(io::Error::from_raw_os_error(other.cast_signed())),
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_once_enabled_and_gone_once_removed() {
        enable(r"C:\Program Files\dagpass\dagpass-agent.exe").unwrap();
        assert!(look().enabled);
        assert_eq!(remove().unwrap().len(), 1);
        assert!(!look().enabled);
        assert_eq!(remove().unwrap(), [] as [String; 0]);
    }
}
