//! Text forms of bytes, times and random values. Decides nothing about tokens.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jiff::fmt::{rfc2822, temporal};
use sha2::{Digest, Sha256};

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// The first 16 hex digits of a token's SHA-256: names it in logs without giving it away.
pub fn fingerprint(token: &str) -> String {
    sha256(token.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub(crate) fn challenge(verifier: &str) -> String {
    b64(&sha256(verifier.as_bytes()))
}

/// `bytes` of randomness, URL-safe.
pub(crate) fn random(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer);
    b64(&buffer)
}

/// In the form of a UUID, as Ping's identifiers are.
pub(crate) fn uuid() -> String {
    let mut raw = [0; 16];
    fill(&mut raw);
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// `BVKV-2GZ2`: no vowels and nothing that looks like something else (RFC 8628 §6.1).
pub(crate) fn user_code() -> String {
    const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ2456789";
    let mut raw = [0; 8];
    fill(&mut raw);
    let letters: Vec<char> =
        raw.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()] as char).collect();
    format!(
        "{}-{}",
        letters[..4].iter().collect::<String>(),
        letters[4..].iter().collect::<String>()
    )
}

#[expect(clippy::expect_used, reason = "a stage without randomness cannot play its part")]
fn fill(buffer: &mut [u8]) {
    aws_lc_rs::rand::fill(buffer).expect("the system gives random bytes");
}

/// The user and password of a `Basic` header, form-decoded (RFC 6749 §2.3.1).
pub(crate) fn basic(header: &str) -> Option<(String, String)> {
    let raw = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(raw).ok()?;
    let (user, password) = text.split_once(':')?;
    let decode = |part: &str| {
        url::form_urlencoded::parse(format!("v={part}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
    };
    Some((decode(user)?, decode(password)?))
}

/// `name=value` pairs of a query or a form.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// IMF-fixdate (RFC 9110 §5.6.7).
pub(crate) fn http_date(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn timestamp(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    temporal::DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time)
}

/// Text made safe for HTML, attributes included.
pub(crate) fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_standard() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(timestamp(784_111_777_042), "1994-11-06T08:49:37.042Z");
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let header = format!("Basic {}", STANDARD.encode("my+app:sv%25c%3As%2Becret%2F"));
        assert_eq!(basic(&header), Some(("my app".into(), "sv%c:s+ecret/".into())));
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
