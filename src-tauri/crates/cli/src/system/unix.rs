//! Linux and macOS: becoming another program, and standing in for one with its signals.
#![expect(unsafe_code, reason = "a signal handler runs between any two instructions")]

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::world::Stop;

/// Elsewhere containers run in a virtual machine, which shares files and no sockets.
pub(crate) const SHARES_SOCKETS: bool = cfg!(target_os = "linux");

/// How large a core this process would have left, in bytes; `None` is without limit.
static CORE_FOUND: OnceLock<Option<u64>> = OnceLock::new();

/// What a token passes through leaves no core behind. The limit that others may raise stays as it was.
pub(crate) fn leave_no_core() -> io::Result<()> {
    let found = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: Some(0), ..found })?;
    CORE_FOUND.get_or_init(|| found.current);
    Ok(())
}

/// The program that this starts leaves a core as it would have without us.
pub(crate) fn with_own_core(command: &mut Command) {
    let Some(&current) = CORE_FOUND.get().filter(|found| **found != Some(0)) else { return };
    let as_found = move || {
        let limit = Rlimit { current, ..getrlimit(Resource::Core) };
        setrlimit(Resource::Core, limit).map_err(io::Error::from)
    };
    // SAFETY: between fork and exec two system calls are made and nothing is allocated.
    unsafe {
        command.pre_exec(as_found);
    }
}

/// Replaces this process, and gets its signals; comes back only where that fails.
pub(crate) fn become_program(mut command: Command, _stop: Stop) -> io::Result<ExitCode> {
    with_own_core(&mut command);
    Err(command.exec())
}

/// The child that signals are handed to; 0 before it is there and once it has ended.
static CHILD: AtomicI32 = AtomicI32::new(0);
/// Signals that are to be handed on, a bit each.
static DUE: AtomicU32 = AtomicU32::new(0);
const HANDED_ON: [Signal; 6] =
    [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// Before a child is spawned: from now on no signal ends us and leaves it behind.
pub(crate) fn stand_by() -> io::Result<()> {
    HANDED_ON.iter().try_for_each(|signal| keep(*signal))
}

/// Waits for the child, hands it the signals that were sent to us alone, and ends as it does.
pub(crate) fn attend(mut child: Child) -> io::Result<ExitCode> {
    CHILD.store(i32::try_from(child.id()).unwrap_or(0), Ordering::SeqCst);
    hand_on();
    let status = child.wait();
    CHILD.store(0, Ordering::SeqCst);
    let status = status?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

/// From now on what our programs leave behind is ours, so that it is seen whose it is; and what of it ends is
/// waited for. Where the system has no way for that, nothing is done.
#[cfg(target_os = "linux")]
pub(crate) fn take_over_orphans() -> io::Result<()> {
    // SAFETY: an option that takes a number and changes no memory.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    std::thread::Builder::new().name("orphans".to_owned()).spawn(bury)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn take_over_orphans() -> io::Result<()> {
    Ok(())
}

/// The child itself is left to whoever attends it.
#[cfg(target_os = "linux")]
fn bury() {
    /// A child that ended before it is known by its number is left, too.
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
    loop {
        std::thread::sleep(PAUSE);
        let own = CHILD.load(Ordering::SeqCst);
        for pid in own_children().into_iter().filter(|pid| own != 0 && *pid != own) {
            // SAFETY: nothing is written to a place that is none.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
        }
    }
}

/// Of this process, whichever thread they came to.
#[cfg(target_os = "linux")]
fn own_children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    children
        .flat_map(|all| {
            all.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

fn keep(signal: Signal) -> io::Result<()> {
    // What whoever started us has us ignore (`nohup`), the child ignores too: a handler would undo that.
    if is_ignored(signal)? {
        return Ok(());
    }
    undisturbed(|| {
        // SAFETY: the action reads and writes atomics and makes one system call, all allowed in a handler.
        unsafe {
            signal_hook_registry::register_sigaction(signal.as_raw(), move |info| {
                let there = CHILD.load(Ordering::SeqCst) != 0;
                // What the terminal sends goes to the whole foreground group: a child that is there has it.
                if there && is_of_terminal(signal, sender(info), info.si_code) {
                    return;
                }
                DUE.fetch_or(bit(signal), Ordering::SeqCst);
                hand_on();
            })
        }
    })?;
    Ok(())
}

/// No signal arrives on this thread meanwhile: between the system's word for a handler and the handler's own
/// list of what to do, one would be nobody's and lost.
fn undisturbed<T>(register: impl FnOnce() -> T) -> T {
    // SAFETY: a set of signals is plain memory, for which all zeroes is a value.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: both outlive the calls.
    let blocked = unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before)
    };
    let done = register();
    if blocked == 0 {
        // SAFETY: as it was before.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut())
        };
    }
    done
}

fn is_ignored(signal: Signal) -> io::Result<bool> {
    // SAFETY: numbers, and places of functions that may be none: all zeroes is one.
    let mut now = unsafe { std::mem::zeroed::<libc::sigaction>() };
    // SAFETY: it changes nothing, and what it writes to outlives the call.
    match unsafe { libc::sigaction(signal.as_raw(), std::ptr::null(), &raw mut now) } {
        0 => Ok(now.sa_sigaction == libc::SIG_IGN),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(target_os = "macos")]
fn sender(info: &libc::siginfo_t) -> i32 {
    info.si_pid
}

#[cfg(not(target_os = "macos"))]
fn sender(info: &libc::siginfo_t) -> i32 {
    // SAFETY: every signal that is handed on is one that a process or the kernel sends: it has a sender.
    unsafe { info.si_pid() }
}

/// Nobody's number is the kernel's. Linux gives none to a process of another namespace either (`docker
/// stop`), and tells the kernel by the code.
fn is_of_terminal(signal: Signal, pid: i32, code: i32) -> bool {
    let can_be = [Signal::INT, Signal::QUIT, Signal::HUP].contains(&signal);
    can_be && pid == 0 && (code > 0 || cfg!(target_os = "macos"))
}

/// Each once, whoever is first: a handler, or who has just spawned the child.
fn hand_on() {
    let Some(child) = Pid::from_raw(CHILD.load(Ordering::SeqCst)) else { return };
    let due = DUE.swap(0, Ordering::SeqCst);
    for signal in HANDED_ON.into_iter().filter(|signal| due & bit(*signal) != 0) {
        match kill_process(child, signal) {
            // A child that has just ended needs no signal.
            Ok(()) | Err(_) => {}
        }
    }
}

fn bit(signal: Signal) -> u32 {
    u32::try_from(signal.as_raw()).ok().and_then(|number| 1_u32.checked_shl(number)).unwrap_or(0)
}

/// Set once we are told to end, by a signal that is not ignored.
static ENDED: AtomicBool = AtomicBool::new(false);

/// From now on such a signal ends nothing by itself.
pub(crate) fn told_to_end() -> io::Result<&'static AtomicBool> {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        if is_ignored(signal)? {
            continue;
        }
        // SAFETY: the action writes an atomic, which is allowed in a handler.
        undisturbed(|| unsafe {
            signal_hook_registry::register(signal.as_raw(), || ENDED.store(true, Ordering::SeqCst))
        })?;
    }
    Ok(&ENDED)
}

/// Has the other end of the pipe that stdout is been closed?
pub(crate) fn stdout_is_unread() -> bool {
    let stdout = io::stdout();
    let mut looked = [PollFd::new(&stdout, PollFlags::empty())];
    let known = poll(&mut looked, Some(&Timespec::default())).is_ok();
    known && looked[0].revents().contains(PollFlags::ERR)
}

/// How the terminal was before it hid what is typed.
static SHOWN: AtomicPtr<libc::termios> = AtomicPtr::new(std::ptr::null_mut());

/// Reads from the terminal without showing what is typed. Whatever ends it, Ctrl-C too, the terminal
/// shows again.
pub(crate) fn without_echo<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // SAFETY: numbers and arrays of them: all zeroes is one.
    let mut shown = unsafe { std::mem::zeroed::<libc::termios>() };
    // SAFETY: it outlives the call.
    if unsafe { libc::tcgetattr(libc::STDIN_FILENO, &raw mut shown) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // A handler may read it as long as we live.
    SHOWN.store(Box::leak(Box::new(shown)), Ordering::SeqCst);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        show_before(signal)?;
    }
    let hidden = libc::termios { c_lflag: shown.c_lflag & !libc::ECHO, ..shown };
    // SAFETY: as above.
    if unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &raw const hidden) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let line = read();
    show();
    line
}

/// The signal ends us as it would have, and finds the terminal as it was.
fn show_before(signal: Signal) -> io::Result<()> {
    let number = signal.as_raw();
    // SAFETY: the action makes three calls that POSIX allows in a handler. What it raises waits until it
    // has returned, and then does what the system does by itself.
    undisturbed(|| unsafe {
        signal_hook_registry::register(number, move || {
            show();
            libc::signal(number, libc::SIG_DFL);
            libc::raise(number);
        })
    })?;
    Ok(())
}

fn show() {
    let shown = SHOWN.load(Ordering::SeqCst);
    if !shown.is_null() {
        // SAFETY: it was leaked, and nobody writes to it.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, shown) };
    }
}

/// Does the terminal obey colours?
pub(crate) fn takes_colours() -> bool {
    anstyle_query::term_supports_color()
}

/// A new file that only we can read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A new folder that only we can enter.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// A folder that only we can enter, made or found.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    dagpass_client::bind::private_dir(path)
}

/// What has another name in it since is on disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// For what is no secret and is mounted into a container, whose user has another number.
pub(crate) fn readable_by_all(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// Where a virtual environment has its interpreter.
pub(crate) const PYTHON_IN_ENVIRONMENT: &str = "bin/python";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_leave_no_core_and_the_program_we_start_leaves_one_as_before() {
        let before = getrlimit(Resource::Core);
        leave_no_core().unwrap();
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), ..before });
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -Sc"]);
        with_own_core(&mut command);
        let told = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert_eq!(told.trim() == "0", before.current == Some(0), "{told}");
    }

    #[test]
    fn we_end_as_the_child_does_and_by_128_and_the_signal() {
        for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)]
        {
            let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let ended = format!("{:?}", attend(child).unwrap());
            assert_eq!(ended, format!("{:?}", ExitCode::from(code)), "{script}");
        }
        // Before there is a child: it is waited for with what came meanwhile.
        stand_by().unwrap();
        kill_process(rustix::process::getpid(), Signal::TERM).unwrap();
        while DUE.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let ended = format!("{:?}", attend(child).unwrap());
        assert_eq!(ended, format!("{:?}", ExitCode::from(143)));
    }

    #[test]
    fn a_child_in_the_foreground_gets_the_terminal_s_signals_once() {
        let of_kernel = 0x80;
        for (signal, pid, code, expected) in [
            (Signal::INT, 0, of_kernel, true),
            (Signal::HUP, 0, of_kernel, true),
            (Signal::INT, 4711, 0, false),
            (Signal::TERM, 4711, 0, false),
            (Signal::TERM, 0, of_kernel, false),
            (Signal::TERM, 0, 0, false),
            (Signal::INT, 0, 0, cfg!(target_os = "macos")),
        ] {
            assert_eq!(is_of_terminal(signal, pid, code), expected, "{signal:?} {pid} {code}");
        }
    }

    #[test]
    fn a_private_file_is_its_owners_alone_and_never_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let file = create_private(&path).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(create_private(&path).is_err());
    }
}
