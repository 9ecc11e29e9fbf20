//! Small parts of a page. All text passes by here, and nothing of it is markup: what a server or a program named
//! itself is shown, and never obeyed.

use crate::output;

/// Text between tags or in a quoted attribute.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in output::word(text).chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            one => out.push(one),
        }
    }
    out
}

/// In the type of a machine's words.
pub(super) fn code(words: &str) -> String {
    if words.is_empty() { NOTHING.to_owned() } else { format!("<code>{}</code>", text(words)) }
}

pub(super) fn or_nothing(words: &str) -> String {
    if words.is_empty() { NOTHING.to_owned() } else { text(words) }
}

pub(super) const NOTHING: &str = "<span class=\"none\">not told</span>";

/// `2026-11-24 06:00:01` of an RFC 3339 time in UTC.
pub(super) fn when(time: &str) -> String {
    let Some((day, hour)) = time.split_once('T') else { return text(time) };
    let hour = hour.get(..8).unwrap_or(hour);
    format!("<time datetime=\"{}\">{} {}</time>", text(time), text(day), text(hour))
}

/// Of cells that are markup already. Nothing where there is no row.
pub(super) fn table(class: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String =
        head.iter().map(|name| format!("<th scope=\"col\">{}</th>", text(name))).collect();
    let row = |cells: &Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"wide\"><table class=\"{class}\"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// `3, 7–9, 12`, and how many more where there are many of them.
pub(super) fn ranges(numbers: &[u64], most: usize) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let shown = ranges.iter().take(most).map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}–{last}"),
    });
    let mut shown = shown.collect::<Vec<_>>().join(", ");
    let told: u64 = ranges.iter().take(most).map(|(first, last)| last - first + 1).sum();
    let more = (numbers.len() as u64).saturating_sub(told);
    if more > 0 {
        shown.push_str(&format!(" and {more} more"));
    }
    shown
}

pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup_and_turns_no_line_round() {
        for (from_outside, shown) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x'", "&quot; onload=&#39;x&#39;"),
            ("a & b", "a &amp; b"),
            ("Zoë 李", "Zoë 李"),
            ("ab\u{202e}cd\n", "ab\\u{202e}cd\\n"),
        ] {
            assert_eq!(text(from_outside), shown);
        }
        assert_eq!(
            when("\"><b>T1"),
            "<time datetime=\"&quot;&gt;&lt;b&gt;T1\">&quot;&gt;&lt;b&gt; 1</time>"
        );
        assert_eq!(when("2026-11-24T06:00:01.234Z").matches("2026-11-24 06:00:01<").count(), 1);
    }

    #[test]
    fn numbers_that_follow_on_one_another_are_a_range() {
        assert_eq!(ranges(&[3, 7, 8, 9, 12, 13], 9), "3, 7–9, 12, 13");
        assert_eq!(ranges(&[1, 3, 5, 7, 8], 2), "1, 3 and 3 more");
        assert_eq!(ranges(&[], 2), "");
    }
}
