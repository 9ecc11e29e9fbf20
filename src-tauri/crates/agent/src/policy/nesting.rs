//! How deep does a text go, before it is parsed? The parser, and whoever lets go of what it made, goes down as
//! deep on the stack: a text that came with a clone must not end the agent.

/// How many brackets may be open at once, and how many `if`s? Those end with their rule.
const DEEPEST: usize = 64;
/// How many operators, brackets and attributes may one rule have? Each may stand within the one before.
const MOST_LINKS: usize = 400;

/// Where it is too deep, and by what.
pub(super) fn too_deep(text: &str) -> Option<(usize, String)> {
    let (mut open, mut links) = (0_usize, 0_usize);
    let mut word = "";
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let at = text.len() - rest.len();
        let length = match letter {
            '"' => string(rest),
            '&' | '|' if rest.starts_with("&&") || rest.starts_with("||") => 2,
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            letter if letter.is_alphanumeric() || letter == '_' => {
                let end = |c: char| !(c.is_alphanumeric() || c == '_');
                let length = rest.find(end).unwrap_or(rest.len());
                word = rest.get(..length).unwrap_or_default();
                length
            }
            letter => letter.len_utf8(),
        };
        match letter {
            '(' | '[' | '{' => (open, links) = (open + 1, links + 1),
            ')' | ']' | '}' => open = open.saturating_sub(1),
            ';' => (open, links) = (0, 0),
            '&' | '|' | '+' | '-' | '*' | '!' | '.' => links += 1,
            'i' if word == "if" => open += 1,
            _ => {}
        }
        if open > DEEPEST {
            return Some((at, format!("more than {DEEPEST} brackets and `if`s are open here")));
        }
        if links > MOST_LINKS {
            return Some((at, format!("one rule has no more than {MOST_LINKS} operators")));
        }
        word = "";
        rest = rest.get(length..).unwrap_or_default();
    }
    None
}

/// With its quotes; to the end where it has no second one.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !is_escaped => return at + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_by_rule_and_not_in_strings_and_comments() {
        let many = |text: &str| text.repeat(2_000);
        for (text, expected) in [
            (String::new(), None),
            (many("permit(principal, action, resource);"), None),
            (format!("\"{}\\\"(((\" // {}\n", many("("), many("(")), None),
            (format!("\"{}", many("(")), None),
            (format!("[{}]", many("\"a\", ")), None),
            ("(".repeat(DEEPEST), None),
            ("(".repeat(DEEPEST + 1), Some(DEEPEST)),
            (format!("{};{}", "(".repeat(DEEPEST), "(".repeat(DEEPEST)), None),
            (format!("é{}", "(".repeat(DEEPEST + 1)), Some(DEEPEST + 2)),
            ("!".repeat(MOST_LINKS), None),
            (many("true && "), Some(5 + 8 * MOST_LINKS)),
            (many("a."), Some(1 + 2 * MOST_LINKS)),
            (many("if a then b else "), Some(17 * DEEPEST)),
        ] {
            let found = too_deep(&text).map(|(at, _)| at);
            assert_eq!(found, expected, "{}", &text[..text.len().min(40)]);
        }
    }
}
