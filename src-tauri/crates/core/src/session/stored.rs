//! What is stored of a sign-in, and how long it will last by what is known of it.

use std::time::Duration;

use crate::profile::{EndpointOverrides, Issuer, Profile, Scopes};
use crate::session::end::EndReason;
use crate::time::Timestamp;
use crate::token::{Fingerprint, IdToken, Identity, RefreshToken};

/// The record in the keychain: version 1. Holds the refresh token and the sign-in's ID token; never an
/// access token.
#[derive(Clone, Debug)]
pub struct StoredSession {
    pub issuer: Issuer,
    pub client_id: String,
    /// What the config named at the sign-in of where tokens go. `None` where nobody wrote it down.
    pub endpoints: Option<EndpointOverrides>,
    /// `None` where the server would not say who signed in ("unknown").
    pub identity: Option<Identity>,
    /// Of the nonce that the sign-in sent: no later ID token may carry another (OIDC Core §12.2).
    pub nonce: Option<Fingerprint>,
    /// What the sign-in was granted.
    pub granted: Scopes,
    /// `None` where the server gave none: the session ends with its access token. Also where it is over.
    pub refresh_token: Option<RefreshToken>,
    pub refresh_expires_at: Option<Timestamp>,
    pub signed_in_at: Timestamp,
    /// Counts the saves of this session: a stale writer loses.
    pub generation: u64,
    /// By which Ping knows whose session it is to end (OIDC RP-Initiated Logout §2); PingAM ends none
    /// without it. Its end does not matter there.
    pub id_token_hint: Option<IdToken>,
    /// It is over, and only who it was is kept: the next to sign in is compared with them.
    pub ended: Option<EndReason>,
}

/// Left beside the store while a refresh token is on its way to the server. No secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Of the refresh token that was sent.
    pub refresh_token: Fingerprint,
    pub since: Timestamp,
    /// How often it was sent without an answer.
    pub attempts: u32,
}

/// How long may an ID token be that is kept as a hint? It goes into an address, and servers take some
/// kilobytes of one; hundreds of groups in it are not worth a record of their length.
pub(crate) const LONGEST_HINT: usize = 6000;

pub(crate) fn hint(token: &IdToken) -> Option<IdToken> {
    (token.expose().len() <= LONGEST_HINT).then(|| token.clone())
}

impl StoredSession {
    /// Are both records of the same sign-in?
    pub(crate) fn is_sign_in(&self, other: &Self) -> bool {
        self.signed_in_at == other.signed_in_at
            && self.issuer == other.issuer
            && self.client_id == other.client_id
    }

    /// The refresh token is gone, and why; what is known of the person stays.
    pub(crate) fn tombstone(&self, why: EndReason) -> Self {
        Self {
            refresh_token: None,
            refresh_expires_at: None,
            generation: self.generation + 1,
            ended: Some(why),
            ..self.clone()
        }
    }
}

/// When a session is over, and how we know: three horizons, each with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    pub at: Option<Timestamp>,
    pub source: HorizonSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HorizonSource {
    /// The server's reply said so.
    Server,
    /// The token's own claim.
    Claim,
    /// The profile's `session-lifetime` or `refresh-lifetime`.
    Profile,
    /// How long past sessions lasted until Ping ended them.
    Observed,
    /// Nothing tells. Never guessed.
    Unknown,
}

impl StoredSession {
    /// When the refresh token ends.
    pub fn refresh_horizon(&self, configured: Option<Duration>) -> Horizon {
        match (self.refresh_expires_at, configured) {
            (Some(at), _) => Horizon { at: Some(at), source: HorizonSource::Server },
            (None, Some(span)) => {
                Horizon { at: Some(self.signed_in_at.plus(span)), source: HorizonSource::Profile }
            }
            (None, None) => Horizon { at: None, source: HorizonSource::Unknown },
        }
    }

    /// When Ping's own session ends, counted from the last proof of identity: as the profile says,
    /// else as past sessions went.
    pub fn session_horizon(
        &self,
        configured: Option<Duration>,
        learned: Option<Duration>,
    ) -> Horizon {
        let known = configured.map(|span| (span, HorizonSource::Profile));
        match known.or(learned.map(|span| (span, HorizonSource::Observed))) {
            Some((span, source)) => Horizon { at: Some(self.proven_at().plus(span)), source },
            None => Horizon { at: None, source: HorizonSource::Unknown },
        }
    }

    /// The first of its two ends that is known.
    pub fn end(&self, profile: &Profile, learned: Option<Duration>) -> Horizon {
        let refresh = self.refresh_horizon(profile.refresh_lifetime);
        let session = self.session_horizon(profile.session_lifetime, learned);
        match (refresh.at, session.at) {
            (Some(refresh_end), Some(session_end)) if session_end < refresh_end => session,
            (Some(_), _) => refresh,
            (None, _) => session,
        }
    }

    /// When the person last showed who they are.
    pub fn proven_at(&self) -> Timestamp {
        self.identity.as_ref().and_then(|who| who.auth_time).unwrap_or(self.signed_in_at)
    }
}

/// How many past sessions tell how long the next one lasts?
pub const REMEMBERED_ENDS: usize = 9;

/// How many have to have ended before they tell anything? The middle of fewer could be the one that an
/// administrator revoked.
const NEEDED_ENDS: usize = 3;

/// How long sessions last, by those that Ping ended: the middle one of the newest nine, the shorter of
/// two middle ones. One that an administrator revoked early, or that ended late, does not move it.
pub fn learned(lasted: &[Duration]) -> Option<Duration> {
    if lasted.len() < NEEDED_ENDS {
        return None;
    }
    let newest = &lasted[lasted.len().saturating_sub(REMEMBERED_ENDS)..];
    let mut sorted = newest.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{profile, stored};

    const HOUR: u64 = 3600;

    #[test]
    fn the_middle_of_the_past_tells_and_a_short_past_tells_nothing() {
        let hours = |list: &[u64]| {
            let lasted: Vec<_> = list.iter().map(|n| Duration::from_secs(n * HOUR)).collect();
            learned(&lasted).map(|span| span.as_secs() / HOUR)
        };
        assert_eq!(hours(&[]), None);
        assert_eq!(hours(&[1]), None, "it may have been revoked");
        assert_eq!(hours(&[12, 1]), None, "and who knows which of two was?");
        assert_eq!(hours(&[12, 1, 12]), Some(12), "one was revoked");
        assert_eq!(hours(&[12, 8, 8, 12]), Some(8), "the shorter of two in the middle");
        assert_eq!(hours(&[12, 1, 12, 12]), Some(12), "one was revoked");
        assert_eq!(hours(&[1, 1, 1, 1, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9]), Some(9), "the newest nine");
    }

    #[test]
    fn the_first_known_end_counts_and_the_profile_goes_before_the_past() {
        use HorizonSource::{Observed, Profile, Server, Unknown};
        let hours = |n: u64| Some(Duration::from_secs(n * HOUR));
        let signed_in = stored("rt").signed_in_at;
        let server = Some(signed_in.plus(Duration::from_secs(2 * HOUR)));
        let table = [
            // session-lifetime, refresh-lifetime, learned, the server's word, end, source
            (None, None, None, None, None, Unknown),
            (hours(8), None, hours(3), None, hours(8), Profile),
            (None, None, hours(3), None, hours(3), Observed),
            (hours(8), hours(4), None, None, hours(4), Profile),
            (None, hours(4), hours(3), None, hours(3), Observed),
            (hours(8), None, None, server, hours(2), Server),
        ];
        for (session_lifetime, refresh_lifetime, past, told, end, source) in table {
            let profile =
                crate::profile::Profile { session_lifetime, refresh_lifetime, ..profile() };
            let session = StoredSession { refresh_expires_at: told, ..stored("rt") };
            let horizon = session.end(&profile, past);
            let expected = end.map(|span| signed_in.plus(span));
            assert_eq!((horizon.at, horizon.source), (expected, source));
        }
    }
}
