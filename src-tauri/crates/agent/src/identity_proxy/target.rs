//! Which request targets nobody can read in two ways. What a rule says of a path has to hold for what the server
//! makes of it: whatever servers merge or cut off before they look is refused, and what they decode has one
//! spelling, which is what is judged, recorded and sent.

/// How long may a path be, query included?
const LONGEST: usize = 8_192;

/// Why a target is not sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unplain {
    TooLong,
    /// Two readers could make two paths of it.
    Ambiguous,
}

/// Path and query as they came; the path in its one spelling.
pub(super) fn plain(path: &str, query: Option<&str>) -> Result<String, Unplain> {
    if path.len() + query.map_or(0, str::len) > LONGEST {
        return Err(Unplain::TooLong);
    }
    let Some(below) = path.strip_prefix('/') else { return Err(Unplain::Ambiguous) };
    let mut one = String::with_capacity(path.len());
    let mut parts = below.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        // `//` is one slash to some, and `.` and `..` are nothing to others.
        if (part.is_empty() && !is_last) || matches!(part, "." | "..") {
            return Err(Unplain::Ambiguous);
        }
        one.push('/');
        segment(part, &mut one).ok_or(Unplain::Ambiguous)?;
    }
    let is_plain = query.is_none_or(|query| query.bytes().all(|byte| byte.is_ascii_graphic()));
    if is_plain { Ok(one) } else { Err(Unplain::Ambiguous) }
}

/// RFC 3986 §3.3, without `;`, which begins a parameter to some, and without what is escaped and need not be
/// (§6.2.2.2) or would mean something if it were not. What may stand bare does, and what may not is in capitals
/// (§6.2.2.1): a server that decodes `%3A` before it looks finds `:`, and so does a rule.
fn segment(part: &str, one: &mut String) -> Option<()> {
    let mut bytes = part.bytes();
    let mut decoded = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => match escaped(bytes.next(), bytes.next())? {
                byte if is_telling(byte) => return None,
                byte => decoded.push(byte),
            },
            byte if is_bare(byte) => decoded.push(byte),
            _ => return None,
        }
    }
    // Some find a slash in what is none of Unicode's (`%C0%AF`).
    for byte in std::str::from_utf8(&decoded).ok()?.bytes() {
        match is_bare(byte) {
            true => one.push(char::from(byte)),
            false => one.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(())
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte)
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
            "/a%c0%afb",
            "/a%e0%80%afb",
            "/a%ff",
            "/%C3/%A9",
        ] {
            assert_eq!(plain(path, None), Err(Unplain::Ambiguous), "{path:?}");
        }
    }

    #[test]
    fn one_path_has_one_spelling() {
        for (path, one) in [
            ("/etl%3ax", "/etl:x"),
            ("/etl%3Ax", "/etl:x"),
            ("/a%40b%2Cc%2b", "/a@b,c+"),
            ("/%21%24%26%27%28%29%2a%3d", "/!$&'()*="),
            ("/%c3%a9/%C3%a9", "/%C3%A9/%C3%A9"),
            ("/a%20b%22%3c", "/a%20b%22%3C"),
        ] {
            assert_eq!(plain(path, None).as_deref(), Ok(one), "{path}");
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
            "/a,b=c&d'(e)*!$+",
        ] {
            assert_eq!(plain(path, Some("q=../%2f;\\a")).as_deref(), Ok(path), "{path:?}");
        }
        assert_eq!(plain("/a", Some("a b")), Err(Unplain::Ambiguous));
        let long = format!("/{}", "a".repeat(LONGEST));
        assert_eq!(plain(&long, None), Err(Unplain::TooLong));
        assert_eq!(plain("/", Some(&long)), Err(Unplain::TooLong));
    }
}
