//! The program of a process, by the file that it runs: the SHA-256 is of what was opened, whatever its name
//! leads to by now. Counted once for each state of a file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use dagpass_core::policy::facts::Executable;

use super::super::{files, patiently, process};

/// How many programs are remembered?
const MOST: usize = 256;
/// How long a file is counted through at most? A larger one has no SHA-256 here.
const LARGEST: u64 = 1 << 30;
const PIECE: usize = 64 * 1024;
/// Stands before the path of a program that is not found there any more, so that no rule about a folder
/// is about it.
const GONE: &str = "(deleted) ";

/// What a process runs, before it was opened.
#[derive(Debug)]
pub(in crate::system) struct Program {
    pub(in crate::system) path: PathBuf,
    /// Where to open that very file.
    pub(in crate::system) place: PathBuf,
    pub(in crate::system) found: Metadata,
}

type Key = (PathBuf, files::Version);

static KNOWN: Mutex<Option<HashMap<Key, Executable>>> = Mutex::new(None);
/// Held while one is counted, so that a crowd counts it once.
static COUNTING: Mutex<()> = Mutex::new(());

/// `None` where it cannot be read: a hardened process, another user's, one that ended.
pub(super) fn executable(pid: u32) -> Option<Executable> {
    let program = process::program(pid)?;
    let key = (program.path.clone(), files::version(&program.found));
    if let Some(known) = recalled(&key) {
        return Some(known);
    }
    patiently(|| {
        let _one = locked(&COUNTING);
        recalled(&key).or_else(|| examine(program, key.1))
    })
}

/// Without its SHA-256: nothing of the file is read.
pub(super) fn unread(pid: u32) -> Option<Executable> {
    let program = process::program(pid)?;
    Some(of(&program, &program.found, None))
}

fn of(program: &Program, found: &Metadata, sha256: Option<String>) -> Executable {
    let is_there = files::stands_at(&program.path, found);
    Executable {
        path: if is_there { program.path.clone() } else { gone(&program.path) },
        sha256,
        owner: files::owner(found),
        only_root_writes: is_there && files::only_root_writes(&program.path, found),
    }
}

fn examine(program: Program, version: files::Version) -> Option<Executable> {
    let mut file = File::open(&program.place).ok()?;
    let found = file.metadata().ok().filter(|found| files::version(found) == version)?;
    let sha256 = match found.len() <= LARGEST {
        true => Some(sha256(&mut file).ok()?),
        false => None,
    };
    // Written to meanwhile: then nobody knows what was counted.
    file.metadata().ok().filter(|behind| files::version(behind) == version)?;
    let executable = of(&program, &found, sha256);
    if files::is_settled(&found) {
        remember((program.path, version), executable.clone());
    }
    Some(executable)
}

fn gone(path: &std::path::Path) -> PathBuf {
    let mut marked = std::ffi::OsString::from(GONE);
    marked.push(path);
    PathBuf::from(marked)
}

fn sha256(file: &mut File) -> io::Result<String> {
    let mut counted = Context::new(&SHA256);
    let mut piece = vec![0_u8; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => counted.update(piece.get(..read).unwrap_or_default()),
        }
    }
    let mut text = String::with_capacity(64);
    for byte in counted.finish().as_ref() {
        write!(text, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(text)
}

fn recalled(key: &Key) -> Option<Executable> {
    locked(&KNOWN).as_ref()?.get(key).cloned()
}

fn remember(key: Key, executable: Executable) {
    let mut known = locked(&KNOWN);
    let known = known.get_or_insert_default();
    // Whoever fills it makes us count again, and costs nothing else.
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(key, executable);
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
