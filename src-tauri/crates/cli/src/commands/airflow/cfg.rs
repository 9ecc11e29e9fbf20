//! airflow.cfg as lines: puts our class into a backend's slot, names beside it the one that was there, and
//! touches no other byte. `%%` and `%(…)s` in values pass through as they are written.

use std::ops::Range;

use super::backend::{self, CLASS, ENV, NEXT, Unwirable, WORKERS_CLASS};

/// Where a backend stands: Airflow's own, and the one that its workers ask instead where it is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    section: &'static str,
    class: &'static str,
    kwargs: &'static str,
    /// What stands in it once it is wired.
    ours: &'static str,
}

pub(super) const SECRETS: Slot =
    Slot { section: "secrets", class: "backend", kwargs: "backend_kwargs", ours: CLASS };
pub(super) const WORKERS: Slot = Slot {
    section: "workers",
    class: "secrets_backend",
    kwargs: "secrets_backend_kwargs",
    ours: WORKERS_CLASS,
};

/// The file's text with our backend in the slot, and in the workers' where that is taken.
pub(super) fn wire(text: &str, env: Option<&str>) -> Result<String, Unwirable> {
    let wired = wire_slot(SECRETS, text, env);
    let workers = class(WORKERS, text).is_some_and(|class| !backend::is_ours(&class));
    match wired {
        Ok(text) if workers => wire_slot(WORKERS, &text, env),
        Err(Unwirable::Already) if workers => wire_slot(WORKERS, text, env),
        wired => wired,
    }
}

fn wire_slot(slot: Slot, text: &str, env: Option<&str>) -> Result<String, Unwirable> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let found = Found::in_lines(slot, &lines);
    let ours: Vec<String> =
        wanted(slot, &found, env)?.iter().map(|line| format!("{line}{end}")).collect();
    let Some(header) = found.header else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
        let blank = if text.is_empty() { "" } else { end };
        return Ok(format!("{text}{gap}{blank}[{}]{end}{}", slot.section, ours.concat()));
    };
    let mut out = String::with_capacity(text.len() + 256);
    let at = found.class.as_ref().map_or(header, |entry| entry.lines.start.saturating_sub(1));
    for (number, line) in lines.iter().enumerate() {
        if !found.replaced().any(|entry| entry.lines.contains(&number)) {
            out.push_str(line);
        }
        if number == at {
            if !out.ends_with('\n') {
                out.push_str(end);
            }
            out.extend(ours.iter().map(String::as_str));
        }
    }
    Ok(out)
}

/// The section alone, for a person to copy.
pub(super) fn settings(text: &str, env: Option<&str>) -> Result<String, Unwirable> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let wanted = match wanted(SECRETS, &Found::in_lines(SECRETS, &lines), env) {
        Err(Unwirable::Already) => wanted(SECRETS, &Found::default(), env),
        wanted => wanted,
    };
    Ok(format!("[secrets]\n{}", wanted?.join("\n")))
}

/// Whether the file uses our backend.
pub(super) fn is_wired(text: &str) -> bool {
    class(SECRETS, text).is_some_and(|class| class == CLASS)
}

/// A backend of somebody else's in the slot.
pub(super) fn other_backend(text: &str) -> Option<String> {
    class(SECRETS, text).filter(|class| class != CLASS)
}

/// The class in a slot; empty is not set.
pub(super) fn class(slot: Slot, text: &str) -> Option<String> {
    value(slot.section, slot.class, text)
}

/// The value of a key; empty is not set.
pub(super) fn value(section: &'static str, key: &'static str, text: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let slot = Slot { section, class: key, kwargs: "", ours: "" };
    let entry = Found::in_lines(slot, &lines).class?;
    (!entry.value.is_empty()).then_some(entry.value)
}

fn wanted(slot: Slot, found: &Found, env: Option<&str>) -> Result<Vec<String>, Unwirable> {
    let class = found.class.as_ref().map_or("", |entry| entry.value.as_str());
    let beside = backend::beside(class, env)?;
    let beside = beside.iter().map(|(key, value)| format!("{key} = {value}"));
    Ok(std::iter::once(format!("{} = {}", slot.class, slot.ours)).chain(beside).collect())
}

#[derive(Default)]
struct Found {
    /// The line of the section.
    header: Option<usize>,
    class: Option<Entry>,
    kwargs: Option<Entry>,
    next: Option<Entry>,
    env: Option<Entry>,
}

impl Found {
    /// What our lines stand in place of. Arguments without a class are nobody's, and would become ours.
    fn replaced(&self) -> impl Iterator<Item = &Entry> {
        let has_class = self.class.as_ref().is_some_and(|entry| !entry.value.is_empty());
        let kwargs = self.kwargs.as_ref().filter(|_| !has_class);
        [self.class.as_ref(), kwargs, self.next.as_ref(), self.env.as_ref()].into_iter().flatten()
    }
}

/// A key with its value, which goes on over the indented lines that follow.
struct Entry {
    lines: Range<usize>,
    value: String,
}

impl Found {
    fn in_lines(slot: Slot, lines: &[&str]) -> Self {
        let mut found = Self::default();
        let mut inside = false;
        for (number, line) in lines.iter().enumerate() {
            if let Some(section) = section(line) {
                inside = section == slot.section;
                if inside && found.header.is_none() {
                    found.header = Some(number);
                }
                continue;
            }
            let Some((key, value)) = inside.then(|| entry(line)).flatten() else { continue };
            let place = match key.as_str() {
                key if key == slot.class => &mut found.class,
                key if key == slot.kwargs => &mut found.kwargs,
                NEXT => &mut found.next,
                ENV => &mut found.env,
                _ => continue,
            };
            let end = continued_until(lines, number + 1);
            let rest = lines[number + 1..end].iter().map(|line| line.trim());
            let rest = rest.filter(|line| !is_comment(line));
            let value = std::iter::once(value).chain(rest).collect::<Vec<_>>().join("\n");
            *place = Some(Entry { lines: number..end, value: value.trim().to_owned() });
        }
        found
    }
}

fn section(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('[')?;
    Some(inner.split_once(']')?.0)
}

/// `key = value` or `key: value` at the line's beginning; keys are compared in lower case.
fn entry(line: &str) -> Option<(String, &str)> {
    if line.starts_with([' ', '\t']) || is_comment(line) {
        return None;
    }
    let (key, value) = line.split_once(['=', ':'])?;
    Some((key.trim().to_ascii_lowercase(), value.trim()))
}

/// The first line that no longer belongs to the value: blank lines do only before indented ones.
fn continued_until(lines: &[&str], start: usize) -> usize {
    let mut end = start;
    for (number, line) in lines.iter().enumerate().skip(start) {
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            break;
        }
        end = number + 1;
    }
    end
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
}
