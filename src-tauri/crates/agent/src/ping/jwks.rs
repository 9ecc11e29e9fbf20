//! The issuer's public keys (RFC 7517), kept an hour. A key nobody knows is looked for once a minute
//! at most: a token with an invented `kid` must not turn us against the issuer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::Network;
use dagpass_core::time::Timestamp;
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;
use url::Url;

use super::answer::Asked;
use crate::http::{Http, misconfigured};

/// For how long are keys used without asking again? A withdrawn key lives no longer.
const FRESH: Duration = Duration::from_secs(3_600);

/// How often may a token make us ask: by an unknown `kid`, or by a signature that does not fit?
const REFETCH: Duration = Duration::from_secs(60);

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub url: Url,
    pub network: Network,
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    kept: Mutex<Vec<Kept>>,
    /// One at a time reads a place for all who wait for it.
    reading: Mutex<Vec<(Place, Arc<tokio::sync::Mutex<()>>)>>,
}

#[derive(Debug)]
struct Kept {
    place: Place,
    keys: Vec<Jwk>,
    read_at: Timestamp,
    searched_at: Option<Timestamp>,
}

impl Keys {
    /// The keys, as they were read within the last hour.
    pub(super) async fn of(
        &self,
        http: &Http,
        place: &Place,
        now: Timestamp,
    ) -> Result<Vec<Jwk>, TokenFailure> {
        if let Some(keys) = self.fresh(place, now) {
            return Ok(keys);
        }
        let turn = self.turn_at(place);
        let _reading = turn.lock().await;
        if let Some(keys) = self.fresh(place, now) {
            return Ok(keys);
        }
        match (read(http, place).await, self.known(place)) {
            (Ok(keys), _) => {
                self.keep(place, &keys, now);
                Ok(keys)
            }
            (Err(_), Some((keys, _))) => Ok(keys),
            (Err(failure), None) => Err(failure),
        }
    }

    /// The keys read anew, because one is missing or does not fit; `None` within a minute of the
    /// last such search.
    pub(super) async fn anew(
        &self,
        http: &Http,
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<Vec<Jwk>>, TokenFailure> {
        if !self.may_search(place, now) {
            return Ok(None);
        }
        let keys = read(http, place).await?;
        self.keep(place, &keys, now);
        Ok(Some(keys))
    }

    fn fresh(&self, place: &Place, now: Timestamp) -> Option<Vec<Jwk>> {
        let (keys, read_at) = self.known(place)?;
        (!past(read_at, FRESH, now)).then_some(keys)
    }

    fn turn_at(&self, place: &Place) -> Arc<tokio::sync::Mutex<()>> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, turn)) = reading.iter().find(|(at, _)| at == place) {
            return turn.clone();
        }
        let turn = Arc::default();
        reading.push((place.clone(), Arc::clone(&turn)));
        turn
    }

    fn known(&self, place: &Place) -> Option<(Vec<Jwk>, Timestamp)> {
        let held = self.held();
        let kept = held.iter().find(|kept| kept.place == *place)?;
        Some((kept.keys.clone(), kept.read_at))
    }

    fn may_search(&self, place: &Place, now: Timestamp) -> bool {
        let mut held = self.held();
        let Some(kept) = held.iter_mut().find(|kept| kept.place == *place) else { return true };
        let may = kept.searched_at.is_none_or(|at| past(at, REFETCH, now));
        if may {
            kept.searched_at = Some(now);
        }
        may
    }

    fn keep(&self, place: &Place, keys: &[Jwk], now: Timestamp) {
        let mut held = self.held();
        if let Some(kept) = held.iter_mut().find(|kept| kept.place == *place) {
            kept.keys = keys.to_vec();
            kept.read_at = now;
            return;
        }
        let place = place.clone();
        held.push(Kept { place, keys: keys.to_vec(), read_at: now, searched_at: None });
    }

    fn held(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back ends the wait, too.
fn past(since: Timestamp, span: Duration, now: Timestamp) -> bool {
    now < since || now >= since.plus(span)
}

async fn read(http: &Http, place: &Place) -> Result<Vec<Jwk>, TokenFailure> {
    let answer = http.fetch(&place.network, &place.url, None).await?;
    let document = answer.document(Asked::Other)?;
    let Some(keys) = document.get("keys").and_then(Value::as_array) else {
        return Err(misconfigured("server_error", format!("{} holds no `keys`", place.url)));
    };
    // RFC 7517 §5: keys of a kind we do not know are passed over.
    Ok(keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect())
}
