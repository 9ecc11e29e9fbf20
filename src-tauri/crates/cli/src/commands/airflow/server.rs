//! `dagpass airflow setup --server`: the files that have an API server sign people in at Ping, ready to be
//! reviewed. Printed unless a folder is named; never over a file that is there; never with a secret.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::commands::whoami;
use crate::exit::Failure;
use crate::output;
use crate::world::World;

mod files;

use files::{Plan, Written};

/// Where `airflow standalone` answers.
const LAPTOP: &str = "http://localhost:8080";

#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Print or write what an API server needs to sign people in at Ping
    #[arg(long, conflicts_with_all = ["print", "write", "undo", "file", "env"])]
    pub(crate) server: bool,
    /// Which product; told by the issuer where absent
    #[arg(long, value_enum, requires = "server")]
    for_ping: Option<Product>,
    /// The folder to write to, mostly AIRFLOW_HOME; printed where absent
    #[arg(long, value_name = "DIR", requires = "server")]
    out: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long, requires = "out")]
    force: bool,
    /// The profile whose issuer and client the laptops use; the default profile where absent
    #[arg(long, requires = "server", conflicts_with_all = ["issuer", "client"])]
    profile: Option<String>,
    /// The issuer, where no profile has it
    #[arg(long, value_name = "URL", requires_all = ["server", "client"])]
    issuer: Option<String>,
    /// The laptops' client ID, where no profile has it
    #[arg(long, value_name = "ID", requires_all = ["server", "issuer"])]
    client: Option<String>,
    /// Where people reach this Airflow; `airflow standalone` where absent
    #[arg(long, value_name = "URL", requires = "server")]
    url: Option<String>,
    /// The `aud` of Ping's access tokens for this Airflow; its URL where absent
    #[arg(long, requires = "server")]
    audience: Option<String>,
    /// The client ID of the web login
    #[arg(long, value_name = "ID", requires = "server")]
    web_client: Option<String>,
    /// The claim that carries groups
    #[arg(long, default_value = "groups", requires = "server")]
    claim: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(clippy::enum_variant_names, reason = "the products' own names")]
pub(super) enum Product {
    #[value(name = "pingone")]
    PingOne,
    #[value(name = "pingfederate")]
    PingFederate,
    #[value(name = "pingam")]
    PingAm,
}

#[derive(Serialize)]
struct Told<'a> {
    files: &'a [Written],
    redirect_uris: [String; 1],
    /// Values that only the administrator knows.
    to_fill_in: &'a [&'static str],
}

pub(super) fn run(world: &World, server: &Server) -> Result<(), Failure> {
    let plan = plan(world, server)?;
    let Some(folder) = &server.out else { return print(world, &plan) };
    let written = plan.write(folder, server.force)?;
    if world.json {
        return output::json(&told(&plan, &written));
    }
    for file in &written {
        output::say(&format!("{} {}", file.result, file.path.display()));
    }
    next(&plan);
    Ok(())
}

fn print(world: &World, plan: &Plan) -> Result<(), Failure> {
    if world.json {
        return output::json(&told(plan, &plan.unwritten()));
    }
    let files = plan.files().into_iter().map(|(name, text)| format!("# ---- {name}\n{text}"));
    output::out(&files.collect::<Vec<_>>().join("\n"))?;
    output::say("nothing was written: give --out DIR");
    next(plan);
    Ok(())
}

fn told<'a>(plan: &'a Plan, files: &'a [Written]) -> Told<'a> {
    Told { files, redirect_uris: [plan.redirect_uri()], to_fill_in: plan.to_fill_in() }
}

fn next(plan: &Plan) {
    output::say(&format!(
        "for the API server of Airflow 3.3; register at Ping: {}",
        plan.redirect_uri()
    ));
    if !plan.to_fill_in().is_empty() {
        output::say(&format!("still to fill in: {}", plan.to_fill_in().join(", ")));
    }
}

fn plan(world: &World, server: &Server) -> Result<Plan, Failure> {
    let (issuer, client) = match (&server.issuer, &server.client) {
        (Some(issuer), Some(client)) => (issuer.clone(), client.clone()),
        _ => {
            let status = world.ask(|agent| agent.status())?;
            let profile = whoami::pick(&status, server.profile.as_deref())?;
            (profile.issuer.clone(), profile.client_id.clone())
        }
    };
    let Some(product) = server.for_ping.or_else(|| Product::of(&issuer)) else {
        let failure = Failure::usage(format!("which product of Ping is {issuer}?"));
        return Err(failure.hint("give --for-ping pingone, pingfederate or pingam"));
    };
    let url = server.url.as_deref().unwrap_or(LAPTOP).trim_end_matches('/').to_owned();
    for (flag, value) in [
        ("issuer", Some(&issuer)),
        ("client", Some(&client)),
        ("url", Some(&url)),
        ("audience", server.audience.as_ref()),
        ("web-client", server.web_client.as_ref()),
        ("claim", Some(&server.claim)),
    ] {
        one_word(flag, value)?;
    }
    Ok(Plan {
        product,
        issuer,
        client,
        audience: server.audience.clone().unwrap_or_else(|| url.clone()),
        url,
        web_client: server.web_client.clone(),
        claim: server.claim.clone(),
    })
}

/// These values stand bare in a file that shells read too.
fn one_word(flag: &str, value: Option<&String>) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?[]@!+,%=".contains(c);
    match value {
        Some(value) if value.is_empty() || !value.chars().all(plain) => {
            Err(Failure::usage(format!("--{flag}: `{value}` cannot stand in a settings file")))
        }
        Some(_) | None => Ok(()),
    }
}

impl Product {
    /// By the paths that each product's issuers have.
    fn of(issuer: &str) -> Option<Self> {
        let after = issuer.split_once("://")?.1;
        let (host, path) = after.split_once('/').unwrap_or((after, ""));
        if host.starts_with("auth.pingone.") || path.trim_end_matches('/').ends_with("as") {
            return Some(Self::PingOne);
        }
        if path.contains("oauth2") || path.starts_with("am/") || path.starts_with("openam/") {
            return Some(Self::PingAm);
        }
        path.trim_matches('/').is_empty().then_some(Self::PingFederate)
    }
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
