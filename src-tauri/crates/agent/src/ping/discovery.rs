//! Where the issuer's document lies and for how long one reading is believed (OIDC Discovery §4). The issuer
//! that it names may not differ by a byte. What stands in it is `metadata.rs`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::{Network, Profile};
use dagpass_core::time::Timestamp;

use super::answer::Asked;
use super::metadata::{ProviderMetadata, secure};
use crate::http::{Http, misconfigured};

/// For how long is a document believed before it is read again?
pub(super) const FRESH: Duration = Duration::from_secs(3_600);

/// The same at the start of a sign-in, where a person may just have mended the server.
pub(super) const FRESH_FOR_SIGN_IN: Duration = Duration::from_secs(60);

/// How soon after a failed reading is the next tried, while an older document serves?
const RETRY: Duration = Duration::from_secs(60);

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Reads a document where nothing is known yet; its issuer is whatever it names.
pub(super) async fn look(
    http: &Http,
    network: &Network,
    url: &str,
) -> Result<ProviderMetadata, TokenFailure> {
    let url = secure(url, "the discovery URL")?;
    let answer = http.fetch(network, &url, None).await?;
    let object = answer.document(Asked::Other)?;
    let metadata = ProviderMetadata::read(&object, answer.clock_skew);
    if metadata.issuer.is_empty() {
        let what = format!("what {url} answers is no discovery document: it names no issuer");
        return Err(misconfigured("server_error", what));
    }
    Ok(metadata)
}

/// The document's place for an issuer (OIDC Discovery §4).
pub(super) fn document_url(issuer: &str) -> String {
    format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))
}

/// Documents that were read, a profile's issuer and network each.
#[derive(Debug, Default)]
pub(super) struct Documents {
    kept: Mutex<Vec<Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    url: String,
    network: Network,
    metadata: ProviderMetadata,
    read_at: Timestamp,
    /// A reading failed: none is tried before then.
    rest_until: Timestamp,
}

impl Documents {
    pub(super) async fn of(
        &self,
        http: &Http,
        profile: &Profile,
        (now, fresh): (Timestamp, Duration),
    ) -> Result<ProviderMetadata, TokenFailure> {
        let issuer = profile.issuer.as_str();
        let overrides = &profile.endpoints;
        let url = overrides.discovery.clone().unwrap_or_else(|| document_url(issuer));
        let known = self.known(&url, &profile.network);
        if let Some(kept) = &known
            && kept.read_at <= now
            && (now < kept.read_at.plus(fresh) || now < kept.rest_until)
        {
            return same_issuer(kept.metadata.clone().overridden(overrides), issuer);
        }
        let read = look(http, &profile.network, &url).await;
        let metadata = match (read, known) {
            (Ok(metadata), _) => {
                let metadata = same_issuer(metadata, issuer)?;
                self.keep(url, &profile.network, &metadata, now);
                metadata
            }
            // An older document is better than none: the endpoints speak for themselves.
            (Err(_), Some(kept)) => {
                self.rest(&url, &profile.network, now);
                kept.metadata
            }
            // A server without a usable document can be described by hand.
            (Err(_), _) if overrides.token.is_some() && overrides.jwks.is_some() => {
                ProviderMetadata::by_hand(issuer)
            }
            (Err(failure), _) => return Err(failure),
        };
        same_issuer(metadata.overridden(overrides), issuer)
    }

    fn known(&self, url: &str, network: &Network) -> Option<Kept> {
        let held = self.held();
        held.iter().find(|kept| kept.url == url && kept.network == *network).cloned()
    }

    fn keep(&self, url: String, network: &Network, metadata: &ProviderMetadata, now: Timestamp) {
        let mut held = self.held();
        held.retain(|kept| kept.url != url || kept.network != *network);
        held.push(Kept {
            url,
            network: network.clone(),
            metadata: metadata.clone(),
            read_at: now,
            rest_until: now,
        });
    }

    fn rest(&self, url: &str, network: &Network, now: Timestamp) {
        let mut held = self.held();
        for kept in held.iter_mut().filter(|kept| kept.url == url && kept.network == *network) {
            kept.rest_until = now.plus(RETRY);
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// OIDC Discovery §4.3, byte for byte: no slash or port is mended.
fn same_issuer(metadata: ProviderMetadata, issuer: &str) -> Result<ProviderMetadata, TokenFailure> {
    if metadata.issuer == issuer {
        return Ok(metadata);
    }
    let named = &metadata.issuer;
    let what = format!("the discovery document names issuer `{named}`, the profile `{issuer}`");
    Err(misconfigured("server_error", what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        let issuer = "https://am.example.com:443/am/oauth2/alpha";
        for (named, same) in [
            (issuer, true),
            ("https://am.example.com/am/oauth2/alpha", false),
            ("https://am.example.com:443/am/oauth2/alpha/", false),
            ("https://AM.example.com:443/am/oauth2/alpha", false),
        ] {
            let read = json!({ "issuer": named });
            let read = ProviderMetadata::read(read.as_object().unwrap(), None);
            assert_eq!(same_issuer(read, issuer).is_ok(), same, "{named}");
        }
        assert_eq!(
            document_url(issuer),
            "https://am.example.com:443/am/oauth2/alpha/.well-known/openid-configuration"
        );
        assert_eq!(document_url("https://pf:9031/"), format!("https://pf:9031{WELL_KNOWN}"));
    }
}
