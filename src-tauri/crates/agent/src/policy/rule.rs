//! The config's short rules in Cedar: a base permit, which leaves all as the built-in rules have it, and a
//! forbid for each rule that narrows it.

use std::fmt::Write as _;
use std::path::Path;

use super::facts::word;
use super::language::{GROUPS, TOKENS, Type};
use super::problem::Source;
use crate::config::{PolicyConfig, PolicyRule, Then, When};

/// What the rules are written over.
const BASE: &str = "@id(\"base\")\npermit(principal, action, resource);\n";

/// `None` where there is no rule.
pub(super) fn cedar(config: &PolicyConfig, path: &Path) -> Option<Source> {
    if config.rules.is_empty() {
        return None;
    }
    // The machine's have their whole path, so that nobody looks for them in the person's own.
    let (file, path) = match &config.rules_file {
        Some(machines) => (machines.to_string_lossy(), machines.as_path()),
        None => {
            let name = path.file_name();
            (name.map_or("config.toml".into(), |name| name.to_string_lossy()), path)
        }
    };
    let mut text = BASE.to_owned();
    let mut freed: Vec<String> = Vec::new();
    for rule in &config.rules {
        if rule.then == Then::Allow {
            freed.push(all(&rule.when, Side::Opens));
            continue;
        }
        // Writing to a string cannot fail.
        let written = forbid(&mut text, rule, (&file, &freed));
        debug_assert!(written.is_ok());
    }
    Some(Source { file: path.display().to_string(), text })
}

fn forbid(
    text: &mut String,
    rule: &PolicyRule,
    (file, freed): (&str, &[String]),
) -> std::fmt::Result {
    let id = rule.id.clone().unwrap_or_else(|| format!("{file}:{}", rule.line));
    writeln!(text, "\n@id({})", quoted(&id))?;
    write!(text, "forbid({}, {}, resource)", principal(&rule.when), action(&rule.when))?;
    let conditions = conditions(&rule.when, Side::Narrows);
    if !conditions.is_empty() {
        write!(text, "\nwhen {{ {} }}", conditions.join(" && "))?;
    }
    for free in freed {
        write!(text, "\nunless {{ {free} }}")?;
    }
    if rule.then == Then::Ask {
        write!(text, "\nunless {{ context.approved }}")?;
    }
    writeln!(text, ";")
}

/// What is not known or is asked for among other things: does it count?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Yes: a rule that narrows is rather for too much.
    Narrows,
    /// No: what opens is for that alone.
    Opens,
}

fn principal(when: &When) -> String {
    when.who.map_or_else(
        || "principal".to_owned(),
        |who| format!("principal is {}", Type::Who(who).as_str()),
    )
}

/// A rule that names none is about tokens.
fn action(when: &When) -> String {
    match when.action.as_deref().unwrap_or(TOKENS) {
        "*" => "action".to_owned(),
        group if GROUPS.contains(&group) => format!("action in Action::{}", quoted(group)),
        one => format!("action == Action::{}", quoted(one)),
    }
}

/// The whole of it as one condition.
fn all(when: &When, side: Side) -> String {
    let mut parts = Vec::new();
    if let Some(who) = when.who {
        parts.push(format!("principal is {}", Type::Who(who).as_str()));
    }
    if when.action.as_deref() != Some("*") {
        parts.push(action(when));
    }
    parts.extend(conditions(when, side));
    match parts.as_slice() {
        [] => "true".to_owned(),
        parts => parts.join(" && "),
    }
}

fn conditions(when: &When, side: Side) -> Vec<String> {
    let named = [
        ("connection", &when.connection),
        ("profile", &when.profile),
        ("deployment", &when.deployment),
        ("audience", &when.audience),
        ("env", &when.env),
        ("lane", &when.lane),
    ];
    let mut parts: Vec<String> = named
        .iter()
        .filter_map(|(key, glob)| {
            Some(format!(
                "context has {key} && {}",
                like(&format!("context.{key}"), glob.as_ref()?)
            ))
        })
        .collect();
    if let Some(scope) = &when.scope {
        let scope = quoted(scope);
        parts.push(match side {
            Side::Narrows => {
                format!("(if context has scopes then context.scopes.contains({scope}) else true)")
            }
            Side::Opens => {
                format!("context has scopes && [{scope}].containsAll(context.scopes)")
            }
        });
    }
    if let Some(group) = &when.group {
        let group = quoted(group);
        parts.push(format!("context has signed_in && context.signed_in.groups.contains({group})"));
    }
    if let Some(age) = when.signed_in_over {
        let over = format!("context.signed_in.age > {}", age.as_secs().min(i64::MAX as u64));
        parts.push(match side {
            Side::Narrows => format!("(if context has signed_in then {over} else true)"),
            Side::Opens => format!("context has signed_in && {over}"),
        });
    }
    if let Some(glob) = &when.program {
        parts.push(format!("context has program && {}", like("context.program.path", glob)));
    }
    if let Some(glob) = &when.dag {
        let said = like("context.declared.dag", glob);
        parts.push(format!("context has declared && context.declared has dag && {said}"));
    }
    if let Some((from, to)) = when.hours {
        let hour = "context.time.hour";
        let both = if from < to { "&&" } else { "||" };
        parts.push(format!("({hour} >= {from} {both} {hour} < {to})"));
    }
    if let Some(remote) = when.remote {
        parts.push(if remote { "context.remote" } else { "!context.remote" }.to_owned());
    }
    if let Some(reach) = when.reach {
        parts.push(format!("context has reach && context.reach == {}", quoted(word(reach))));
    }
    parts
}

/// `*` stands for any letters.
fn like(what: &str, glob: &str) -> String {
    let operator = if glob.contains('*') { "like" } else { "==" };
    format!("{what} {operator} {}", quoted(glob))
}

/// As a string of Cedar.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                quoted.push_str(&format!("\\u{{{:x}}}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
