//! `dagpass witness`: this machine cosigns others' ledgers (C2SP tlog-witness). A program by itself, which asks
//! no agent: a folder of its own, a key of its own, the logs it knows. `folder` is what it keeps, `cosign`
//! what it answers and puts on disk before, `serve` and `request` how it is asked.

mod cosign;
mod folder;
mod request;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use dagpass_client::ledger::log::VerifierKey;
use serde::Serialize;

use crate::exit::Failure;
use crate::output;
use crate::world::World;
use folder::Folder;

#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Cosign for the logs it knows, until told to end
    ///
    /// Listens on this machine alone: put a TLS reverse proxy before it, or let the other side come by
    /// `ssh -L` or `tailscale serve`. Cosigns a checkpoint only where it goes on from the last one that it
    /// cosigned of that log, and has it on disk before it answers.
    #[command(after_help = "Examples:\n  dagpass witness serve\n  \
                            dagpass witness serve --listen 127.0.0.1:21380 --folder /srv/witness")]
    Serve {
        /// A loopback address; port 0 is any free one
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:21380")]
        listen: SocketAddr,
        #[command(flatten)]
        kept: Kept,
    },
    /// Print the public key that it cosigns by, for others' configs; made where there is none
    #[command(after_help = "Examples:\n  dagpass witness key\n  \
                            dagpass witness key --name witness.example/ada")]
    Key {
        /// The name of a key that is made; else one at random
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        kept: Kept,
    },
    /// Cosign for this log from now on; a server that runs takes it in by itself
    #[command(after_help = "Examples:\n  dagpass witness add \"$(ssh laptop dagpass audit key)\"")]
    Add {
        /// What `dagpass audit key` prints on the log's machine
        #[arg(value_name = "VKEY")]
        key: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// The logs it knows, and up to which line it cosigned each
    #[command(after_help = "Examples:\n  dagpass witness list\n  dagpass witness list --json")]
    List {
        #[command(flatten)]
        kept: Kept,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Kept {
    /// Where it keeps its key, the logs and what it cosigned; else `witness` in dagpass's state folder
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(world: &World, command: Witness) -> Result<(), Failure> {
    match command {
        Witness::Serve { listen, kept } => serve::run(world, &kept.folder()?, listen),
        Witness::Key { name, kept } => key(world, &kept.folder()?, name.as_deref()),
        Witness::Add { key, kept } => add(&kept.folder()?, &key),
        Witness::List { kept } => list(world, &kept.folder()?),
    }
}

impl Kept {
    fn folder(self) -> Result<Folder, Failure> {
        Folder::named(self.folder)
    }
}

fn key(world: &World, folder: &Folder, name: Option<&str>) -> Result<(), Failure> {
    let cosigner = match (folder.cosigner()?, name) {
        (Some(cosigner), Some(name)) if cosigner.key().name() != name => {
            let what = format!("there is a key already, {}", cosigner.key());
            return Err(Failure::new("conflict", what).hint("another name is for another --folder"));
        }
        (Some(cosigner), _) => cosigner,
        (None, name) => {
            let _alone = folder.lock()?;
            folder.begin(name)?
        }
    };
    let key = cosigner.key().to_string();
    if world.json { output::json(&serde_json::json!({ "key": key })) } else { output::out(&key) }
}

fn add(folder: &Folder, text: &str) -> Result<(), Failure> {
    let key = VerifierKey::parse(text)
        .map_err(|why| Failure::usage("this is no verifier key").because(why))?;
    if key.is_witness() {
        return Err(Failure::usage("this is a witness's key, and a log's is needed"));
    }
    let added = folder.add(&key)?;
    let what = if added { "is cosigned for from now on" } else { "was known already" };
    output::say(&format!("{} {what}", key.name()));
    Ok(())
}

#[derive(Serialize)]
struct Known {
    origin: String,
    key: String,
    /// Lines.
    cosigned: u64,
}

fn list(world: &World, folder: &Folder) -> Result<(), Failure> {
    let held = folder.held()?.unwrap_or_default();
    let known = folder.logs()?.into_iter().map(|key| Known {
        origin: key.name().to_owned(),
        cosigned: held.get(key.name()).map_or(0, |held| held.size),
        key: key.to_string(),
    });
    let known: Vec<Known> = known.collect();
    if world.json {
        return output::json(&known);
    }
    let lines = known.iter().map(|one| match one.cosigned {
        0 => format!("{}: nothing cosigned yet", one.origin),
        lines => format!("{}: cosigned up to line {lines}", one.origin),
    });
    match lines.collect::<Vec<_>>() {
        none if none.is_empty() => {
            output::say("no log is known yet: `dagpass witness add VKEY`");
            Ok(())
        }
        lines => output::out(&lines.join("\n")),
    }
}
