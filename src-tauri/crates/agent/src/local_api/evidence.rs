//! `POST /v1/audit/evidence`: the log's key signs for a pack that somebody made of the ledger; the line that
//! tells of it is on the record first. Before the pack is made: a checkpoint over what it is made of.

use std::io;

use dagpass_client::ledger::evidence::digest;
use dagpass_client::wire::{EvidenceAsk, EvidenceReply, EvidenceSigned};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::Witness;
use tokio::task::spawn_blocking;

use super::reply::{self, Reply};
use super::{Api, Asked};

pub(super) async fn sign(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: EvidenceAsk = asked.parse()?;
    let manifest = ask.manifest.as_deref().map(digest_of).transpose()?;
    let no_key = |why: String| unsigned(ErrorCode::KeychainUnavailable, &why);
    api.sealer.keyed(&api.store).await.map_err(no_key)?;
    let Some((text, manifest)) = ask.manifest.as_deref().zip(manifest) else {
        // A disk may take long, and the workers serve everybody.
        let ledger = api.ledger.clone();
        let synced = spawn_blocking(move || ledger.synced()).await;
        let synced = synced.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        synced.map_err(|error| unwritten(error.to_string()))?;
        api.sealer.seal_now().await.map_err(unwritten)?;
        return Ok(reply::json(&EvidenceReply::default()));
    };
    let what = format!("an evidence pack was made, its manifest's SHA-256 is {text}");
    let mut record = Record::new(Event::Evidence, Outcome::Ok, asked.caller());
    record.reason = Some(&what);
    let told = api.ledger.record(&record).map_err(|failure| {
        let what = "the pack cannot be recorded, so it is not signed";
        Refusal::new(ErrorCode::NotRecorded, what).because(failure.0).hint("run `dagpass doctor`")
    })?;
    let told = told.ok_or_else(|| unwritten("its line has no number".to_owned()))?;
    let note = api.sealer.vouch(manifest, told).await.map_err(unwritten)?;
    let signed = Some(EvidenceSigned { seq: told.seq, note: note.to_string() });
    Ok(reply::json(&EvidenceReply { signed }))
}

fn digest_of(text: &str) -> Result<[u8; 32], Refusal> {
    digest(text).ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidRequest, "the manifest's digest is SHA-256 in 64 digits")
    })
}

/// With a key at hand: the ledger or its log takes nothing.
fn unwritten(why: String) -> Refusal {
    unsigned(ErrorCode::NotRecorded, &why)
}

fn unsigned(code: ErrorCode, why: &str) -> Refusal {
    Refusal::new(code, "the evidence pack is not signed")
        .because(why)
        .hint("`dagpass audit evidence --unsigned` makes one that says so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_takes_nothing_is_no_keychain_that_cannot_be_reached() {
        let told = unwritten("no space left on device".to_owned());
        assert_eq!(told.code, ErrorCode::NotRecorded);
        assert_eq!(told.cause.as_deref(), Some("no space left on device"));
    }
}
