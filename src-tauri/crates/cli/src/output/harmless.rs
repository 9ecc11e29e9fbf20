//! What comes from outside (names of programs, people, groups, addresses, a server's words) as a terminal
//! may show it: what would move the cursor, change colours or turn the line round is written out. Knows
//! no meaning.

use dagpass_client::harmful::is_harmful;
use unicode_width::UnicodeWidthStr;

/// Whole lines: ends of lines and tabs stay.
pub(super) fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let ends_line = c == '\n' || (c == '\r' && rest.peek() == Some(&'\n'));
        if ends_line || c == '\t' || !is_harmful(c) {
            shown.push(c)
        } else {
            shown.extend(c.escape_unicode())
        }
    }
    shown
}

/// One value: it begins no line of its own either.
pub(crate) fn word(value: &str) -> String {
    let mut shown = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_harmful(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// JSON means the same with it. What is below U+0020 its strings have escaped already.
pub(super) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        if is_harmful(c) && !c.is_ascii_whitespace() {
            for unit in c.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// How many columns of a terminal it takes (UAX #11): a character may take none or two.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// As wide as that, at the least.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// No wider than that; an ellipsis stands for what is left out.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(at, _)| at).take(4 * width + 4);
    let fits = ends.take_while(|end| columns(&text[..*end]) < width).last();
    let room = usize::from(width > 0);
    format!("{}{}", &text[..fits.unwrap_or(0)], "…".repeat(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_moves_a_cursor_or_begins_a_line() {
        for (from_outside, as_text, as_word) in [
            ("Ada Lovelace", "Ada Lovelace", "Ada Lovelace"),
            ("Zoë 李 مريم", "Zoë 李 مريم", "Zoë 李 مريم"),
            ("x\u{1b}[1A\u{1b}[2K", "x\\u{1b}[1A\\u{1b}[2K", "x\\u{1b}[1A\\u{1b}[2K"),
            ("x\u{9b}2K\u{7f}", "x\\u{9b}2K\\u{7f}", "x\\u{9b}2K\\u{7f}"),
            ("x\rerror", "x\\u{d}error", "x\\rerror"),
            ("a\r\nb\tc\n", "a\r\nb\tc\n", "a\\r\\nb\\tc\\n"),
            ("exe\u{202e}fdp", "exe\\u{202e}fdp", "exe\\u{202e}fdp"),
            (
                "a\u{2066}b\u{2028}c\u{200b}",
                "a\\u{2066}b\\u{2028}c\\u{200b}",
                "a\\u{2066}b\\u{2028}c\\u{200b}",
            ),
        ] {
            assert_eq!(
                (text(from_outside).as_str(), word(from_outside).as_str()),
                (as_text, as_word)
            );
            let written = serde_json::to_string_pretty(&[from_outside]).unwrap();
            let shown = json(&written);
            assert!(!shown.chars().any(|c| is_harmful(c) && c != '\n'), "{shown:?}");
            let read: Vec<String> = serde_json::from_str(&shown).unwrap();
            assert_eq!(read, [from_outside]);
        }
    }

    #[test]
    fn a_cell_is_as_wide_as_a_terminal_draws_it() {
        for (text, width) in [("abc", 3), ("李", 2), ("e\u{301}", 1), ("", 0)] {
            assert_eq!(columns(text), width, "{text}");
            assert_eq!(columns(&padded(text, 5)), 5, "{text}");
        }
        assert_eq!(padded("abcdef", 5), "abcdef");
    }

    #[test]
    fn a_cell_is_cut_where_a_terminal_s_columns_end() {
        for (text, width, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("abcdef", 1, "…"),
            ("abcdef", 0, ""),
            ("", 0, ""),
            ("李李李", 6, "李李李"),
            ("李李李", 5, "李李…"),
            ("李李李", 4, "李…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
        ] {
            let cut = cut(text, width);
            assert_eq!(cut, expected, "{text} {width}");
            assert!(columns(&cut) <= width, "{text} {width}");
        }
    }
}
