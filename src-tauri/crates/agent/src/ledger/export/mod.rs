//! Ships the ledger to a collector (`[audit.ship]`), off the way of every token, line and checkpoint: lines that
//! are on disk, in order, each once at least, and the checkpoints over them, so that who holds them is a witness
//! too. How far it is, is written after the collector answered ([`place`]); one that fails is left alone for
//! longer and longer, or for as long as it says, and told.

mod batch;
mod headers;
mod otlp;
mod place;
mod standing;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_client::ledger::Segments;
use dagpass_client::wire::ShipStatus;
use dagpass_core::ports::{Clock, Pending};
use dagpass_core::profile::Network;
use dagpass_core::time::Timestamp;
use tokio::task::spawn_blocking;
use url::Url;

use super::sealer::Durable;
use super::unsealed::newlines;
use crate::config::{Compression, Config, ConfigFile, Ship};
use crate::http::{Body, Http, plain};
use batch::{Batch, MOST};
use headers::Headers;
use otlp::{GZIP, PROTOBUF, Taken, packed, refused, request, taken};
use place::Place;
use standing::Standing;

/// How long are headers good that a command printed?
const HEADERS_AGE: Duration = Duration::from_secs(5 * 60);

/// A collector that takes none answers in words of its own, or in none.
const NO_GZIP: &str =
    "where it takes no gzip, `compression = \"none\"` in [audit.ship] sends what it takes";

/// How a collector is asked.
trait Collect: Send + Sync {
    fn post<'a>(
        &'a self,
        network: &'a Network,
        url: &'a Url,
        headers: &'a Headers,
        body: Body<'a>,
    ) -> Pending<'a, Result<Reply, String>>;
}

/// What it answered.
#[derive(Clone, Debug, Default)]
struct Reply {
    status: u16,
    kind: String,
    body: Vec<u8>,
    retry_after: Option<Duration>,
}

pub(crate) struct Shipping {
    config: Arc<ConfigFile>,
    ledger: Arc<dyn Durable>,
    clock: Arc<dyn Clock>,
    post: Box<dyn Collect>,
    /// Held while something is shipped.
    round: tokio::sync::Mutex<Round>,
    standing: Mutex<Standing>,
}

/// Where the next batch begins, and what is known of the collector.
#[derive(Default)]
struct Round {
    place: Option<Place>,
    headers: Option<(Vec<String>, Timestamp, Headers)>,
    most: Most,
    /// How the ledger and its log stood when there was nothing to ship.
    seen: Option<(u64, (u64, u64))>,
}

/// How many lines go together?
struct Most(usize);

impl Default for Most {
    fn default() -> Self {
        Self(MOST)
    }
}

/// Why a batch was not taken.
enum NotTaken {
    TooLarge(String),
    Failed { why: String, wait: Option<Duration> },
}

impl std::fmt::Debug for Shipping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shipping")
    }
}

impl Shipping {
    pub(crate) fn new(
        config: Arc<ConfigFile>,
        ledger: Arc<dyn Durable>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let post = Box::new(Http::new(clock.clone()));
        let (round, standing) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { config, ledger, clock, post, round, standing }
    }

    /// Ships what is due, unless somebody does already. Called every second or two; costs nothing where the config
    /// names no collector.
    pub(crate) async fn tend(&self) {
        let Ok(mut round) = self.round.try_lock() else { return };
        let Some(ship) = self.chosen(&mut round) else { return };
        if !self.standing().rests(self.clock.now()) {
            self.ship(&ship, &mut round).await;
        }
    }

    /// Ships what is due, however it went before.
    pub(crate) async fn ship_now(&self) {
        let mut round = self.round.lock().await;
        if let Some(ship) = self.chosen(&mut round) {
            round.headers = None;
            self.ship(&ship, &mut round).await;
        }
    }

    /// What was shipped from that `seq` on counts as not shipped. False where no line has it or a higher one.
    pub(crate) async fn go_back(&self, seq: u64) -> io::Result<bool> {
        let mut round = self.round.lock().await;
        let Some(ship) = self.chosen(&mut round) else { return Ok(false) };
        let (ledger, at) = (self.ledger.path().to_owned(), ship.url.to_string());
        let kept = round.place.clone();
        let place = blocking(move || {
            let kept = kept.map_or_else(|| Place::read(&ledger, &at), Ok)?;
            let place = kept.before(&Segments::of(&ledger)?, seq)?;
            place.as_ref().map_or(Ok(()), |place| place.keep(&ledger))?;
            Ok(place)
        });
        let Some(place) = place.await? else { return Ok(false) };
        tracing::info!(seq, lines = place.lines, "the ledger is shipped once more from there");
        self.standing().is_at(&place);
        (round.place, round.seen) = (Some(place), None);
        Ok(true)
    }

    /// How many lines that collector has taken of what lies there; `None` where the config names none.
    pub(super) fn taken(config: &Config, ledger: &Path) -> io::Result<Option<u64>> {
        let Some(ship) = &config.ship else { return Ok(None) };
        let place = Place::read(ledger, ship.url.as_str())?.found(&Segments::of(ledger)?)?;
        Ok(Some(place.lines))
    }

    /// For a person.
    pub(crate) async fn status(&self) -> ShipStatus {
        let config = self.config.current();
        let Some(collector) = config.ship.as_ref().map(|ship| ship.url.to_string()) else {
            return ShipStatus::default();
        };
        let (ledger, synced) = (self.ledger.path().to_owned(), self.ledger.synced());
        let (known, at) = (self.standing().place().cloned(), collector.clone());
        let counted = blocking(move || {
            let known = known.filter(|place| place.collector == at);
            let place = known.map_or_else(|| Place::read(&ledger, &at), Ok)?;
            let behind = match synced > place.length {
                true => newlines(&ledger, place.length, synced)?,
                false => 0,
            };
            Ok((place, behind))
        });
        let (place, behind) = counted.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "how far the ledger is shipped cannot be read");
            (Place::beginning(&collector), 0)
        });
        self.standing().told(collector, &place, behind)
    }

    /// The config's collector. Of another one nothing is known yet.
    fn chosen(&self, round: &mut Round) -> Option<Ship> {
        let ship = self.config.current().ship.clone();
        let at = ship.as_ref().map(|ship| ship.url.as_str()).unwrap_or_default();
        if !self.standing().is_of(at) {
            *self.standing() = Standing::of(at);
            *round = Round::default();
        }
        ship
    }

    /// Until nothing is left or a batch is not taken.
    async fn ship(&self, ship: &Ship, round: &mut Round) {
        loop {
            let end = self.one_batch(ship, round).await;
            let now = self.clock.now();
            match end {
                Ok(true) => {}
                Ok(false) => return self.standing().is_well(),
                Err((why, wait)) => {
                    tracing::warn!(why, "the ledger is not shipped");
                    return self.standing().failed(why, wait, (now, self.clock.chance()));
                }
            }
        }
    }

    /// Was there one?
    async fn one_batch(
        &self,
        ship: &Ship,
        round: &mut Round,
    ) -> Result<bool, (String, Option<Duration>)> {
        let unread = |error: io::Error| (format!("the ledger cannot be read: {error}"), None);
        let (ledger, synced) = (self.ledger.path().to_owned(), self.ledger.synced());
        let (at, seen) = (ship.url.to_string(), round.seen);
        let (place, most) = (round.place.clone(), round.most.0);
        let next = blocking(move || {
            let look = (synced, batch::mark_of_logs(&ledger)?);
            if seen == Some(look) {
                return Ok((look, None));
            }
            let place = place.map_or_else(|| Place::read(&ledger, &at), Ok)?;
            Ok((look, Some(Batch::next(&ledger, synced, place, most)?)))
        });
        let (look, batch) = next.await.map_err(unread)?;
        let Some(batch) = batch else { return Ok(false) };
        if batch.items.is_empty() {
            self.standing().is_at(&batch.behind);
            (round.seen, round.place) = (Some(look), Some(batch.behind));
            return Ok(false);
        }
        let mut place = batch.behind.clone();
        match self.send(ship, round, &batch).await {
            Ok(Taken::All) => {}
            Ok(Taken::Partly(count, why)) => {
                tracing::warn!(count, why, "the collector threw records of the ledger away");
                place.rejected += count;
            }
            Err(NotTaken::TooLarge(_)) if round.most.0 > 1 => {
                round.most.0 = (batch.items.len() / 2).clamp(1, round.most.0 / 2);
                return Ok(true);
            }
            Err(NotTaken::TooLarge(why)) => return Err((why, None)),
            Err(NotTaken::Failed { why, wait }) => return Err((why, wait)),
        }
        round.most.0 = (round.most.0 * 2).min(MOST);
        round.place = Some(place.clone());
        self.standing().took(&place, self.clock.now());
        let ledger = self.ledger.path().to_owned();
        let kept = blocking(move || place.keep(&ledger)).await;
        kept.map_err(|error| (format!("how far it is shipped cannot be kept: {error}"), None))?;
        Ok(true)
    }

    async fn send(&self, ship: &Ship, round: &mut Round, batch: &Batch) -> Result<Taken, NotTaken> {
        let now = self.clock.now();
        let failed = |why| NotTaken::Failed { why, wait: None };
        let fresh = |(command, at, _): &&(_, Timestamp, _)| {
            *command == ship.headers_command && *at <= now && at.until(now) < HEADERS_AGE
        };
        if round.headers.as_ref().filter(fresh).is_none() {
            let printed = headers::printed(&ship.headers_command).await.map_err(failed)?;
            round.headers = Some((ship.headers_command.clone(), now, printed));
        }
        let headers = round.headers.as_ref().map(|(_, _, headers)| headers.clone());
        let headers = headers.unwrap_or_default();
        let network = self.config.current().network.clone();
        let body = body(request(batch, now), ship.compression).await;
        let body = body.map_err(|error| failed(format!("it cannot be packed: {error}")))?;
        let reply = self.post.post(&network, &ship.url, &headers, body).await;
        let reply = reply.map_err(failed)?;
        let tell = |text: &str| told(text, &headers);
        if (200..300).contains(&reply.status) {
            return taken(&reply.kind, &reply.body, tell).map_err(failed);
        }
        let said = refused(&reply.kind, &reply.body, tell);
        let why = match said.is_empty() {
            true => format!("it answered {}", reply.status),
            false => format!("it answered {}: {said}", reply.status),
        };
        let why = match (reply.status, ship.compression) {
            (400 | 415, Compression::Gzip) => format!("{why}; {NO_GZIP}"),
            (_, Compression::Gzip | Compression::None) => why,
        };
        if matches!(reply.status, 401 | 403) {
            round.headers = None;
        }
        match reply.status {
            413 => Err(NotTaken::TooLarge(why)),
            _ => Err(NotTaken::Failed { why, wait: reply.retry_after }),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A collector's own words, without whatever of the headers stands there: some servers quote what they were sent.
/// They are cut afterwards: half of a secret would not be known again.
fn told(text: &str, headers: &Headers) -> String {
    let parts = |value: &str| value.split([' ', ';', ',']).map(str::to_owned).collect::<Vec<_>>();
    let mut parts: Vec<_> = headers.iter().flat_map(|(_, value)| parts(value.expose())).collect();
    parts.retain(|part| part.len() > 3);
    // What another one begins with would leave its end behind.
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let clean = parts.iter().fold(text.to_owned(), |text, part| text.replace(part, "[removed]"));
    plain(&clean)
}

/// Where nobody else waits for the work that it is to make it smaller.
async fn body(bytes: Vec<u8>, compression: Compression) -> io::Result<Body<'static>> {
    let (encoding, bytes) = match compression {
        Compression::Gzip => (Some(GZIP), blocking(move || packed(&bytes)).await?),
        Compression::None => (None, bytes),
    };
    Ok(Body { kind: PROTOBUF, encoding, bytes })
}

/// Files are read and written where nobody else waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|ended| Err(io::Error::other(ended)))
}

impl Collect for Http {
    fn post<'a>(
        &'a self,
        network: &'a Network,
        url: &'a Url,
        headers: &'a Headers,
        body: Body<'a>,
    ) -> Pending<'a, Result<Reply, String>> {
        Box::pin(async move {
            let answer = self.post_body(network, url, headers, body).await;
            let answer = answer.map_err(|failure| plain(&failure.to_string()))?;
            Ok(Reply {
                status: answer.status,
                kind: answer.content_type,
                body: answer.body.to_vec(),
                retry_after: answer.retry_after,
            })
        })
    }
}
