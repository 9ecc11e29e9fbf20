//! HTTP dates (RFC 9110 §5.6.7): the one form that may be sent. Obsolete forms are not read.

use dagpass_core::time::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// `Sun, 06 Nov 1994 08:49:37 GMT`; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // Mail, whose form this is a part of, has other zones and may leave the weekday out.
    let date = text.trim().strip_suffix(" GMT").filter(|date| date.contains(", "))?;
    let time = DateTimeParser::new().parse_timestamp(format!("{date} +0000")).ok()?;
    Some(Timestamp::from_secs(time.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_the_standard_and_its_edges() {
        let table = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Tue, 24 Nov 2026 19:50:00 GMT", Some(1_795_549_800)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 +0000", None),
            ("Sun, 06 Nov 1994 25:49:37 GMT", None),
            ("120", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected.map(Timestamp::from_secs), "{text}");
        }
    }
}
