//! JWTs end with the session: each that may still live is taken back where it came from, all at once
//! and within one deadline. A deployment that is away never holds a sign-out up.

use std::time::Duration;

use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::deployment::held::Live;
use crate::error::Refusal;
use crate::ports::{Pending, Revocation};
use crate::race::{First, all, first};
use crate::request::{Caller, SessionKey};
use crate::time::Timestamp;

/// How long may a sign-out wait for the deployments?
const DEADLINE: Duration = Duration::from_secs(5);

/// What became of one JWT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedOut {
    pub deployment: String,
    pub revocation: Revocation,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

impl Broker {
    /// Takes back every JWT that was given for this session's tokens. One that a deployment could not be
    /// reached for stays listed: the next sign-out tries it again. Also where no config names the session any
    /// more.
    pub async fn log_out(
        &self,
        key: &SessionKey,
        caller: &Caller,
    ) -> Result<Vec<LoggedOut>, Refusal> {
        let Some(session) = self.known(key) else { return Ok(Vec::new()) };
        let profile = session.profile();
        let now = self.ports.clock.now();
        let live = session.deployments(|held| held.take_live(now));
        let outcomes = {
            let calls = live.iter().map(|one| {
                let jwt = &one.token.set.access_token;
                let call = self.ports.airflow.log_out(&profile, &one.deployment, jwt);
                self.bounded(call)
            });
            all(calls.collect()).await
        };
        let mut told = Vec::new();
        let mut recorded = Ok(());
        for (one, revocation) in live.into_iter().zip(outcomes) {
            let record = self.record_log_out(key, (&one, revocation), caller);
            recorded = recorded.and(record);
            told.push(LoggedOut {
                deployment: one.deployment.name.clone(),
                revocation,
                expires_at: one.token.set.expires_at,
            });
            if revocation == Revocation::Pending {
                session.deployments(|held| held.keep_live(one));
            }
        }
        recorded.map(|()| told)
    }

    fn bounded<'a>(&'a self, mut call: Pending<'a, Revocation>) -> Pending<'a, Revocation> {
        Box::pin(async move {
            let mut over = self.ports.clock.sleep(DEADLINE);
            match first(&mut call, &mut over).await {
                First::Left(revocation) => revocation,
                First::Right(()) => Revocation::Unconfirmed,
            }
        })
    }

    pub(crate) fn record_log_out(
        &self,
        key: &SessionKey,
        (live, revocation): (&Live, Revocation),
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let outcome = match revocation {
            Revocation::Confirmed => Outcome::Ok,
            Revocation::Unsupported
            | Revocation::Unconfirmed
            | Revocation::Pending
            | Revocation::Withheld => Outcome::Failed,
        };
        let mut record = Record::new(Event::Revocation, outcome, caller);
        record.session = Some(key);
        record.deployment = Some(&live.deployment.name);
        record.fingerprint = Some(live.token.fingerprint.short());
        record.expires_at = Some(live.token.set.expires_at);
        record.reason = Some(revocation.as_str());
        self.record(&record)
    }
}
