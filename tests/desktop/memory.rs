//! Processes as the kernel has them: who started whom, how much memory each holds, and what lies in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};

/// In kibibytes. PSS shares what several processes map.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) proportional: u64,
    pub(crate) processes: usize,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mega = |kibi: u64| format!("{}.{} MiB", kibi / 1024, kibi % 1024 * 10 / 1024);
        let Self { resident, proportional, processes } = self;
        write!(f, "{processes} processes, RSS {}, PSS {}", mega(*resident), mega(*proportional))
    }
}

pub(crate) fn of(pids: &[u32]) -> Memory {
    let mut all = Memory::default();
    for pid in pids {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        let kibi = |name: &str| -> u64 {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
        };
        all.resident += kibi("Rss:");
        all.proportional += kibi("Pss:");
        all.processes += 1;
    }
    all
}

/// It and all that it started, and they.
pub(crate) fn family(of: u32) -> Vec<u32> {
    let parents = parents();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, p)| **p == parent).map(|(id, _)| *id));
        next += 1;
    }
    found
}

pub(crate) fn named(name: &str, among: &[u32]) -> Vec<u32> {
    let is_it = |pid: &u32| {
        let told = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let program = told.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(program).ends_with(name)
    };
    among.iter().copied().filter(is_it).collect()
}

/// Gone, or only waiting for somebody to read how it ended.
pub(crate) fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

pub(crate) fn command_lines(pids: &[u32]) -> Vec<String> {
    let line = |pid: &u32| {
        let told = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        format!("{pid} {}", String::from_utf8_lossy(&told).replace('\0', " "))
    };
    pids.iter().map(line).collect()
}

fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let stat = |entry: fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        Some((id, stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?))
    };
    entries.filter_map(stat).collect()
}

/// Which of `needles` lie in what a process may write to, as bytes or as UTF-16 (a page's strings may
/// be either). Gives how much was looked through, too.
pub(crate) fn holds(pid: u32, needles: &[(String, Vec<u8>)]) -> (Vec<String>, u64) {
    let mut first = vec![false; 1 << 16];
    let wide = needles.iter().map(|(kind, needle)| {
        let wide = needle.iter().flat_map(|byte| [*byte, 0]).collect();
        (format!("{kind} as UTF-16"), wide)
    });
    let sought: Vec<(String, Vec<u8>)> = needles.iter().cloned().chain(wide).collect();
    for (_, needle) in &sought {
        first[usize::from(needle[0]) << 8 | usize::from(needle[1])] = true;
    }
    let mut found = Vec::new();
    let mut looked = 0;
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut pages = File::open(format!("/proc/{pid}/pagemap")).unwrap();
    let areas = writable(pid).into_iter().flat_map(|area| present(&mut pages, area));
    for (from, to) in areas {
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // Part of it may be gone, or not be there yet.
        let read = memory.seek(SeekFrom::Start(from)).and_then(|_| memory.read(&mut bytes));
        let Ok(count) = read else { continue };
        looked += count as u64;
        let bytes = &bytes[..count];
        for at in 0..count.saturating_sub(1) {
            if !first[usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1])] {
                continue;
            }
            let here = sought.iter().filter(|(_, needle)| bytes[at..].starts_with(needle));
            found.extend(here.map(|(kind, _)| kind.clone()));
        }
    }
    found.sort();
    found.dedup();
    (found, looked)
}

/// WebKit reserves far more than it ever touches: the runs of pages that are there.
fn present(pages: &mut File, (from, to): (u64, u64)) -> Vec<(u64, u64)> {
    const PAGE: u64 = 4096;
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut at = from;
    let mut entries = vec![0; 1 << 20];
    while at < to {
        let wanted = usize::try_from((to - at) / PAGE * 8).unwrap().min(entries.len());
        let read = pages.seek(SeekFrom::Start(at / PAGE * 8));
        let read = read.and_then(|_| pages.read(&mut entries[..wanted]));
        let Ok(count @ 8..) = read else { return runs };
        for entry in entries[..count].chunks_exact(8) {
            // In memory (bit 63) or swapped out (bit 62).
            if entry[7] & 0xc0 != 0 {
                match runs.last_mut() {
                    Some((_, end)) if *end == at => *end += PAGE,
                    _ => runs.push((at, at + PAGE)),
                }
            }
            at += PAGE;
        }
    }
    runs
}

fn writable(pid: u32) -> Vec<(u64, u64)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let mut areas = Vec::new();
    let mut area = None;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (head, rights) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some((from, to)) = head.split_once('-') {
            let number = |text| u64::from_str_radix(text, 16);
            area = number(from).ok().zip(number(to).ok()).filter(|_| rights.starts_with("rw"));
        } else if head == "Rss:" && rights != "0" {
            areas.extend(area);
        }
    }
    areas
}
