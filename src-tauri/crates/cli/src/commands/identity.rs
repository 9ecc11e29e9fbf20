//! `dagpass identity`: the key by which a client proves itself. It is made on this machine; what is shown is the
//! half that the issuer's administrator registers.

use clap::Subcommand;
use dagpass_client::wire::{ClientAsk, ClientChange, ClientJwks};

use super::secret::changed;
use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Subcommand)]
pub(crate) enum Identity {
    /// The JWKS to register at the issuer; the key is made where there is none yet
    #[command(after_help = "Examples:\n  dagpass identity show prod > jwks.json")]
    Show {
        /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own
        profile: String,
    },
    /// Another key in the place of the one before, which proves nothing any more
    #[command(after_help = "Examples:\n  dagpass identity renew prod --yes > jwks.json")]
    Renew {
        /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own
        profile: String,
        /// Do not ask first
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(world: &World, command: Identity) -> Result<(), Failure> {
    let (profile, change) = match command {
        Identity::Show { profile } => (profile, ClientChange::MakeKey),
        Identity::Renew { profile, yes } => {
            let question = "The client is refused until the new key is registered. Go on?";
            if !yes && !output::agrees(question) {
                return Err(Failure::usage("nothing was changed").hint("`--yes` does not ask"));
            }
            (profile, ClientChange::NewKey)
        }
    };
    let shown = changed(world, &ClientAsk { profile, change, secret: None })?;
    let keys: Vec<_> = shown.jwk.into_iter().collect();
    output::say(&format!(
        "to register for the client {} at {}: its keys, signed by ES256",
        shown.client_id, shown.issuer
    ));
    output::json(&ClientJwks { keys })
}
