//! What a config that somebody hands out must not hold: secrets, and what is each machine's own to
//! choose. Reads keys and values only; what they mean is `check.rs`'s to say.

use std::path::Path;

use dagpass_client::wire::{ConfigPreview, ConfigProblem};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::parse;
use super::section::{Place, Problems, join};
use crate::outgoing_proxy::has_password;

/// Tables that say where this machine keeps its secrets and listens.
const OWN: [&str; 2] = ["store", "endpoint"];

/// What has the agent run a program: nobody else's to choose.
const RUNS: &str = "audit.ship.headers-command";

/// How the name of a key ends that holds a secret.
const SECRET_KEYS: [&str; 9] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "private_key",
    "api_key",
    "apikey",
    "access_token",
    "refresh_token",
];

/// A text from `source`, with everything that is wrong with it.
pub fn preview(text: String, source: &str) -> ConfigPreview {
    let path = Path::new(source);
    let (mut problems, warnings) = match parse(&text, path) {
        Ok(config) => (Vec::new(), config.told()),
        Err(problems) => (problems, Vec::new()),
    };
    problems.extend(unfit(&text, source));
    problems.sort_by_key(|problem| (problem.line, problem.column));
    ConfigPreview { text, problems, warnings }
}

fn unfit(text: &str, source: &str) -> Vec<ConfigProblem> {
    let mut problems = Problems::new(source.to_owned(), text);
    let (table, _) = DeTable::parse_recoverable(text);
    let table = table.into_inner();
    if table.is_empty() {
        problems.add(&Place::default(), "holds no config");
    }
    for (key, _) in &table {
        if OWN.contains(&key.get_ref().as_ref()) {
            let place = Place { key: key.get_ref().to_string(), offset: key.span().start };
            let hint = "whoever uses the machine sets it";
            problems.add_hint(&place, "is each machine's own to choose", hint);
        }
    }
    walk(&table, "", &mut problems);
    problems.into_sorted()
}

fn walk(table: &DeTable<'_>, path: &str, problems: &mut Problems<'_>) {
    for (key, value) in table {
        let place = Place { key: join(path, key.get_ref()), offset: value.span().start };
        if place.key == RUNS {
            let hint = "whoever uses the machine sets it";
            problems.add_hint(
                &place,
                "names a program that the agent runs, and is handed out",
                hint,
            );
        }
        look(key.get_ref(), value, &place, problems);
    }
}

fn look(key: &str, value: &Spanned<DeValue<'_>>, place: &Place, problems: &mut Problems<'_>) {
    match value.get_ref() {
        DeValue::Table(table) => walk(table, &place.key, problems),
        DeValue::Array(values) => {
            values.iter().for_each(|value| look("", value, place, problems));
        }
        DeValue::String(text) if !text.is_empty() && is_secret(key, text) => {
            let hint = "everybody signs in for themselves; leave it out";
            problems.add_hint(place, "looks like a secret, and is handed out", hint);
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

pub(super) fn is_secret(key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let named = SECRET_KEYS.iter().any(|ending| key.ends_with(ending));
    let token = value.starts_with("Bearer ")
        || (value.starts_with("eyJ") && value.matches('.').count() >= 2)
        || value.contains("PRIVATE KEY-----");
    let login = (key == "proxy" && has_password(value))
        || Url::parse(value).is_ok_and(|url| url.password().is_some());
    named || token || login
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[profile.prod]\nissuer = \"https://auth.example/as\"\nclient-id = \"c\"\n";

    #[test]
    fn nothing_is_handed_out_that_is_secret_or_a_machine_s_own() {
        let connection = "[connection.a]\nconn-type = \"http\"\n";
        for (more, key) in [
            ("", ""),
            ("token-params = { access_token_manager_id = \"airflow\" }\n", ""),
            (&*format!("{connection}extra = {{ timeout = \"5\" }}\n"), ""),
            (&*format!("{connection}token-in = \"password\"\n"), ""),
            (
                &*format!("{connection}extra = {{ client_secret = \"s3\" }}\n"),
                "connection.a.extra.client_secret",
            ),
            (
                &*format!("{connection}extra = {{ a = [{{ b-Password = \"s3\" }}] }}\n"),
                "connection.a.extra.a.b-Password",
            ),
            (&*format!("{connection}extra = {{ h = \"Bearer x\" }}\n"), "connection.a.extra.h"),
            (&*format!("{connection}schema = \"eyJh.eyJi.c\"\n"), "connection.a.schema"),
            ("proxy = \"http://me:s3cret@proxy.example\"\n", "profile.prod.proxy"),
            ("proxy = \"http://me:s3c#ret@proxy.example\"\n", "profile.prod.proxy"),
            ("proxy = \"http://me@proxy.example\"\n", ""),
            ("[store]\nkind = \"passphrase-file\"\n", "store"),
            ("[endpoint]\nport = 0\n", "endpoint"),
            ("[audit.ship]\notlp = \"https://c.example\"\n", ""),
            (
                "[audit.ship]\notlp = \"https://c.example\"\nheaders-command = [\"sh\"]\n",
                "audit.ship.headers-command",
            ),
            ("unheard-of = 1\n", "profile.prod.unheard-of"),
        ] {
            let seen = preview(format!("{GOOD}{more}"), "team.toml");
            let keys: Vec<&str> = seen.problems.iter().map(|one| one.key.as_str()).collect();
            assert_eq!(keys.join(" "), key, "{more}");
            let shown = format!("{:?}", seen.problems);
            assert!(!shown.contains("s3"), "{shown}");
        }
        for empty in ["", "# nothing\n"] {
            assert_eq!(preview(empty.into(), "t").problems[0].message, "holds no config");
        }
    }
}
