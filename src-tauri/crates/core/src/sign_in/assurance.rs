//! The one judge of who signed in and what that proves: for browser, pasted code, device and refresh.
//!
//! 1. [`Claim`]: what whoever asked wants: a new proof of identity, another person
//! 2. [`Assurance::asked`]: with what the profile wants, counted from the moment of the request
//! 3. [`Assurance::wishes`]: `prompt`, `max_age`, `acr_values`, in every request that brings a person
//! 4. What the answer brings is kept beside it ([`crate::pending`]): after a crash it is judged by the same
//! 5. The adapter checks signature, issuer, audience and times; [`Stated`] is what a genuine ID token says
//! 6. Where none came: by device one refresh may bring one (`first_refresh`), else userinfo says who it is
//! 7. [`Assurance::judge`]: nonce, person, `acr`, then `auth_time`; an [`Objection`] is a refusal
//! 8. What was told has to fit; what was not told is refused where a new proof is demanded
//! 9. [`renewed`]: a refresh is judged by the session that it renews: same person, no older proof
//! 10. Subjects are compared within one source ([`Identity::same_as`]), with a session that ended as well

use std::time::Duration;

use crate::answers::TokenFailure;
use crate::endpoints::{self, Standing};
use crate::error::{ErrorCode, Refusal};
use crate::profile::Profile;
use crate::refusals;
use crate::session::StoredSession;
use crate::time::Timestamp;
use crate::token::{Fingerprint, Identity, Same, Stated, TokenSet};

/// How far may two clocks be apart?
const LEEWAY: Duration = Duration::from_secs(60);

/// How old may a proof be that is to be new, in a device authorization request? node-oidc-provider makes
/// `prompt=login` of 0, takes no `prompt` there, and then neither asks anew nor tells `auth_time`.
const NEWEST_BY_DEVICE: Duration = Duration::from_secs(1);

/// What a sign-in has to come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    pub proof: NewProof,
    /// The `sub` a person agreed to switch to, after a `subject_changed`.
    pub accept_subject: Option<String>,
}

/// Has the person to prove anew who they are?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewProof {
    #[default]
    Unneeded,
    /// An Airflow deployment asked for one: it is asked for, and a sign-in that brings none stands.
    Wished,
    /// `--fresh`: no sign-in without one.
    Demanded,
}

/// What one way of signing in asks to have proven, and from when on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assurance {
    pub claim: Claim,
    /// By our clock.
    pub asked_at: Timestamp,
    /// Of the nonce that was sent; `None` in the device grant.
    pub nonce: Option<Fingerprint>,
    /// The profile's own wishes.
    pub prompt: Option<String>,
    pub max_age: Option<Duration>,
    pub acr_values: Option<String>,
}

/// What speaks against an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Objection {
    Nonce,
    AnotherPerson {
        before: String,
        now: String,
    },
    /// The `acr` that was told.
    Acr(String),
    /// Nothing tells when they proved who they are.
    Untold(&'static str),
    /// So long before the request.
    Old(Duration),
    Unmoved,
}

impl Assurance {
    pub fn asked(
        profile: &Profile,
        claim: &Claim,
        nonce: Option<&str>,
        asked_at: Timestamp,
    ) -> Self {
        Self {
            claim: claim.clone(),
            asked_at,
            nonce: nonce.map(Fingerprint::of),
            prompt: profile.prompt.clone(),
            max_age: profile.max_age,
            acr_values: profile.acr_values.clone(),
        }
    }

    /// The parameters that ask for it (OIDC Core §3.1.2.1).
    pub fn wishes(&self) -> Vec<(&'static str, String)> {
        let anew = self.claim.proof != NewProof::Unneeded;
        let newest = if self.nonce.is_some() { Duration::ZERO } else { NEWEST_BY_DEVICE };
        let max_age = if anew { Some(newest) } else { self.max_age };
        let wishes = [
            ("prompt", self.prompts(anew)),
            ("max_age", max_age.map(|age| age.as_secs().to_string())),
            ("acr_values", self.acr_values.clone()),
        ];
        wishes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// `login` beside what the profile wants: without its `consent` some products give no refresh token.
    fn prompts(&self, anew: bool) -> Option<String> {
        let own = self.prompt.as_deref().unwrap_or_default().split_whitespace();
        if !anew {
            return self.prompt.clone();
        }
        let beside = own.filter(|word| !matches!(*word, "login" | "none"));
        Some(std::iter::once("login").chain(beside).collect::<Vec<_>>().join(" "))
    }

    /// Who it is from now on, or why the answer brings no session. `last` is who was signed in before, also
    /// where that session is over.
    pub fn judge(
        &self,
        profile: &Profile,
        last: Option<&StoredSession>,
        set: &TokenSet,
    ) -> Result<Option<Identity>, Refusal> {
        let last = last.filter(|last| endpoints::standing(last, profile) != Standing::Another);
        let before = last.and_then(|session| session.identity.as_ref());
        match self.objection(before, set.identity.as_ref(), set.stated.as_ref()) {
            Some(objection) => Err(self.refusal(profile, objection)),
            None => Ok(set.identity.clone().map(|now| now.remembering(before))),
        }
    }

    /// Did they prove anew who they are, whoever asked for it?
    pub(crate) fn is_proven_anew(&self, stated: Option<&Stated>) -> bool {
        let proved = stated.and_then(|stated| Some((stated, stated.auth_time?)));
        proved.is_some_and(|(stated, at)| at.plus(LEEWAY) >= stated.by_its_clock(self.asked_at))
    }

    fn objection(
        &self,
        before: Option<&Identity>,
        now: Option<&Identity>,
        stated: Option<&Stated>,
    ) -> Option<Objection> {
        let nonce = self.nonce_objection(stated);
        let person = nonce.or_else(|| self.person_objection(before, now));
        let acr = person.or_else(|| self.acr_objection(stated?));
        acr.or_else(|| self.time_objection(before, now, stated))
    }

    /// OIDC Core §3.1.3.7; a refresh need not repeat it (§12.2).
    fn nonce_objection(&self, stated: Option<&Stated>) -> Option<Objection> {
        let (sent, stated) = (self.nonce.as_ref()?, stated?);
        let fits = match &stated.nonce {
            Some(nonce) => nonce == sent,
            None => stated.by_refresh,
        };
        (!fits).then_some(Objection::Nonce)
    }

    fn person_objection(
        &self,
        before: Option<&Identity>,
        now: Option<&Identity>,
    ) -> Option<Objection> {
        let now = now?;
        let Same::No { before, now: name } = before?.same_as(now) else { return None };
        let agreed = self.claim.accept_subject.as_deref();
        let is_meant = agreed == Some(name.as_str()) || agreed == Some(now.subject.sub.as_str());
        (!is_meant).then_some(Objection::AnotherPerson { before, now: name })
    }

    /// A server may answer with another class than any it was asked for (OIDC Core §5.5.1.1).
    fn acr_objection(&self, stated: &Stated) -> Option<Objection> {
        let (asked, told) = (self.acr_values.as_deref()?, stated.acr.as_deref()?);
        let fits = asked.split_whitespace().any(|one| one == told);
        (!fits).then(|| Objection::Acr(told.to_owned()))
    }

    fn time_objection(
        &self,
        before: Option<&Identity>,
        now: Option<&Identity>,
        stated: Option<&Stated>,
    ) -> Option<Objection> {
        let demanded = self.claim.proof == NewProof::Demanded;
        let Some(stated) = stated else {
            return demanded.then_some(Objection::Untold("no ID token came"));
        };
        let Some(proved) = stated.auth_time else {
            // By device a server may pass over `max_age`; by browser it must not (OIDC Core §3.1.3.7).
            let owed = self.max_age.is_some() && self.nonce.is_some() && !stated.by_refresh;
            let untold = Objection::Untold("the ID token has no `auth_time`");
            return (demanded || owed).then_some(untold);
        };
        let asks_anew = demanded || self.prompts(false).is_some_and(|own| has_login(&own));
        let allowed = if asks_anew { Some(Duration::ZERO) } else { self.max_age };
        let asked_at = stated.by_its_clock(self.asked_at);
        if allowed.is_some_and(|age| proved.plus(age).plus(LEEWAY) < asked_at) {
            return Some(Objection::Old(proved.until(asked_at)));
        }
        let same = now.is_some_and(|now| before.is_some_and(|before| before.same_as(now).holds()));
        let moved = before.is_none_or(|before| whole(before.auth_time) < Some(proved.as_secs()));
        (demanded && same && !moved).then_some(Objection::Unmoved)
    }

    fn refusal(&self, profile: &Profile, objection: Objection) -> Refusal {
        let unproven = |cause: String| self.unproven(profile, cause);
        match objection {
            Objection::Nonce => {
                let error = "invalid_token".to_owned();
                let description = "the ID token does not carry this sign-in's nonce".to_owned();
                refusals::signing_in(profile, &TokenFailure::Misconfigured { error, description })
            }
            Objection::AnotherPerson { before, now } => another_person(profile, &before, &now),
            Objection::Acr(told) => {
                let asked = self.acr_values.as_deref().unwrap_or_default();
                let what = "Ping signed you in by another policy than was asked for";
                Refusal::new(ErrorCode::InsufficientUserAuthentication, what)
                    .because(format!("`acr-values` asks for `{asked}`, and the ID token's `acr` is `{told}`"))
                    .hint(format!(
                        "have Ping apply that policy to this client, or write its `acr` into `acr-values` of {}",
                        profile.called()
                    ))
            }
            Objection::Untold(what) => {
                unproven(format!("{what}, so nothing tells when you proved who you are"))
            }
            Objection::Old(age) => {
                let sent = self.wishes();
                let sent = sent.iter().filter(|(name, _)| *name != "acr_values");
                let sent: Vec<_> = sent.map(|(name, value)| format!("{name}={value}")).collect();
                unproven(format!(
                    "your last proof was {} min old when {} was sent",
                    age.as_secs() / 60,
                    sent.join(" and ")
                ))
            }
            Objection::Unmoved => {
                unproven("`auth_time` did not move, although prompt=login was sent".to_owned())
            }
        }
    }

    /// With the way that can prove it.
    fn unproven(&self, profile: &Profile, cause: String) -> Refusal {
        let what = "Ping did not ask for a new proof of identity";
        let refusal = Refusal::new(ErrorCode::InsufficientUserAuthentication, what).because(cause);
        if self.nonce.is_some() {
            return refusal.hint("have who runs Ping look at this client: it has to be asked anew, and the ID token has to tell it by `auth_time`");
        }
        let fresh = if self.claim.proof == NewProof::Demanded { " --fresh" } else { "" };
        refusal.hint(format!(
            "a code cannot prove it there: run `{}{fresh} --browser`",
            profile.login()
        ))
    }
}

/// What a refresh brought, as far as it is believed (OIDC Core §12.2).
pub fn renewed(session: &StoredSession, set: TokenSet) -> Result<TokenSet, TokenFailure> {
    let Some(now) = &set.identity else { return Ok(set) };
    let before = session.identity.as_ref();
    if let Some(Same::No { now, .. }) = before.map(|before| before.same_as(now)) {
        return Err(TokenFailure::SubjectChanged { now });
    }
    let stated = set.stated.clone().unwrap_or_default();
    let aside = |set| TokenSet { identity: None, id_token: None, ..set };
    if stated.is_of_another(session.nonce.as_ref()) {
        return Ok(aside(set));
    }
    let known = whole(before.and_then(|before| before.auth_time));
    if stated.auth_time.is_some() && whole(stated.auth_time) < known {
        let what = "the refreshed ID token rests on an older sign-in than the session does";
        return Ok(aside(TokenSet { disbelieved: Some(what.to_owned()), ..set }));
    }
    let identity = before.map_or_else(|| now.clone(), |before| now.clone().renewing(before));
    Ok(TokenSet { identity: Some(identity), ..set })
}

/// Some servers tell it broken at a sign-in and whole at a refresh.
fn whole(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_secs)
}

fn has_login(prompt: &str) -> bool {
    prompt.split_whitespace().any(|word| word == "login")
}

fn another_person(profile: &Profile, before: &str, now: &str) -> Refusal {
    let what = format!("another person signed in on {}", profile.called());
    Refusal::new(ErrorCode::SubjectChanged, what)
        .because(format!("it was `{before}`, now it is `{now}`"))
        .hint(format!("if that is meant, run `{} --accept-subject {now}`", profile.login()))
}

#[cfg(test)]
mod tests;
