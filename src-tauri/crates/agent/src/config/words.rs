//! Small readers of what people type: spans of time, names, and which known word was meant.

use std::time::Duration;

use url::Url;

/// `90s`, `15m`, `12h`, `30d`, or several in a row (`1h30m`).
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next()?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(seconds)?)?;
        rest = &after[unit.len_utf8()..];
    }
    Some(Duration::from_secs(total))
}

/// Names of profiles and environments: they become keychain accounts and file names.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !text.starts_with('.')
}

/// What Airflow takes as a conn_id.
pub(super) fn is_conn_id(text: &str) -> bool {
    (1..=250).contains(&text.chars().count())
        && text.chars().all(|c| {
            c.is_alphanumeric()
                || matches!(c, '_' | '#' | '!' | '(' | ')' | '-' | '.' | ':' | '/' | '\\')
        })
}

/// Where a URL leads: scheme, host, port and path, a slash at the end left aside.
pub(super) fn place(url: &str) -> Option<(String, String, Option<u16>, String)> {
    let url = Url::parse(url).ok()?;
    let path = url.path().trim_end_matches('/').to_owned();
    Some((url.scheme().to_owned(), url.host_str()?.to_owned(), url.port_or_known_default(), path))
}

/// The known word that was most likely meant.
pub(super) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_ascii_lowercase().replace('_', "-");
    let typed = plain(typed);
    let allowed = (typed.chars().count() / 3).clamp(1, 3);
    known
        .map(|word| (distance(&typed, &plain(word)), word))
        .filter(|(far, _)| *far <= allowed)
        .min_by_key(|(far, _)| *far)
        .map(|(_, word)| word)
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_numbers_with_units_and_nothing_else() {
        let cases: &[(&str, Option<u64>)] = &[
            ("60s", Some(60)),
            ("15m", Some(900)),
            ("12h", Some(43_200)),
            ("30d", Some(2_592_000)),
            ("1h30m", Some(5_400)),
            ("0s", Some(0)),
            ("", None),
            ("60", None),
            ("h", None),
            ("-1h", None),
            ("1.5h", None),
            ("12 h", None),
            ("12w", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
            ("1é", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["client-id", "issuer", "scopes", "redirect-ports"];
        let cases = [
            ("client_id", Some("client-id")),
            ("ClientId", Some("client-id")),
            ("isuer", Some("issuer")),
            ("scope", Some("scopes")),
            ("redirect-port", Some("redirect-ports")),
            ("colour", None),
            ("x", None),
        ];
        for (typed, meant) in cases {
            assert_eq!(nearest(typed, known.into_iter()), meant, "{typed}");
        }
    }
}
