//! What a request's body is read as: one object, whatever the route. An array would fill a struct's fields by
//! their order, and an empty one those that may be left out: `[]` would ask for what nobody asked for.

use dagpass_core::error::{ErrorCode, Refusal};
use serde::de::DeserializeOwned;

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let refusal = |why: String| {
        Refusal::new(ErrorCode::InvalidRequest, "the request's body cannot be read").because(why)
    };
    let parsed = serde_json::from_slice(body)
        .map_err(|error| refusal(format!("{} at column {}", kind(&error), error.column())))?;
    // What JSON takes for blanks, and no more (RFC 8259 §2).
    let first = body.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    if first == Some(&b'{') { Ok(parsed) } else { Err(refusal("not an object".to_owned())) }
}

/// What was wrong with the JSON, without quoting it: it may hold a secret.
fn kind(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io => "the connection ended",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Data => "a field is missing or of the wrong kind",
        serde_json::error::Category::Eof => "the JSON ends too early",
    }
}

#[cfg(test)]
mod tests {
    use dagpass_client::wire::{LeakAsk, LeaseRevokeAsk, RunAsk, SignOutAsk, TokenAsk};

    use super::*;

    #[test]
    fn a_body_is_an_object_whatever_may_be_left_out_of_it() {
        for (body, taken) in [
            ("{}", true),
            (" \t\r\n{}\n", true),
            ("[]", false),
            (" []", false),
            ("[null]", false),
            ("[[]]", false),
            ("null", false),
            ("\"\"", false),
            ("0", false),
            ("true", false),
            ("", false),
            ("{", false),
            ("{}{}", false),
            ("\u{feff}{}", false),
        ] {
            let body = body.as_bytes();
            assert_eq!(parse::<SignOutAsk>(body).is_ok(), taken, "sign-out {body:?}");
            assert_eq!(parse::<TokenAsk>(body).is_ok(), taken, "token {body:?}");
            assert_eq!(parse::<RunAsk>(body).is_ok(), taken, "run {body:?}");
        }
        // By their order, fields that may not be left out.
        assert!(
            parse::<LeakAsk>(br#"[[]]"#).is_err() && parse::<LeakAsk>(br#"{"leaks":[]}"#).is_ok()
        );
        assert!(parse::<LeaseRevokeAsk>(br#"["ls-1"]"#).is_err());
    }

    #[test]
    fn what_is_wrong_is_told_and_never_quoted() {
        for (body, why) in [
            ("[]", "not an object"),
            ("[\"s3cret\", true]", "not an object"),
            ("[1]", "a field is missing or of the wrong kind"),
            ("{\"s3cret", "the JSON ends too early"),
            ("s3cret", "not JSON"),
        ] {
            let refusal = parse::<SignOutAsk>(body.as_bytes()).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidRequest);
            let cause = refusal.cause.unwrap_or_default();
            assert!(cause.starts_with(why) && !cause.contains("s3cret"), "{body}: {cause}");
        }
    }
}
