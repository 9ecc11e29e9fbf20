//! `dagpass secret`: what the issuer's administrator gave to a client. It is typed in or read from stdin, goes to
//! the agent's store, and is never shown again.

use clap::Subcommand;
use dagpass_client::wire::{ClientAsk, ClientChange, ClientList, ClientShown};

use super::agent::passphrase;
use crate::exit::Failure;
use crate::output::padded;
use crate::world::World;
use crate::{output, time};

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Keep a client's secret where the sessions are kept; typed in, or the first line of stdin
    #[command(
        after_help = "Examples:\n  dagpass secret set prod\n  pass show ping/prod | dagpass secret set prod"
    )]
    Set {
        /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own
        profile: String,
    },
    /// How each client proves itself, and since when this machine has what it takes
    List,
    /// Remove what proves a client from this machine; it stays good at the issuer
    Forget {
        /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own
        profile: String,
    },
}

pub(crate) fn run(world: &World, command: Secret) -> Result<(), Failure> {
    match command {
        Secret::List => list(world),
        Secret::Set { profile } => {
            let secret = passphrase(&format!("client secret of {profile}: "))?;
            let change = ClientChange::Secret;
            let shown = changed(world, &ClientAsk { profile, change, secret: Some(secret) })?;
            said(world, &shown, "the secret of the client is kept")
        }
        Secret::Forget { profile } => {
            let change = ClientChange::Forget;
            let shown = changed(world, &ClientAsk { profile, change, secret: None })?;
            said(
                world,
                &shown,
                "nothing proves the client here any more; at the issuer it is as before:",
            )
        }
    }
}

pub(super) fn changed(world: &World, ask: &ClientAsk) -> Result<ClientShown, Failure> {
    world.ask(|agent| agent.change_client(ask))
}

fn said(world: &World, shown: &ClientShown, what: &str) -> Result<(), Failure> {
    if world.json {
        return output::json(shown);
    }
    output::say(&format!("{what} {} ({})", shown.client_id, shown.profile));
    Ok(())
}

fn list(world: &World) -> Result<(), Failure> {
    let list = world.ask(|agent| agent.clients())?;
    if world.json {
        return output::json(&list);
    }
    output::out(&table(&list))
}

fn table(list: &ClientList) -> String {
    let rows = list.clients.iter().map(|one| {
        [one.profile.clone(), one.client_auth.clone(), standing(one), one.client_id.clone()]
    });
    let head = ["PROFILE", "PROVES ITSELF BY", "SINCE", "CLIENT"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..3).map(|column| width(column).unwrap_or_default() + 2).collect();
    let lines = rows.iter().map(|[profile, auth, since, client]| {
        let [profile, auth, since] = [(profile, widths[0]), (auth, widths[1]), (since, widths[2])]
            .map(|(text, width)| padded(text, width));
        format!("{profile}{auth}{since}{client}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn standing(one: &ClientShown) -> String {
    let command = match one.client_auth.as_str() {
        "private-key-jwt" => "dagpass identity show",
        _ => "dagpass secret set",
    };
    match (&one.unread, one.since) {
        (Some(why), _) => why.clone(),
        (None, Some(since)) => time::show(since, time::now()),
        (None, None) if one.client_auth == "none" => "public".to_owned(),
        (None, None) => format!("missing: `{command} {}`", one.profile),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_names_the_command_that_mends_it() {
        let one = |profile: &str, auth: &str, since| ClientShown {
            profile: profile.to_owned(),
            client_auth: auth.to_owned(),
            client_id: "desk".to_owned(),
            since,
            ..ClientShown::default()
        };
        let clients = vec![
            one("dev", "none", None),
            one("prod", "secret-basic", None),
            one("etl", "private-key-jwt", None),
        ];
        let table = table(&ClientList { clients });
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].starts_with("dev") && lines[1].contains("public"), "{table}");
        assert!(lines[2].contains("`dagpass secret set prod`"), "{table}");
        assert!(lines[3].contains("`dagpass identity show etl`"), "{table}");
    }
}
