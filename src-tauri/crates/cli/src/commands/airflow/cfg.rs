//! airflow.cfg as lines: reads and replaces two keys of `[secrets]`, and touches no other byte.
//! `%%` and `%(…)s` in values pass through as they are written.

use std::ops::Range;

use super::backend::{self, CLASS, Present, Unwirable};

/// The file's text with our backend in the slot.
pub(super) fn wire(text: &str, env: Option<&str>) -> Result<String, Unwirable> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let found = Found::in_lines(&lines);
    let ours: Vec<String> =
        wanted(&found, env)?.iter().map(|line| format!("{line}{end}")).collect();
    let Some(header) = found.header else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
        let blank = if text.is_empty() { "" } else { end };
        return Ok(format!("{text}{gap}{blank}[secrets]{end}{}", ours.concat()));
    };
    let mut out = String::with_capacity(text.len() + 256);
    let at = found.backend.as_ref().map_or(header, |entry| entry.lines.start.saturating_sub(1));
    for (number, line) in lines.iter().enumerate() {
        let replaced = [&found.backend, &found.kwargs];
        let gone = replaced.into_iter().flatten().any(|entry| entry.lines.contains(&number));
        if !gone {
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
    let wanted = match wanted(&Found::in_lines(&lines), env) {
        Err(Unwirable::Already) => wanted(&Found::default(), env),
        wanted => wanted,
    };
    Ok(format!("[secrets]\n{}", wanted?.join("\n")))
}

/// Whether the file uses our backend.
pub(super) fn is_wired(text: &str) -> bool {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    Found::in_lines(&lines).backend.is_some_and(|entry| entry.value == CLASS)
}

fn wanted(found: &Found, env: Option<&str>) -> Result<Vec<String>, Unwirable> {
    let value = |entry: &Option<Entry>| entry.as_ref().map_or(String::new(), |e| e.value.clone());
    let (class, kwargs) = (value(&found.backend), value(&found.kwargs));
    let kwargs = backend::kwargs(Present { class: &class, kwargs: &kwargs }, env)?;
    let mut lines = vec![format!("backend = {CLASS}")];
    lines.extend(backend::text(kwargs).map(|kwargs| format!("backend_kwargs = {kwargs}")));
    Ok(lines)
}

#[derive(Default)]
struct Found {
    /// The line of `[secrets]`.
    header: Option<usize>,
    backend: Option<Entry>,
    kwargs: Option<Entry>,
}

/// A key with its value, which goes on over the indented lines that follow.
struct Entry {
    lines: Range<usize>,
    value: String,
}

impl Found {
    fn in_lines(lines: &[&str]) -> Self {
        let mut found = Self::default();
        let mut inside = false;
        for (number, line) in lines.iter().enumerate() {
            if let Some(section) = section(line) {
                inside = section == "secrets";
                if inside && found.header.is_none() {
                    found.header = Some(number);
                }
                continue;
            }
            let Some((key, value)) = inside.then(|| entry(line)).flatten() else { continue };
            let slot = match key.as_str() {
                "backend" => &mut found.backend,
                "backend_kwargs" => &mut found.kwargs,
                _ => continue,
            };
            let end = continued_until(lines, number + 1);
            let rest = lines[number + 1..end].iter().map(|line| line.trim());
            let rest = rest.filter(|line| !is_comment(line));
            let value = std::iter::once(value).chain(rest).collect::<Vec<_>>().join("\n");
            *slot = Some(Entry { lines: number..end, value: value.trim().to_owned() });
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
