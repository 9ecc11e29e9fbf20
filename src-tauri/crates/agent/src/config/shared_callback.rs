//! Profiles of several issuers that the browser comes back to at one address. Where an issuer does not say
//! in its answers who it is (RFC 9207), one may pass for the other (RFC 9700 §4.4). Whether it does is in its
//! metadata and not in the config, so it is a warning here, and `doctor` knows.

use dagpass_core::profile::{Flow, Profile};

use super::Config;
use super::section::{Place, Problems};

/// A profile with a callback, and where it stands.
#[derive(Debug)]
pub(super) struct Callback {
    profile: Profile,
    place: Place,
}

impl Callback {
    pub(super) fn of(profile: &Profile, table: &Place) -> Self {
        Self { profile: profile.clone(), place: table.missing("redirect-path") }
    }
}

/// Names the earlier one, at the later.
pub(super) fn warn(mut callbacks: Vec<Callback>, problems: &mut Problems<'_>) {
    callbacks.sort_by_key(|callback| callback.place.offset);
    for (at, later) in callbacks.iter().enumerate() {
        let shares = |earlier: &&Callback| share(&earlier.profile, &later.profile);
        let Some(earlier) = callbacks[..at].iter().find(shares) else { continue };
        let message = format!(
            "the callback of profile `{}` (line {}), which is at another issuer: unless both name \
             themselves in their answers, one can pass for the other",
            earlier.profile.name,
            problems.line(&earlier.place)
        );
        let path = own_path(later.profile.name.as_str());
        let hint = format!(
            "`dagpass doctor` says whether they do; else set `redirect-path = \"{path}\"` here and \
             register it at Ping"
        );
        problems.warn_of_callback(&later.place, message, &hint);
    }
}

/// A callback that no other profile has.
pub(crate) fn own_path(profile: &str) -> String {
    format!("{}/{profile}", dagpass_core::profile::Redirect::PATH)
}

/// The profile at another issuer that has the same callback.
pub(crate) fn sharer<'a>(config: &'a Config, profile: &Profile) -> Option<&'a Profile> {
    config.profiles.values().map(|other| &**other).find(|other| share(profile, other))
}

fn share(one: &Profile, other: &Profile) -> bool {
    let comes_back = |profile: &Profile| profile.kind.signs_in() && profile.flow != Flow::Device;
    let by_browser = comes_back(one) && comes_back(other);
    by_browser && one.issuer != other.issuer && one.redirect.meets(&other.redirect)
}
