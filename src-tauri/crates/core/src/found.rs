//! A token of ours was found where it lies open. That goes on the record, and nobody is served it again: the
//! next who asks gets another. Where and never what.

use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::error::Refusal;
use crate::request::Caller;

impl Broker {
    /// By the digits of its fingerprint that the record has. `true` where it was handed out until now. It is
    /// taken out of use first: where the record cannot be written nothing is issued anyway.
    pub fn token_found(
        &self,
        caller: &Caller,
        (fingerprint, place): (&str, &str),
    ) -> Result<bool, Refusal> {
        let held: Vec<_> = self
            .all()
            .into_iter()
            .filter_map(|session| Some((session.drop_token(fingerprint)?, session)))
            .collect();
        let mut record = Record::new(Event::TokenFound, Outcome::Ok, caller);
        record.fingerprint = Some(fingerprint);
        record.reason = Some(place);
        if let Some((token, session)) = held.first() {
            record.session = Some(&session.key);
            record.audience = token.set.audience.as_deref();
            record.scopes = token.set.scope.as_ref();
            record.expires_at = Some(token.set.expires_at);
        }
        self.record(&record)?;
        self.alarm.ring();
        Ok(!held.is_empty())
    }
}
