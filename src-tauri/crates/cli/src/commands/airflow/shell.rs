//! A file that a shell reads: exported variables, and no other line is touched.

use super::backend::{self, CLASS, ENV, NEXT, Unwirable};

const BACKEND: &str = "AIRFLOW__SECRETS__BACKEND";

/// The file's text with our variables in place of what set them before.
pub(super) fn wire(text: &str, env: Option<&str>) -> Result<String, Unwirable> {
    let ours = wanted(text, env)?;
    let names = [BACKEND.to_owned(), backend::variable(NEXT), backend::variable(ENV)];
    let kept = text.split_inclusive('\n');
    let kept = kept.filter(|line| names.iter().all(|name| assigned(line, name).is_none()));
    let kept: String = kept.collect();
    let gap = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{kept}{gap}{ours}\n"))
}

/// The lines alone, for a person to copy.
pub(super) fn settings(text: &str, env: Option<&str>) -> Result<String, Unwirable> {
    match wanted(text, env) {
        Err(Unwirable::Already) => wanted("", env),
        wanted => wanted,
    }
}

fn wanted(text: &str, env: Option<&str>) -> Result<String, Unwirable> {
    let class = text.lines().rev().find_map(|line| assigned(line, BACKEND)).unwrap_or_default();
    let mut lines = format!("export {BACKEND}={CLASS}");
    for (key, value) in backend::beside(&class, env)? {
        lines += &format!("\nexport {}={}", backend::variable(key), quoted(&value));
    }
    Ok(lines)
}

/// In single quotes where a shell, or a reader of `.env` files, would see more than text.
pub(super) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The value a line gives to `name`.
pub(super) fn assigned(line: &str, name: &str) -> Option<String> {
    let line = line.trim();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let value = line.strip_prefix(name)?.strip_prefix('=')?;
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    Some(match (quoted('\''), quoted('"')) {
        (Some(single), _) => single.replace(r"'\''", "'"),
        (None, Some(double)) => double.replace("\\\"", "\"").replace(r"\\", "\\"),
        (None, None) => value.to_owned(),
    })
}
