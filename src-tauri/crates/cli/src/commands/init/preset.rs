//! Which Ping product was named on the command line.

use dagpass_client::preset::{NoUrl, Preset};

use super::Init;
use crate::exit::Failure;

pub(super) fn from_args(args: &Init) -> Option<Preset> {
    if let Some([region, environment]) = args.pingone.as_deref() {
        return Some(Preset::PingOne { region: region.clone(), environment: environment.clone() });
    }
    if let Some([base, realm]) = args.pingam.as_deref() {
        return Some(Preset::PingAm { url: base.clone(), realm: realm.clone() });
    }
    match (&args.pingfederate, &args.issuer) {
        (Some(base), _) => Some(Preset::PingFederate { url: base.clone() }),
        (None, Some(url)) => Some(Preset::Issuer { url: url.clone() }),
        (None, None) => None,
    }
}

impl From<NoUrl> for Failure {
    fn from(error: NoUrl) -> Self {
        Self::usage(error.to_string()).hint("write https://…")
    }
}
