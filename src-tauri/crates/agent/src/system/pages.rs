//! Keeps the pages of long-lived secrets out of swap and dumps, and from children: what
//! [`dagpass_core::locked`] is shown at the start. A system that keeps no more of them is no error; doctor says it.
#![expect(unsafe_code, reason = "the system is told of pages by their address")]

use dagpass_core::locked::{Keeper, keep_by};

/// From here on.
pub(crate) fn keep_secrets_in_memory() {
    keep_by(&SystemPages);
}

struct SystemPages;

#[cfg(unix)]
impl Keeper for SystemPages {
    fn page(&self) -> usize {
        rustix::param::page_size()
    }

    fn keep(&self, pages: &[u8]) -> bool {
        apart(pages);
        // SAFETY: locking reads and writes nothing, and whoever shows us these pages owns them whole.
        unsafe { rustix::mm::mlock(pages.as_ptr().cast_mut().cast(), pages.len()) }.is_ok()
    }

    fn let_go(&self, pages: &[u8]) {
        together(pages);
        // SAFETY: as above; what was never locked is none the less unlocked.
        if let Err(error) =
            unsafe { rustix::mm::munlock(pages.as_ptr().cast_mut().cast(), pages.len()) }
        {
            tracing::debug!(%error, "pages stay locked");
        }
    }
}

/// In no dump, and blank in a child before it becomes another program.
#[cfg(target_os = "linux")]
fn apart(pages: &[u8]) {
    use rustix::mm::Advice;
    advise(pages, [Advice::LinuxDontDump, Advice::LinuxWipeOnFork]);
}

/// As memory is that others get next.
#[cfg(target_os = "linux")]
fn together(pages: &[u8]) {
    use rustix::mm::Advice;
    advise(pages, [Advice::LinuxDoDump, Advice::LinuxKeepOnFork]);
}

#[cfg(target_os = "linux")]
fn advise(pages: &[u8], all: [rustix::mm::Advice; 2]) {
    for advice in all {
        // SAFETY: none of these changes what we read or write in our own pages.
        let taken =
            unsafe { rustix::mm::madvise(pages.as_ptr().cast_mut().cast(), pages.len(), advice) };
        if let Err(error) = taken {
            tracing::debug!(%error, ?advice, "not taken");
        }
    }
}

/// Not had here.
#[cfg(all(unix, not(target_os = "linux")))]
fn apart(_pages: &[u8]) {}

#[cfg(all(unix, not(target_os = "linux")))]
fn together(_pages: &[u8]) {}

#[cfg(windows)]
impl Keeper for SystemPages {
    fn page(&self) -> usize {
        use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};
        // SAFETY: the struct is plain memory, for which all zeroes is a value; the call fills it.
        let info = unsafe {
            let mut info: SYSTEM_INFO = std::mem::zeroed();
            GetSystemInfo(&raw mut info);
            info
        };
        info.dwPageSize as usize
    }

    fn keep(&self, pages: &[u8]) -> bool {
        use windows_sys::Win32::System::Memory::VirtualLock;
        // SAFETY: locking reads and writes nothing, and whoever shows us these pages owns them whole.
        unsafe { VirtualLock(pages.as_ptr().cast_mut().cast(), pages.len()) != 0 }
    }

    fn let_go(&self, pages: &[u8]) {
        use windows_sys::Win32::System::Memory::VirtualUnlock;
        // SAFETY: as above; what was never locked is none the less unlocked.
        let unlocked = unsafe { VirtualUnlock(pages.as_ptr().cast_mut().cast(), pages.len()) };
        if unlocked == 0 {
            tracing::debug!("pages stay locked, or never were");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    fn lets_lock(bytes: usize) -> bool {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
        limit.is_none_or(|limit| limit >= bytes as u64)
    }

    #[cfg(not(target_os = "linux"))]
    fn lets_lock(_bytes: usize) -> bool {
        false
    }

    #[test]
    fn the_system_takes_whole_pages_and_gives_them_back() {
        let keeper = SystemPages;
        let page = keeper.page();
        assert!(page.is_power_of_two() && page >= 4096, "{page}");
        let room = vec![7_u8; 2 * page];
        let start = room.as_ptr().align_offset(page);
        let pages = &room[start..start + page];
        // A machine with next to no memory to lock is one that doctor names.
        let kept = keeper.keep(pages);
        assert!(pages.iter().all(|byte| *byte == 7));
        keeper.let_go(pages);
        assert!(kept || !lets_lock(16 * page), "no page at all");
    }
}
