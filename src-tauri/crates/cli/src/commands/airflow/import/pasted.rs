//! What was found pasted, a row a connection: which of them becomes dagpass's. Pure, and without a secret.

use std::borrow::Cow;

use dagpass_client::wire::ConfigProblem;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One place where a connection holds a secret.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pasted {
    pub(super) conn_id: String,
    /// `.env:3`, `the environment: AIRFLOW_CONN_X`, a database's address and the connection.
    pub(super) place: String,
    pub(super) kind: Kind,
    pub(super) conn_type: String,
    /// Where Ping's token goes in its stead; `None` where it cannot.
    pub(super) token_in: Option<String>,
    pub(super) why: Option<String>,
    /// `host`, `schema`, `port`, `login`.
    pub(super) fields: Map<String, Value>,
    pub(super) extra: Map<String, Value>,
    /// What of `extra` and the fields is not among them, since it may be a secret: by name.
    #[serde(default)]
    pub(super) left_out: Vec<String>,
    pub(super) secrets: Vec<Secret>,
    /// The command or the deed that takes it out of there.
    pub(super) remove: String,
    /// When the file was last changed, in epoch seconds.
    pub(super) changed: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Environment,
    File,
    Export,
    Database,
}

/// What is known of a secret without it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) jwt: bool,
    /// Epoch seconds, as its own claims say.
    pub(super) issued: Option<i64>,
    pub(super) expires: Option<i64>,
    pub(super) issuer: Option<String>,
}

#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) conn_id: &'a str,
    pub(super) verdict: Verdict<'a>,
    pub(super) places: Vec<&'a Pasted>,
}

#[derive(Debug)]
pub(super) enum Verdict<'a> {
    /// Gets a table, made from this one.
    Taken {
        from: &'a Pasted,
        token_in: &'a str,
    },
    /// The config names it already.
    There,
    Left {
        why: Cow<'a, str>,
    },
}

/// In the order in which Airflow asks; what differs by case alone is one connection, since a variable has none.
pub(super) fn rows<'a>(found: &'a [Pasted], present: &[String]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for one in found {
        match rows.iter_mut().find(|row| row.conn_id.eq_ignore_ascii_case(&one.conn_id)) {
            Some(row) => row.add(one),
            None => {
                rows.push(Row { conn_id: &one.conn_id, verdict: verdict(one), places: vec![one] })
            }
        }
    }
    for row in &mut rows {
        if present.iter().any(|id| id.eq_ignore_ascii_case(row.conn_id)) {
            row.verdict = Verdict::There;
        }
    }
    rows
}

/// Leaves those whose tables the config's check names; were there any?
pub(super) fn leave(rows: &mut [Row<'_>], problems: &[ConfigProblem]) -> bool {
    let mut left = false;
    for row in rows.iter_mut() {
        let table = format!("connection.{}", row.conn_id);
        let of_row = |problem: &&ConfigProblem| {
            problem
                .key
                .strip_prefix(&table)
                .is_some_and(|key| key.is_empty() || key.starts_with('.'))
        };
        if let (Verdict::Taken { .. }, Some(problem)) = (&row.verdict, problems.iter().find(of_row))
        {
            let why = format!("its table would not be taken: {}", problem.message);
            row.verdict = Verdict::Left { why: why.into() };
            left = true;
        }
    }
    left
}

fn verdict(one: &Pasted) -> Verdict<'_> {
    match &one.token_in {
        Some(token_in) => Verdict::Taken { from: one, token_in },
        None => Verdict::Left { why: one.why.as_deref().unwrap_or("no bearer token").into() },
    }
}

impl<'a> Row<'a> {
    fn add(&mut self, one: &'a Pasted) {
        let spelled = |kind: Kind| matches!(kind, Kind::Export | Kind::Database);
        if spelled(one.kind) && !self.places.iter().any(|place| spelled(place.kind)) {
            self.conn_id = &one.conn_id;
        }
        if matches!(self.verdict, Verdict::Left { .. }) {
            self.verdict = verdict(one);
        }
        self.places.push(one);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in super::super) fn pasted(conn_id: &str, more: Value) -> Pasted {
        let mut one = json!({
            "conn_id": conn_id, "place": ".env:3", "kind": "file", "conn_type": "http",
            "token_in": "header", "why": null, "fields": {"host": "https://h.example"}, "extra": {},
            "secrets": [{"name": "password", "length": 40, "jwt": false}],
            "remove": "take line 3 out of .env", "changed": 0
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            one[key] = value.clone();
        }
        serde_json::from_value(one).unwrap()
    }

    #[test]
    fn places_of_one_connection_are_one_row_with_the_spelling_that_has_case() {
        let basic = json!({"kind": "environment", "token_in": null, "why": "Basic"});
        let found = [
            pasted("warehouse_api", basic.clone()),
            pasted("Warehouse_API", json!({"kind": "database"})),
            pasted("lake", basic),
            pasted("old", json!({})),
        ];
        let rows = rows(&found, &["OLD".to_owned()]);
        let ids: Vec<&str> = rows.iter().map(|row| row.conn_id).collect();
        assert_eq!(ids, ["Warehouse_API", "lake", "old"]);
        assert!(
            matches!(rows[0].verdict, Verdict::Taken { from, .. } if from.kind == Kind::Database)
        );
        assert_eq!(rows[0].places.len(), 2);
        assert!(matches!(&rows[1].verdict, Verdict::Left { why } if why == "Basic"));
        assert!(matches!(rows[2].verdict, Verdict::There));
    }

    #[test]
    fn what_the_config_s_check_names_stays_and_no_other_of_a_like_name() {
        for (key, left) in [
            ("connection.api", Some("api")),
            ("connection.api.extra.headers", Some("api")),
            ("connection.api_2.port", Some("api_2")),
            ("connection.old", None),
            ("profile.prod.issuer", None),
        ] {
            let found = ["api", "api_2", "old"].map(|id| pasted(id, json!({})));
            let mut rows = rows(&found, &["old".to_owned()]);
            let problem = ConfigProblem {
                file: "c.toml".into(),
                line: 1,
                column: 1,
                key: key.into(),
                message: "odd".into(),
                hint: None,
            };
            assert_eq!(leave(&mut rows, &[problem]), left.is_some(), "{key}");
            let stays = rows.iter().find(|row| matches!(row.verdict, Verdict::Left { .. }));
            assert_eq!(stays.map(|row| row.conn_id), left, "{key}");
        }
    }
}
