//! What to do for one request, by what is held: nobody is asked.

use crate::cache::Cached;
use crate::error::Refusal;
use crate::freshness::{self, Verdict};
use crate::profile::Profile;
use crate::refusals;
use crate::request::{Obtain, Purpose, Target, TokenRequest};
use crate::rest::{REFUSED_FOR, Rest};
use crate::session::{Held, Session, SessionState};
use crate::time::Timestamp;

/// What to do for one request.
pub(crate) enum Plan {
    Load,
    Serve(Cached),
    ServeAndRefresh(Cached),
    Fly { fallback: Option<Cached>, cause: Cause },
    Refuse(Refusal),
}

/// Why Ping is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing cached, or too near its end.
    Expiry,
    /// A caller's `min_ttl` was not met.
    MinTtl,
    /// A server refused the token.
    Rejected,
}

/// What may be asked for.
struct Outlook {
    /// Why this target is not asked for just now.
    refusal: Option<Refusal>,
    /// A refresh was sent and never answered.
    unanswered: bool,
}

impl Session {
    pub(crate) fn plan(&self, request: &TokenRequest, now: Timestamp) -> Plan {
        let mut held = self.held();
        held.end_what_ran_out(now);
        if request.renewed
            && let Some(token) = held.tokens.get_mut(&request.target)
            && request.rejected.as_ref() == Some(&token.fingerprint)
        {
            token.refused = Some(Rest::new(now, REFUSED_FOR));
        }
        let cached = held.tokens.get(&request.target).cloned();
        let valid = cached.clone().filter(|token| token.valid_at(now));
        let Outlook { refusal, unanswered } = match held.outlook(&request.target, now) {
            Ok(outlook) => outlook,
            Err(Plan::Refuse(refusal)) => {
                return valid_or(held.still_serves(valid, request), refusal);
            }
            Err(plan) => return plan,
        };
        if request.purpose == Purpose::Use {
            held.used.insert(request.target.clone(), now);
        }
        let (verdict, cause) = match &cached {
            None => (Verdict::Refresh, Cause::Expiry),
            // A parse takes what there is: it asks Ping for nothing while anything is valid.
            Some(_) if contents_itself(request) && valid.is_some() => {
                (Verdict::Serve, Cause::Expiry)
            }
            Some(token) => judge(token, request, now, &held.profile),
        };
        match (verdict, refusal, cached) {
            (Verdict::Serve, _, Some(token)) => Plan::Serve(token),
            (Verdict::ServeAndRefresh, None, Some(token)) if !unanswered => {
                Plan::ServeAndRefresh(token)
            }
            (Verdict::ServeAndRefresh, _, Some(token)) => Plan::Serve(token),
            (_, Some(refusal), _) => valid_or(valid, refusal),
            // Sent once without an answer: not sent again before the token is near its end.
            (_, None, _) if unanswered && cause != Cause::Expiry && valid.is_some() => {
                valid.map_or_else(|| Plan::Load, Plan::Serve)
            }
            (_, None, _) => Plan::Fly { fallback: valid, cause },
        }
    }
}

fn valid_or(valid: Option<Cached>, refusal: Refusal) -> Plan {
    valid.map_or(Plan::Refuse(refusal), Plan::Serve)
}

impl Held {
    /// `Err` where nothing can be asked for at all.
    fn outlook(&self, target: &Target, now: Timestamp) -> Result<Outlook, Plan> {
        let resting = self.rests.resting(target, now);
        let asks_for_it = !matches!(target.obtain, Obtain::JwtBearer(_));
        match &self.state {
            SessionState::Unloaded => Err(Plan::Load),
            SessionState::Unreadable(_) | SessionState::SignedOut | SessionState::Ended { .. } => {
                Err(Plan::Refuse(self.not_signed_in()))
            }
            SessionState::Fixed(_) => {
                let by_another = matches!(target.obtain, Obtain::Exchange | Obtain::JwtBearer(_));
                let none = || refusals::no_refresh_token(&self.profile);
                let refusal = if by_another { resting } else { Some(none()) };
                Ok(Outlook { refusal, unanswered: false })
            }
            SessionState::Client(client) => {
                let whole = client.refusal(&self.profile, now).filter(|_| asks_for_it);
                Ok(Outlook { refusal: whole.or(resting), unanswered: false })
            }
            SessionState::Active(active) => {
                let whole = active.resting(now).filter(|_| asks_for_it);
                let whole = whole.map(|trouble| refusals::trouble(&self.profile, trouble));
                let unanswered = asks_for_it && active.unanswered.is_some();
                Ok(Outlook { refusal: whole.or(resting), unanswered })
            }
        }
    }

    /// A session that ended leaves its tokens until they end by themselves, or a server refuses them: many a
    /// provider ends both at once, and the same bytes again would help nobody.
    fn still_serves(&self, valid: Option<Cached>, request: &TokenRequest) -> Option<Cached> {
        valid
            .filter(|_| matches!(self.state, SessionState::Ended { .. }))
            .filter(|token| request.rejected.as_ref() != Some(&token.fingerprint))
    }
}

impl SessionState {
    /// What a caller hears where nobody is signed in.
    pub(super) fn refusal(&self, profile: &Profile) -> Refusal {
        match self {
            Self::Unreadable(failure) => refusals::store(profile, failure),
            Self::Ended { why, .. } => refusals::ended(profile, why),
            Self::Unloaded
            | Self::SignedOut
            | Self::Active(_)
            | Self::Fixed(_)
            | Self::Client(_) => refusals::signed_out(profile),
        }
    }
}

/// A parse takes what there is, unless a server refused that.
fn contents_itself(request: &TokenRequest) -> bool {
    request.purpose == Purpose::DagParse && request.rejected.is_none()
}

fn judge(
    token: &Cached,
    request: &TokenRequest,
    now: Timestamp,
    profile: &Profile,
) -> (Verdict, Cause) {
    let refused = request.rejected.as_ref() == Some(&token.fingerprint);
    if refused && !token.is_refused(now) {
        return (Verdict::Refresh, Cause::Rejected);
    }
    let plain = freshness::judge(token, now, profile.refresh_margin, None);
    if plain == Verdict::Refresh {
        return (Verdict::Refresh, Cause::Expiry);
    }
    let judged = freshness::judge(token, now, profile.refresh_margin, request.min_ttl);
    (judged, if judged == Verdict::Refresh { Cause::MinTtl } else { Cause::Expiry })
}
