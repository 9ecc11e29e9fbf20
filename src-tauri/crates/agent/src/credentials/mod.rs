//! What a client proves itself by, as it is asked for: a secret, or a key that was made here. Where either lies is
//! the store's; how it is used is the authorization server's adapter's.

mod key;

use dagpass_core::ports::{Pending, StoreFailure};
use dagpass_core::profile::Profile;
use dagpass_core::token::Secret;

pub(crate) use key::ClientKey;

/// Where the secrets and keys of clients lie.
pub(crate) trait Credentials: Send + Sync {
    /// `None` where nobody gave one for this very client of this very issuer.
    fn secret<'a>(
        &'a self,
        profile: &'a Profile,
    ) -> Pending<'a, Result<Option<Secret<String>>, StoreFailure>>;
    fn key<'a>(
        &'a self,
        profile: &'a Profile,
    ) -> Pending<'a, Result<Option<ClientKey>, StoreFailure>>;
}

/// Where there is none.
pub(crate) struct NoCredentials;

impl Credentials for NoCredentials {
    fn secret<'a>(
        &'a self,
        _profile: &'a Profile,
    ) -> Pending<'a, Result<Option<Secret<String>>, StoreFailure>> {
        Box::pin(async { Ok(None) })
    }

    fn key<'a>(
        &'a self,
        _profile: &'a Profile,
    ) -> Pending<'a, Result<Option<ClientKey>, StoreFailure>> {
        Box::pin(async { Ok(None) })
    }
}
