//! Looks for secrets where none may be: logs at the highest verbosity, outputs, errors, files,
//! command lines. Decides what counts as found; finding nothing because nothing was sought fails.

use std::fmt;

use base64_of::base64;

/// A value that must not be seen anywhere, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) kind: String,
    pub(crate) value: String,
}

/// Where text came from, and the text.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Clean { secrets: usize, places: usize },
    NothingSought,
    Leaks(Vec<Leak>),
}

/// Names the place and the kind, never the secret itself.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leak {
    pub(crate) kind: String,
    pub(crate) place: String,
    pub(crate) form: &'static str,
    pub(crate) line: usize,
}

impl fmt::Debug for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {} in {} line {}", self.kind, self.form, self.place, self.line)
    }
}

/// The scan itself.
pub(crate) fn scan(secrets: &[Secret], places: &[Place]) -> Verdict {
    if secrets.is_empty() {
        return Verdict::NothingSought;
    }
    let mut leaks = Vec::new();
    for secret in secrets {
        for (form, needle) in forms(&secret.value) {
            for place in places {
                let Some(at) = place.text.find(&needle) else { continue };
                leaks.push(Leak {
                    kind: secret.kind.clone(),
                    place: place.name.clone(),
                    form,
                    line: place.text[..at].lines().count().max(1),
                });
            }
        }
    }
    leaks.sort();
    if leaks.is_empty() {
        Verdict::Clean { secrets: secrets.len(), places: places.len() }
    } else {
        Verdict::Leaks(leaks)
    }
}

/// The shapes a secret takes when it slips: whole, its tail, its bytes in `Debug`, base64, in hex.
fn forms(value: &str) -> Vec<(&'static str, String)> {
    let bytes = value.as_bytes();
    let mut forms = vec![
        ("itself", value.to_owned()),
        ("bytes", numbers(&bytes[..bytes.len().min(12)])),
        ("hex", bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()),
        ("base64", base64(&bytes[..bytes.len() / 3 * 3])),
    ];
    if value.len() >= 32 && value.is_ascii() {
        forms.push(("its tail", value[value.len() - 20..].to_owned()));
    }
    forms
}

fn numbers(bytes: &[u8]) -> String {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}

mod base64_of {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Whole groups of three bytes only, so that no padding is needed.
    pub(super) fn base64(bytes: &[u8]) -> String {
        let mut text = String::new();
        for group in bytes.chunks_exact(3) {
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            for shift in [18, 12, 6, 0] {
                text.push(char::from(ALPHABET[(bits >> shift) as usize & 63]));
            }
        }
        text
    }
}
