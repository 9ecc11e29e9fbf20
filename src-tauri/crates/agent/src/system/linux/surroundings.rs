//! Linux: where a process stands among the others, by `/proc`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Stat;
use crate::system::facts::{Ancestor, GENERATIONS, Program, Surroundings};
use crate::system::files;

/// It takes over what others leave behind.
const INIT: u32 = 1;
/// Unix98 pseudo terminals (devices.txt of the kernel).
const PTS: std::ops::RangeInclusive<u32> = 136..=143;

/// Shown by whoever may trace it: not where it is hardened.
pub(in crate::system) fn program(pid: u32) -> Option<Program> {
    let place = PathBuf::from(format!("/proc/{pid}/exe"));
    let found = fs::metadata(&place).ok()?;
    let link = fs::read_link(&place).ok()?;
    Some(Program { path: undeleted(link, &found), place, found })
}

/// The kernel writes behind the path that it is gone; a file may bear that very name, too.
fn undeleted(link: PathBuf, found: &fs::Metadata) -> PathBuf {
    let plain = link.to_str().and_then(|text| text.strip_suffix(" (deleted)"));
    match plain {
        Some(plain) if !files::stands_at(&link, found) => PathBuf::from(plain),
        Some(_) | None => link,
    }
}

pub(in crate::system) fn surroundings(pid: u32) -> Surroundings {
    let Some(stat) = Stat::of(pid) else { return Surroundings::default() };
    let terminal = terminal(stat.terminal);
    Surroundings { parents: parents(pid, stat), terminal, cwd: cwd(pid), cgroup: unit_of(pid) }
}

fn parents(pid: u32, stat: Stat) -> Vec<Ancestor> {
    let mut above = Vec::new();
    let (mut pid, mut stat) = (pid, stat);
    while above.len() < GENERATIONS && stat.session != pid {
        let Some(parent) = Stat::of(stat.parent).filter(|one| one.session == stat.session) else {
            break;
        };
        // Named once more behind it: a parent that ends is named no more, and its number goes to nobody
        // before that.
        if Stat::of(pid).is_none_or(|behind| !behind.is_child_as(&stat)) {
            break;
        }
        above.push(Ancestor { pid: stat.parent, started_at: Some(parent.started_at) });
        (pid, stat) = (stat.parent, parent);
    }
    above
}

impl Stat {
    fn is_child_as(&self, before: &Self) -> bool {
        (self.parent, self.started_at) == (before.parent, before.started_at)
    }
}

/// By the device's number (proc(5), `tty_nr`).
fn terminal(number: u32) -> Option<String> {
    let (major, minor) = (number >> 8 & 0xfff, number >> 12 & 0xfff00 | number & 0xff);
    if PTS.contains(&major) {
        return Some(format!("/dev/pts/{}", (major - PTS.start()) << 8 | minor));
    }
    let told = fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok()?;
    let name = told.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    (number != 0).then(|| format!("/dev/{name}"))
}

/// Only where the path leads there for us too.
fn cwd(pid: u32) -> Option<PathBuf> {
    let link = PathBuf::from(format!("/proc/{pid}/cwd"));
    let found = fs::metadata(&link).ok().filter(|found| found.nlink() > 0)?;
    fs::read_link(&link).ok().filter(|path| files::stands_at(path, &found))
}

/// Was it left behind, and taken over by that parent? A service was started by who takes over others, and a
/// container's own first program starts what leads its sessions; of no other can that be told apart.
pub(in crate::system) fn is_adopted(pid: u32, parent: Option<u32>) -> bool {
    let is_ours = |pid: u32| super::owner_of(pid) == super::super::own_uid();
    // From outside of a container nobody is seen.
    let Some(parent) = parent.filter(|parent| *parent != 0) else { return false };
    let systemd = || super::executable(parent).is_some_and(|path| path.ends_with("systemd"));
    if !is_ours(pid) || (parent != INIT && !systemd()) {
        return false;
    }
    let is_service = unit_of(pid).is_some_and(|unit| unit.ends_with(".service"));
    let leads_in_container = parent == INIT && is_ours(INIT) && super::session(pid) == Some(pid);
    !is_service && !leads_in_container
}

/// The unit of systemd: the nearest scope or service on the way down to it.
pub(in crate::system) fn unit_of(pid: u32) -> Option<String> {
    unit(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

fn unit(text: &str) -> Option<String> {
    let place = |line: &'static str| text.lines().find_map(|found| found.strip_prefix(line));
    let place = place("0::").filter(|place| *place != "/").or_else(|| place("1:name=systemd:"))?;
    let parts = Path::new(place).iter().rev().filter_map(|part| part.to_str());
    let is_unit = |part: &&str| part.ends_with(".scope") || part.ends_with(".service");
    parts.into_iter().find(is_unit).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_named_by_its_devices_number() {
        for (number, name) in [
            (136 << 8, Some("/dev/pts/0")),
            (136 << 8 | 7, Some("/dev/pts/7")),
            (137 << 8 | 2, Some("/dev/pts/258")),
            (136 << 8 | 3 << 20 | 4, Some("/dev/pts/772")),
            (0, None),
            (0xfff << 8 | 1, None),
        ] {
            assert_eq!(terminal(number).as_deref(), name, "{number:x}");
        }
    }

    #[test]
    fn a_unit_is_the_nearest_scope_or_service() {
        for (text, expected) in [
            ("0::/user.slice/user-1000.slice/session-3.scope\n", Some("session-3.scope")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/code.scope/inner\n",
                Some("code.scope"),
            ),
            ("0::/system.slice/airflow.service\n", Some("airflow.service")),
            ("0::/docker/abc\n", None),
            ("0::/\n", None),
            ("12:cpu:/x.scope\n1:name=systemd:/a/b.service\n0::/\n", Some("b.service")),
            ("", None),
        ] {
            assert_eq!(unit(text).as_deref(), expected, "{text}");
        }
    }
}
