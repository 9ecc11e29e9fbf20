//! Which request targets nobody can read in two ways. What a rule says of a path has to hold for what the server
//! makes of it: whatever servers decode, merge or cut off before they look is refused, never mended.

/// How long may a path be, query included?
const LONGEST: usize = 8_192;

/// Why a target is not sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unplain {
    TooLong,
    /// Two readers could make two paths of it.
    Ambiguous,
}

/// Path and query as they came.
pub(super) fn plain(path: &str, query: Option<&str>) -> Result<(), Unplain> {
    if path.len() + query.map_or(0, str::len) > LONGEST {
        return Err(Unplain::TooLong);
    }
    let Some(below) = path.strip_prefix('/') else { return Err(Unplain::Ambiguous) };
    let mut parts = below.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        // `//` is one slash to some, and `.` and `..` are nothing to others.
        if (part.is_empty() && !is_last) || matches!(part, "." | "..") || !is_segment(part) {
            return Err(Unplain::Ambiguous);
        }
    }
    let is_plain = query.is_none_or(|query| query.bytes().all(|byte| byte.is_ascii_graphic()));
    if is_plain { Ok(()) } else { Err(Unplain::Ambiguous) }
}

/// RFC 3986 §3.3, without `;`, which begins a parameter to some, and without what is escaped and need not be
/// (§6.2.2.2) or would mean something if it were not.
fn is_segment(part: &str) -> bool {
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        let is_fine = match byte {
            b'%' => escaped(bytes.next(), bytes.next()).is_some_and(|byte| !is_telling(byte)),
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte),
        };
        if !is_fine {
            return false;
        }
    }
    true
}

fn escaped(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// As an escape it is read in two ways.
fn is_telling(byte: u8) -> bool {
    byte.is_ascii_control() || byte.is_ascii_alphanumeric() || b"-._~/\\;%?#".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_two_could_read_differently_goes_nowhere() {
        for path in [
            "",
            "*",
            "a",
            "/..",
            "/../a",
            "/a/..",
            "/a/../b",
            "/.",
            "/a/./b",
            "//",
            "//a",
            "/a//b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a;b",
            "/a%3bb",
            "/;/a",
            "/%2e%2e/a",
            "/.%2e/a",
            "/a%2e",
            "/%61dmin",
            "/%7e",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+1",
            "/a%252fb",
            "/a%3fb",
            "/a%23b",
            "/a b",
            "/a\tb",
            "/é",
            "/a\"b",
            "/a<b",
            "/a|b",
            "/a{b}",
            "/a^b",
            "/a`b",
            "/a[b]",
        ] {
            assert_eq!(plain(path, None), Err(Unplain::Ambiguous), "{path:?}");
        }
    }

    #[test]
    fn a_plain_path_goes_as_it_is() {
        for path in [
            "/",
            "/a",
            "/a/",
            "/a/b.c",
            "/api/v2/dags/etl:x/runs/a@b",
            "/...",
            "/a..b",
            "/.well-known/x",
            "/a%20b",
            "/%C3%A9",
            "/%c3%a9",
            "/a,b=c&d'(e)*!$+",
            "/a%40b",
            "/a%2Cb",
        ] {
            assert_eq!(plain(path, Some("q=../%2f;\\a")), Ok(()), "{path:?}");
        }
        assert_eq!(plain("/a", Some("a b")), Err(Unplain::Ambiguous));
        let long = format!("/{}", "a".repeat(LONGEST));
        assert_eq!(plain(&long, None), Err(Unplain::TooLong));
        assert_eq!(plain("/", Some(&long)), Err(Unplain::TooLong));
    }
}
