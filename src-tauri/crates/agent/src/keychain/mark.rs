//! The mark that a refresh token is on its way to Ping: a fingerprint, a time and a count, no secret.

use dagpass_core::ports::StoreFailure;
use dagpass_core::session::InFlight;
use dagpass_core::time::Timestamp;
use dagpass_core::token::Fingerprint;
use serde::{Deserialize, Serialize};

use super::files::AccountFiles;

#[derive(Serialize, Deserialize)]
struct Mark {
    refresh_token: String,
    since: Timestamp,
    attempts: u32,
}

pub(super) fn write(
    files: &AccountFiles,
    account: &str,
    mark: Option<&InFlight>,
) -> Result<(), StoreFailure> {
    let Some(mark) = mark else { return files.remove(account) };
    let stored = Mark {
        refresh_token: mark.refresh_token.as_str().to_owned(),
        since: mark.since,
        attempts: mark.attempts,
    };
    let bytes = serde_json::to_vec(&stored)
        .map_err(|error| StoreFailure::Unavailable(format!("mark not written: {error}")))?;
    files.write(account, &bytes)
}

/// A mark that cannot be read is no reason to lock a person out: the session is used as it stands.
pub(super) fn read(files: &AccountFiles, account: &str) -> Result<Option<InFlight>, StoreFailure> {
    let Some(bytes) = files.read(account)? else { return Ok(None) };
    let mark = serde_json::from_slice::<Mark>(&bytes).ok().and_then(|mark| {
        let refresh_token = Fingerprint::parse(&mark.refresh_token)?;
        Some(InFlight { refresh_token, since: mark.since, attempts: mark.attempts })
    });
    if mark.is_none() {
        tracing::warn!(account, "in-flight mark unreadable and ignored");
    }
    Ok(mark)
}
