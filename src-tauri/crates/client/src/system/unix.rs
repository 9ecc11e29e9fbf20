//! Linux and macOS: what the system says about this process. Never decides a place.

use std::os::unix::fs::MetadataExt;

use crate::place::{Facts, Os};

pub(crate) const OS: Os = if cfg!(target_os = "macos") { Os::MacOs } else { Os::Linux };

pub(crate) fn facts() -> Facts {
    let uid = uid();
    let run_user = std::fs::metadata(format!("/run/user/{uid}"));
    Facts {
        uid,
        hostname: hostname(),
        run_user_dir_ours: run_user.is_ok_and(|folder| folder.is_dir() && folder.uid() == uid),
        home: directories::BaseDirs::new()
            .and_then(|dirs| Some(dirs.home_dir().to_str()?.to_owned())),
        sid: String::new(),
    }
}

pub(crate) fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Linux only: macOS has one place, whatever the host is called.
fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim_end().to_owned()
}
