//! Whose a file is, by its security descriptor; and where the machine's own files lie.
#![expect(unsafe_code, reason = "the system's calls take raw pointers")]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, GetNamedSecurityInfoW, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID};
use windows_sys::Win32::System::Registry::{HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RegGetValueW};

/// The group of the administrators, the system itself, and its installer.
pub(in crate::system) const ADMINISTRATORS: [&str; 3] =
    ["S-1-5-32-544", "S-1-5-18", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"];

/// Where whoever administers the machine puts what holds for everybody on it. Not by the environment, which is
/// for anybody to set.
pub fn machine_dir() -> Option<PathBuf> {
    let wide = |text: &str| text.encode_utf16().chain([0]).collect::<Vec<u16>>();
    let key = wide(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders");
    let value = wide("Common AppData");
    let mut folder = [0_u16; 512];
    let mut size = size_of_val(&folder) as u32;
    // SAFETY: both names are zero-ended, and the buffer has `size` bytes.
    let failed = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_SZ,
            null_mut(),
            folder.as_mut_ptr().cast(),
            &mut size,
        )
    };
    let text =
        folder.split(|unit| *unit == 0).next().filter(|text| failed == 0 && !text.is_empty())?;
    Some(PathBuf::from(OsString::from_wide(text)).join("dagpass"))
}

/// The owner as `S-1-…`.
pub(in crate::system) fn sid_of(path: &Path) -> io::Result<String> {
    let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let mut owner: PSID = null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: the name is zero-ended; the owner points into the descriptor, which is freed below.
    let failed = unsafe {
        GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &mut owner,
            null_mut(),
            null_mut(),
            null_mut(),
            &mut descriptor,
        )
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed.cast_signed()));
    }
    let mut text = null_mut();
    // SAFETY: a living SID; the system gives a zero-ended string, copied and freed once, as the descriptor is.
    unsafe {
        let done = ConvertSidToStringSidW(owner, &mut text);
        let error = io::Error::last_os_error();
        LocalFree(descriptor.cast());
        if done == 0 {
            return Err(error);
        }
        let length = (0..).take_while(|&at| *text.add(at) != 0).count();
        let sid = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        Ok(sid)
    }
}
