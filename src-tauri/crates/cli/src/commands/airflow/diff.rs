//! What would change in a file, line by line. Never shows a value that may be a password: neither what
//! stands around a change, nor another backend's arguments.

use super::backend::CLASS;

/// `-` what goes, `+` what comes; nothing of what stays.
pub(super) fn diff(name: &str, before: Option<&str>, after: &str) -> String {
    let old: Vec<&str> = before.unwrap_or_default().lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[start..], &new[start..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut lines = vec![match before {
        Some(_) => format!("--- {name}"),
        None => "--- (no file)".to_owned(),
    }];
    lines.push(format!("+++ {name}"));
    lines.extend(changes(old, new, start + 1));
    lines.join("\n")
}

/// The longest common run of lines stays; both sides are short, their common ends are gone already.
fn changes(old: &[&str], new: &[&str], first: usize) -> Vec<String> {
    let mut kept = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            kept[i][j] =
                if a == b { kept[i + 1][j + 1] + 1 } else { kept[i + 1][j].max(kept[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    let mut inside = false;
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j, inside) = (i + 1, j + 1, false);
            continue;
        }
        if !inside {
            lines.push(format!("@@ line {} @@", first + j));
            inside = true;
        }
        if j == new.len() || (i < old.len() && kept[i + 1][j] >= kept[i][j + 1]) {
            lines.push(format!("-{}", gone(old[i])));
            i += 1;
        } else {
            lines.push(format!("+{}", come(new[j])));
            j += 1;
        }
    }
    lines
}

fn gone(line: &str) -> String {
    let plain = line.trim().is_empty() || line.contains("backend =") || line.contains(CLASS);
    if plain { line.to_owned() } else { hidden(line) }
}

fn come(line: &str) -> String {
    if line.contains(r#""next""#) || line.contains("\\\"next\\\"") {
        return hidden(line);
    }
    line.to_owned()
}

fn hidden(line: &str) -> String {
    let key = line.split(['=', ':']).next().unwrap_or_default();
    let key = if key.len() < line.len() { format!("{key}= ") } else { String::new() };
    format!("{key}({} characters, not shown: they may hold a password)", line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_lines_are_shown_and_no_foreign_value() {
        let before = "[core]\npassword = canary\n[secrets]\nbackend = a.B\nk = 1\nbackend_kwargs = {\"t\": \"canary\"}\n";
        let after = "[core]\npassword = canary\n[secrets]\nbackend = ours\nbackend_kwargs = {\"next\":{\"kwargs\":{\"t\":\"canary\"}}}\nk = 1\n";
        let shown = diff("airflow.cfg", Some(before), after);
        assert!(!shown.contains("canary") && !shown.contains("[core]"), "{shown}");
        let signs: String = shown.lines().filter_map(|line| line.chars().next()).collect();
        assert_eq!(signs, "-+@-++@-", "{shown}");
        assert!(shown.contains("-backend = a.B\n+backend = ours\n"), "{shown}");
    }

    #[test]
    fn a_new_file_is_shown_whole() {
        assert_eq!(diff("x", None, "a\nb\n"), "--- (no file)\n+++ x\n@@ line 1 @@\n+a\n+b");
    }
}
