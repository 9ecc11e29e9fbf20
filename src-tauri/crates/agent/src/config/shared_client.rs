//! Two sign-ins of one client at one issuer: at PingOne the later ends the earlier. Right or wrong
//! nobody but the issuer can tell, so it is a warning and not a problem.

use dagpass_core::profile::Profile;

use super::section::{Place, Problems};

/// A client that somebody signs in with, and where it is named.
#[derive(Debug)]
pub(super) struct Client {
    issuer: String,
    id: String,
    /// `profile `prod``, or `connection `lake``.
    named: String,
    place: Place,
}

impl Client {
    pub(super) fn of(profile: &Profile, named: String, place: Place) -> Self {
        let issuer = profile.issuer.as_str().to_owned();
        Self { issuer, id: profile.client_id.clone(), named, place }
    }
}

/// Names both lines, at the later one.
pub(super) fn warn(mut clients: Vec<Client>, problems: &mut Problems<'_>) {
    clients.sort_by_key(|client| client.place.offset);
    for (at, later) in clients.iter().enumerate() {
        let same = |earlier: &&Client| {
            (&earlier.issuer, &earlier.id) == (&later.issuer, &later.id)
                && earlier.named != later.named
        };
        let Some(earlier) = clients[..at].iter().find(same) else { continue };
        let message = format!(
            "the client and issuer of {} (line {}): PingOne ends the one sign-in when the other is \
             made",
            earlier.named,
            problems.line(&earlier.place)
        );
        let hint = "register a client for each, or ask for all scopes in one profile";
        problems.warn(&later.place, message, hint);
    }
}
