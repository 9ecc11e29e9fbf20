//! The issuer's public keys (RFC 7517), kept an hour. A key nobody knows is looked for anew once a
//! minute at most: a token with an invented `kid` must not turn us against the issuer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::Network;
use dagpass_core::time::Timestamp;
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;
use url::Url;

use super::answer::Asked;
use super::failure::misconfigured;
use super::http::Http;

/// For how long are keys used without asking again? A withdrawn key lives no longer.
const FRESH: Duration = Duration::from_secs(3_600);

/// How often may an unknown `kid` make us ask?
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
}

#[derive(Debug)]
struct Kept {
    place: Place,
    keys: Vec<Jwk>,
    read_at: Timestamp,
    searched_at: Option<Timestamp>,
}

impl Keys {
    /// The keys among which `kid` is, or the newest there are.
    pub(super) async fn with(
        &self,
        http: &Http,
        place: Place,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Jwk>, TokenFailure> {
        let known = self.known(&place, kid, now);
        if let Known::Enough(keys) = known {
            return Ok(keys);
        }
        match (read(http, &place).await, known) {
            (Ok(keys), known) => {
                let searched_at = matches!(known, Known::Lacking(_)).then_some(now);
                let kept = Kept { place, keys: keys.clone(), read_at: now, searched_at };
                let mut held = self.held();
                held.retain(|old| old.place != kept.place);
                held.push(kept);
                Ok(keys)
            }
            (Err(_), Known::Lacking(keys) | Known::Stale(keys)) => Ok(keys),
            (Err(failure), Known::Nothing | Known::Enough(_)) => Err(failure),
        }
    }

    fn known(&self, place: &Place, kid: Option<&str>, now: Timestamp) -> Known {
        let mut held = self.held();
        let Some(kept) = held.iter_mut().find(|kept| kept.place == *place) else {
            return Known::Nothing;
        };
        let keys = kept.keys.clone();
        if past(kept.read_at, FRESH, now) {
            return Known::Stale(keys);
        }
        let has = kid.is_none() || keys.iter().any(|key| key.common.key_id.as_deref() == kid);
        let searched_lately = kept.searched_at.is_some_and(|at| !past(at, REFETCH, now));
        if has || searched_lately {
            return Known::Enough(keys);
        }
        kept.searched_at = Some(now);
        Known::Lacking(keys)
    }

    fn held(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Known {
    Nothing,
    Stale(Vec<Jwk>),
    Lacking(Vec<Jwk>),
    /// Has the key, or has looked for it lately.
    Enough(Vec<Jwk>),
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
