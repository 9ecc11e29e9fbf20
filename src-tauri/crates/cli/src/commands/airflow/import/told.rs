//! What a person is told of each pasted secret: where it lies, how old it is, what to revoke. Never the secret.

use serde_json::{Value, json};

use super::pasted::{Pasted, Row, Secret, Verdict};
use crate::output::word;
use crate::time;

pub(super) fn text(rows: &[Row<'_>], now: i64) -> String {
    if rows.is_empty() {
        return "no connection holds a pasted secret".to_owned();
    }
    let lines = rows.iter().flat_map(|row| {
        let head = format!("{}: {}", word(row.conn_id), word(&verdict(&row.verdict)));
        std::iter::once(head).chain(row.places.iter().flat_map(|place| lines(place, now)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn json(row: &Row<'_>, now: i64) -> Value {
    let (result, why) = match &row.verdict {
        Verdict::Taken { .. } => ("taken", None),
        Verdict::There => ("there", None),
        Verdict::Left { why } => ("left", Some(why)),
    };
    let place = |place: &&Pasted| {
        let secret = |secret: &Secret| {
            json!({
                "name": secret.name, "length": secret.length, "jwt": secret.jwt,
                "issued": secret.issued, "expires": secret.expires, "issuer": secret.issuer,
                "revoke": revoke(secret, place, now),
            })
        };
        json!({
            "place": place.place, "changed": place.changed, "remove": place.remove,
            "left_out": place.left_out,
            "secrets": place.secrets.iter().map(secret).collect::<Vec<_>>(),
        })
    };
    let places: Vec<Value> = row.places.iter().map(place).collect();
    json!({"conn_id": row.conn_id, "result": result, "why": why, "places": places})
}

fn verdict(verdict: &Verdict<'_>) -> String {
    match verdict {
        Verdict::Taken { .. } => "Ping's tokens serve it".to_owned(),
        Verdict::There => "dagpass has it already; what is pasted goes on lying there".to_owned(),
        Verdict::Left { why } => format!("stays: {why}"),
    }
}

/// Names and claims are other people's: none of them begins a line.
fn lines(place: &Pasted, now: i64) -> Vec<String> {
    let mut lines = Vec::new();
    let lies = word(&place.place);
    for secret in &place.secrets {
        let (name, length) = (word(&secret.name), secret.length);
        lines.push(format!("  {lies}: `{name}`, {length} characters{}", age(secret, place, now)));
        lines.push(format!("    revoke: {}", word(&revoke(secret, place, now))));
    }
    if place.token_in.is_some() && !place.left_out.is_empty() {
        let names: Vec<String> =
            place.left_out.iter().map(|name| format!("`{}`", word(name))).collect();
        let names = names.join(", ");
        lines.push(format!(
            "    left out, may be secret: {names}; what the server needs of it is yours to add"
        ));
    }
    lines.push(format!("    remove: {}", word(&place.remove)));
    lines
}

fn age(secret: &Secret, place: &Pasted, now: i64) -> String {
    match (secret.issued, place.changed) {
        (Some(issued), _) => format!(", issued {}{}", time::show(issued, now), ago(issued, now)),
        (None, Some(changed)) => {
            format!(", in a file last changed {}{}", time::show(changed, now), ago(changed, now))
        }
        (None, None) => ", its age is not visible".to_owned(),
    }
}

fn ago(then: i64, now: i64) -> String {
    match (now - then).div_euclid(86_400) {
        days @ 2.. => format!(" ({days} days ago)"),
        1 => " (a day ago)".to_owned(),
        _ => String::new(),
    }
}

fn revoke(secret: &Secret, place: &Pasted, now: i64) -> String {
    let host = place.fields.get("host").and_then(Value::as_str).unwrap_or("its server");
    let issuer = secret.issuer.as_deref().unwrap_or("whoever signed it");
    match (secret.jwt, secret.expires) {
        (true, Some(end)) if end <= now => format!("nothing, it ended {}", time::show(end, now)),
        (true, Some(end)) => format!("at {issuer}; it ends by itself {}", time::show(end, now)),
        (true, None) => format!("at {issuer}; it names no end"),
        (false, _) => format!("where it was made, for {host}; until then it may be good for ever"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pasted::{rows, tests::pasted};
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn each_secret_is_told_with_place_age_and_what_to_revoke() {
        let jwt = |more: Value| {
            let mut secret = json!({"name": "Authorization", "length": 812, "jwt": true});
            for (key, value) in more.as_object().into_iter().flatten() {
                secret[key] = value.clone();
            }
            json!({ "secrets": [secret] })
        };
        let now = 100 * DAY;
        for (more, age, revoke) in [
            (
                json!({}),
                ", in a file last changed 1970-01-01 00:00:00 UTC (100 days ago)",
                "where it was made, for https://h.example; until then it may be good for ever",
            ),
            (
                json!({"changed": null}),
                ", its age is not visible",
                "where it was made, for https://h.example; until then it may be good for ever",
            ),
            (
                jwt(json!({"issued": 98 * DAY, "expires": 99 * DAY})),
                ", issued 1970-04-09 00:00:00 UTC (2 days ago)",
                "nothing, it ended 1970-04-10 00:00:00 UTC",
            ),
            (
                jwt(json!({"issued": now, "expires": now + 60, "issuer": "https://i"})),
                ", issued 00:00:00 UTC",
                "at https://i; it ends by itself 00:01:00 UTC",
            ),
            (
                jwt(json!({"issued": 99 * DAY})),
                ", issued 1970-04-10 00:00:00 UTC (a day ago)",
                "at whoever signed it; it names no end",
            ),
        ] {
            let found = [pasted("api", more)];
            let rows = rows(&found, &[]);
            let secret = &found[0].secrets[0];
            let expected = format!(
                "api: Ping's tokens serve it\n  .env:3: `{}`, {} characters{age}\n    revoke: {revoke}\n    \
                 remove: take line 3 out of .env",
                secret.name, secret.length
            );
            assert_eq!(text(&rows, now), expected);
            assert_eq!(json(&rows[0], now)["places"][0]["secrets"][0]["revoke"], revoke);
        }
        let forged = pasted(
            "api\nlake: taken",
            json!({
                "place": "a\nb", "remove": "'c\nd'", "left_out": ["Cookie", "X\nY"],
                "secrets": [{"name": "e\nf", "length": 8, "jwt": true, "issuer": "g\nh"}],
            }),
        );
        let forged = [forged];
        let rows = rows(&forged, &[]);
        let expected = "api\\nlake: taken: Ping's tokens serve it\n  a\\nb: `e\\nf`, 8 characters, in a file last \
                        changed 1970-01-01 00:00:00 UTC (100 days ago)\n    revoke: at g\\nh; it names no end\n    \
                        left out, may be secret: `Cookie`, `X\\nY`; what the server needs of it is yours to add\n    \
                        remove: 'c\\nd'";
        assert_eq!(text(&rows, now), expected);
        assert_eq!(json(&rows[0], now)["places"][0]["left_out"][1], "X\nY");
        assert_eq!(text(&[], now), "no connection holds a pasted secret");
    }
}
