//! A text that is as a pattern says, where a wildcard stands for any letters, or for none.

/// `parts` is what stands between the wildcards: one part is a pattern without any.
pub(crate) fn is_like(text: &str, parts: &[impl AsRef<str>]) -> bool {
    let [first, rest @ ..] = parts else { return false };
    let first = first.as_ref();
    let Some((last, between)) = rest.split_last() else { return text == first };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    for part in between {
        let Some((_, behind)) = left.split_once(part.as_ref()) else { return false };
        left = behind;
    }
    left.ends_with(last.as_ref())
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_wildcard_stands_for_any_letters_and_for_none() {
        for (text, parts, expected) in [
            ("abc", &["abc"][..], true),
            ("abc", &["ab"], false),
            ("abc", &["", ""], true),
            ("", &["", ""], true),
            ("abc", &["a", ""], true),
            ("abc", &["a", "c"], true),
            ("aa", &["aa", "a"], false),
            ("abab", &["", "ab", "ab"], true),
            ("ab", &["", "ab", "ab"], false),
            ("xaybz", &["x", "a", "b", "z"], true),
            ("xbyaz", &["x", "a", "b", "z"], false),
            ("é-a", &["é", "a"], true),
        ] {
            assert_eq!(is_like(text, parts), expected, "{text} {parts:?}");
        }
    }
}
