//! A token of ours was found where it lies open. The leases that hold it end, nobody is served the same bytes
//! again, and it goes on the record: where and never what.

use crate::audit::{Event, Outcome, Record};
use crate::broker::Broker;
use crate::error::Refusal;
use crate::leases::Revoked;
use crate::request::Caller;

const WORD: &str = "a token of it was found in a file";

impl Broker {
    /// By the digits of its fingerprint that the record has. The leases that ended with it; none where no tree
    /// holds it any more. That it cannot be put on the record keeps none of them.
    pub fn token_found(
        &self,
        caller: &Caller,
        (fingerprint, place): (&str, &str),
    ) -> Result<Vec<Revoked>, Refusal> {
        let ended = self.end_leases_with(fingerprint, WORD, caller)?;
        let lease = ended.first().map(|one| &one.lease);
        let mut record = Record::new(Event::TokenFound, Outcome::Ok, caller);
        record.fingerprint = Some(fingerprint);
        record.reason = Some(place);
        record.session = lease.map(|lease| &lease.session);
        record.audience = lease.and_then(|lease| lease.audience.as_deref());
        record.scopes = lease.and_then(|lease| lease.scopes.as_ref());
        let token = lease
            .and_then(|lease| lease.tokens.iter().find(|token| token.fingerprint == fingerprint));
        record.expires_at = token.map(|token| token.expires_at);
        self.record(&record)?;
        Ok(ended)
    }

    /// It is on the record that it lies there, and is not put there twice; who holds it by now ends all the same.
    pub fn token_found_again(
        &self,
        caller: &Caller,
        fingerprint: &str,
    ) -> Result<Vec<Revoked>, Refusal> {
        self.end_leases_with(fingerprint, WORD, caller)
    }
}
