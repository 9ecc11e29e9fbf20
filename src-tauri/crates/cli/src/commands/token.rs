//! `dagpass token`: the hot path. One connection, one write, one read; decides only the shape.

mod git;

use dagpass_client::wire::{TokenAsk, TokenReply};

use crate::args::{Format, Token};
use crate::exit::Failure;
use crate::world::World;
use crate::{output, time};

pub(crate) fn run(world: &World, args: Token) -> Result<(), Failure> {
    let format = if world.json { Format::Json } else { args.format };
    let basic = Basic::checked(&args)?;
    let args = match (format, &args.action) {
        (Format::Git, _) => match git::deed(args, &basic, std::io::stdin().lock())? {
            git::Deed::Print(args) => args,
            git::Deed::Replace(ask) => return git::replace(world, &ask),
            git::Deed::Nothing => return Ok(()),
        },
        (_, None) => args,
        (_, Some(word)) => {
            return Err(Failure::usage(format!("`{word}` is one word too many"))
                .hint("an action stands behind `--format git` alone"));
        }
    };
    let ask = ask(args);
    let reply = world.ask(|agent| agent.token(&ask))?;
    if reply.short_lived {
        output::say("note: the issuer gives no token that lives as long as --min-ttl asks");
    }
    output::out(&shape(&reply, format, &basic)?)
}

fn ask(args: Token) -> TokenAsk {
    TokenAsk {
        profile: args.profile,
        connection: args.connection,
        airflow: args.airflow,
        resource: args.resource,
        scopes: Some(args.scope).filter(|scopes| !scopes.is_empty()),
        env: args.env.or_else(|| std::env::var("DAGPASS_ENV").ok().filter(|env| !env.is_empty())),
        min_ttl: args.min_ttl,
        ..TokenAsk::default()
    }
}

/// What Basic authentication wants beside the token.
#[derive(Debug)]
struct Basic {
    host: String,
    login: String,
}

impl Basic {
    fn checked(args: &Token) -> Result<Self, Failure> {
        let host = args.host.clone().unwrap_or_default();
        for (flag, value) in [("--host", &args.host), ("--login", &Some(args.login.clone()))] {
            if value.as_deref().is_some_and(|value| !one_word(value)) {
                return Err(Failure::usage(format!("{flag} must be one word")));
            }
        }
        Ok(Self { host, login: args.login.clone() })
    }
}

/// Line by line formats are only as sound as the words in them (CVE-2020-5260 in git's helpers).
fn one_word(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn shape(reply: &TokenReply, format: Format, basic: &Basic) -> Result<String, Failure> {
    let token = reply.access_token.as_str();
    if !one_word(token) {
        return Err(Failure::new("protocol", "the token holds what no token may"));
    }
    let expires = time::rfc3339(reply.expires_at);
    Ok(match format {
        Format::Bare => token.to_owned(),
        Format::Header => format!("Authorization: Bearer {token}"),
        Format::Env => format!(
            "export DAGPASS_TOKEN={}\nexport DAGPASS_TOKEN_EXPIRES_AT={}",
            quoted(token),
            reply.expires_at
        ),
        Format::Powershell => format!(
            "$env:DAGPASS_TOKEN = '{}'\n$env:DAGPASS_TOKEN_EXPIRES_AT = '{}'",
            token.replace('\'', "''"),
            reply.expires_at
        ),
        Format::Curl => format!(
            "header = \"Authorization: Bearer {}\"",
            token.replace('\\', r"\\").replace('"', "\\\"")
        ),
        Format::Netrc => {
            format!("machine {} login {} password {token}", basic.host, basic.login)
        }
        Format::Git => format!(
            "protocol=https\nhost={}\nusername={}\npassword={token}\npassword_expiry_utc={}\n",
            basic.host, basic.login, reply.expires_at
        ),
        Format::Json => json(reply)?,
        Format::Kubectl => json(&serde_json::json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"expirationTimestamp": expires, "token": token},
        }))?,
    })
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    text.map_err(|error| Failure::new("protocol", "no JSON").because(error))
}

/// For POSIX shells: nothing inside single quotes is special but the quote itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(token: &str) -> TokenReply {
        TokenReply {
            access_token: token.to_owned().into(),
            token_type: "Bearer".into(),
            expires_in: 299,
            expires_at: 1_795_548_531,
            scope: Some("openid airflow".into()),
            short_lived: false,
            record: None,
        }
    }

    fn basic() -> Basic {
        Basic { host: "pypi.corp.example".into(), login: "oauth2".into() }
    }

    #[test]
    fn every_format_is_what_its_reader_expects() {
        let table = [
            (Format::Bare, "abc"),
            (Format::Header, "Authorization: Bearer abc"),
            (Format::Env, "export DAGPASS_TOKEN='abc'\nexport DAGPASS_TOKEN_EXPIRES_AT=1795548531"),
            (
                Format::Powershell,
                "$env:DAGPASS_TOKEN = 'abc'\n$env:DAGPASS_TOKEN_EXPIRES_AT = '1795548531'",
            ),
            (Format::Curl, "header = \"Authorization: Bearer abc\""),
            (Format::Netrc, "machine pypi.corp.example login oauth2 password abc"),
            (
                Format::Git,
                "protocol=https\nhost=pypi.corp.example\nusername=oauth2\npassword=abc\n\
                 password_expiry_utc=1795548531\n",
            ),
            (
                Format::Json,
                r#"{"access_token":"abc","token_type":"Bearer","expires_in":299,"expires_at":1795548531,"scope":"openid airflow"}"#,
            ),
            (
                Format::Kubectl,
                r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"expirationTimestamp":"2026-11-24T19:28:51Z","token":"abc"}}"#,
            ),
        ];
        for (format, text) in table {
            assert_eq!(shape(&reply("abc"), format, &basic()).as_deref(), Ok(text), "{format:?}");
        }
    }

    #[test]
    fn a_token_never_ends_its_line_or_its_quotes() {
        for bad in ["", "a\nb", "a\rb", "a\0b", "a b"] {
            assert!(shape(&reply(bad), Format::Bare, &basic()).is_err(), "{bad:?}");
        }
        for (format, token, text) in [
            (Format::Env, "a'b", r"export DAGPASS_TOKEN='a'\''b'"),
            (Format::Powershell, "a'b", "$env:DAGPASS_TOKEN = 'a''b'"),
            (Format::Curl, r#"a"b\c"#, r#"header = "Authorization: Bearer a\"b\\c""#),
        ] {
            let shaped = shape(&reply(token), format, &basic()).unwrap();
            assert!(shaped.starts_with(text), "{shaped}");
        }
    }
}
