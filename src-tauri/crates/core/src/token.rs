//! Secrets and what the token endpoint answers. Decides how a secret may leave; never prints one.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::groups;
use crate::profile::{Scopes, Subject};
use crate::time::Timestamp;

pub use crate::refresh_token::RefreshToken;

/// A value that cannot be printed, compared by `==` or serialised. `expose` is its one exit.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The one greppable way out.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self::new(self.expose().clone())
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

macro_rules! secret_string {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Secret<String>);

        impl $name {
            pub fn new(value: impl Into<String>) -> Self {
                Self(Secret::new(value.into()))
            }

            /// The one greppable way out.
            pub fn expose(&self) -> &str {
                self.0.expose()
            }

            /// SHA-256 of the token: names it in records and in `rejected` without giving it away.
            pub fn fingerprint(&self) -> Fingerprint {
                Fingerprint::of(self.expose())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

secret_string!(
    /// What a resource server accepts. Opaque to us: its contents are read only as a hint.
    AccessToken
);
secret_string!(
    /// The signed statement of who signed in (OIDC Core §2).
    IdToken
);
secret_string!(
    /// What is handed in for another server's token (RFC 7521 §4.1): an access or ID token.
    Assertion
);
secret_string!(
    /// The authorization code of one callback (RFC 6749 §4.1.2).
    AuthorizationCode
);
secret_string!(
    /// What a device polls with (RFC 8628 §3.2).
    DeviceCode
);
secret_string!(
    /// The PKCE secret of one flow (RFC 7636 §4.1).
    CodeVerifier
);

/// `1*VSCHAR`, as an access and a refresh token are (RFC 6749 §A.12, §A.17), and not blank. What is
/// none was cut off, decoded wrongly or never filled in, and is neither kept nor sent.
pub fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) && !text.trim().is_empty()
}

/// SHA-256 of a token in lower-case hex, 64 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub fn of(token: &str) -> Self {
        let digest = Sha256::digest(token.as_bytes());
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Takes what a caller sent as `rejected`: 64 hex digits, nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        well_formed.then(|| Self(text.to_ascii_lowercase()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough to tell two tokens apart in a table or a ledger line.
    pub fn short(&self) -> &str {
        &self.0[..16]
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// What the token endpoint answered (RFC 6749 §5.1), checked and stamped with the time of arrival.
#[derive(Clone, Debug)]
pub struct TokenSet {
    pub access_token: AccessToken,
    /// As the server names it; compared without regard to case. `Bearer` where it said nothing.
    pub token_type: String,
    pub received_at: Timestamp,
    pub expires_at: Timestamp,
    pub expiry_source: ExpirySource,
    /// `None` means: keep the refresh token you have (RFC 6749 §6). Never an empty string.
    pub refresh_token: Option<RefreshToken>,
    /// When the server says the refresh token ends, where it says so.
    pub refresh_expires_at: Option<Timestamp>,
    /// What was granted; `None` where the server repeated nothing, which means "as asked".
    pub scope: Option<Scopes>,
    /// From a validated ID token, else userinfo, else the access token's claims; else `None`.
    pub identity: Option<Identity>,
    /// `None` where no ID token came.
    pub stated: Option<Stated>,
    /// `aud` of the access token where it can be seen; `None` is "not visible", never a guess.
    pub audience: Option<Vec<String>>,
    /// A validated ID token, for a deployment that takes it as the assertion. In memory alone.
    pub id_token: Option<HeldIdToken>,
    /// What was handed in for it, where a deployment gave it (RFC 7523 §2.1).
    pub given_for: Option<Fingerprint>,
    /// Who gave it; `None` where that is no endpoint of Ping's.
    pub given_by: Option<GivenBy>,
    /// Why the ID token of a refresh is not believed. Then nothing of the answer is served; its
    /// refresh token alone is kept, because the one that was sent may be dead.
    pub disbelieved: Option<String>,
}

/// The token endpoint that was asked, and how long it took to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBy {
    pub endpoint: String,
    pub took: Duration,
}

/// An ID token that is still of use, and until when.
#[derive(Clone, Debug)]
pub struct HeldIdToken {
    pub token: IdToken,
    pub expires_at: Timestamp,
}

/// Where the figure for an access token's end comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpirySource {
    /// `expires_in` of the reply.
    ExpiresIn,
    /// The token's own `exp`, where it was earlier or alone.
    ExpClaim,
    /// The server gave none; [`crate::freshness::ASSUMED_LIFETIME`] stands in.
    Assumed,
}

/// Who signed in, and how we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub subject: Subject,
    pub name: Option<String>,
    pub email: Option<String>,
    /// Absent, string, comma string and array all end here, one entry a group; a DN stays whole.
    pub groups: Vec<String>,
    /// `auth_time`: when the person last proved who they are (OIDC Core §2).
    pub auth_time: Option<Timestamp>,
    pub source: IdentitySource,
    /// What other sources call the same person: an access token may name its subject in a way of its own.
    pub also: Vec<(IdentitySource, String)>,
}

/// Who it is, as the record names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub subject: Subject,
    pub name: Option<String>,
    pub email: Option<String>,
    /// It is none: the client itself, by its id at the issuer.
    pub is_client: bool,
}

/// Are two of them one person?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Same {
    Yes,
    /// By the names that were compared.
    No {
        before: String,
        now: String,
    },
    /// No source named both.
    Unknown,
}

impl Same {
    pub fn holds(&self) -> bool {
        *self == Self::Yes
    }
}

impl Identity {
    pub fn person(&self) -> Person {
        Person {
            subject: self.subject.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            is_client: self.source == IdentitySource::Client,
        }
    }

    /// Compared within the best source that named both. Where there is none, an ID token and userinfo have
    /// to agree (OIDC Core §5.3.2); nothing says so of an access token.
    pub fn same_as(&self, now: &Self) -> Same {
        use IdentitySource::{AccessTokenClaims, IdToken, Userinfo};
        let openid = |who: &Self| {
            let name = who.name_in(IdToken).or_else(|| who.name_in(Userinfo));
            name.map(str::to_owned)
        };
        let within = |source| {
            let (before, now) = (self.name_in(source)?, now.name_in(source)?);
            Some((before.to_owned(), now.to_owned()))
        };
        let common = [IdToken, Userinfo, AccessTokenClaims].into_iter().find_map(within);
        let same_issuer = self.subject.iss == now.subject.iss;
        match common.or_else(|| openid(self).zip(openid(now))) {
            None => Same::Unknown,
            Some((before, now)) if before == now && same_issuer => Same::Yes,
            Some((before, now)) => Same::No { before, now },
        }
    }

    /// Whoever signs in anew is known by every name that they were known by.
    #[must_use]
    pub fn remembering(mut self, before: Option<&Self>) -> Self {
        for (source, name) in
            before.filter(|before| before.same_as(&self).holds()).into_iter().flat_map(Self::names)
        {
            if self.name_in(source).is_none() {
                self.also.push((source, name.to_owned()));
            }
        }
        self
    }

    /// A session keeps the name that it was made under.
    #[must_use]
    pub fn renewing(self, before: &Self) -> Self {
        let mut who = Self {
            subject: before.subject.clone(),
            source: before.source,
            also: Vec::new(),
            ..self.clone()
        };
        for (source, name) in before.names().chain(self.names()) {
            if who.name_in(source).is_none() {
                who.also.push((source, name.to_owned()));
            }
        }
        who
    }

    fn name_in(&self, source: IdentitySource) -> Option<&str> {
        self.names().find(|(named_by, _)| *named_by == source).map(|(_, name)| name)
    }

    fn names(&self) -> impl Iterator<Item = (IdentitySource, &str)> {
        let own = (self.source, self.subject.sub.as_str());
        std::iter::once(own).chain(self.also.iter().map(|(source, name)| (*source, name.as_str())))
    }

    /// The groups as a person calls them.
    pub fn group_names(&self) -> Vec<String> {
        self.groups.iter().map(|group| groups::shown(group)).collect()
    }
}

/// What a genuine ID token states of the sign-in that it rests on (OIDC Core §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    pub nonce: Option<Fingerprint>,
    pub acr: Option<String>,
    /// By the server's clock, in whole seconds.
    pub auth_time: Option<Timestamp>,
    /// That clock less ours, in seconds.
    pub clock_skew: Option<i64>,
    /// A refresh gave it.
    pub by_refresh: bool,
    /// For the record alone.
    pub detail: Option<Box<IdTokenDetail>>,
}

/// What else stands in it, and how it was signed. Nothing is decided by this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdTokenDetail {
    pub iss: String,
    pub sub: String,
    pub aud: Vec<String>,
    pub azp: Option<String>,
    /// How they proved who they are (RFC 8176).
    pub amr: Vec<String>,
    pub sid: Option<String>,
    pub jti: Option<String>,
    pub alg: String,
    pub kid: Option<String>,
    /// It is bound to the access token beside it.
    pub at_hash: bool,
}

impl Stated {
    /// It need not have a nonce at a refresh; where it has, it is the sign-in's (OIDC Core §12.2).
    pub fn is_of_another(&self, sent: Option<&Fingerprint>) -> bool {
        let known = self.nonce.as_ref().zip(sent);
        known.is_some_and(|(now, sent)| now != sent)
    }

    /// A moment of ours.
    pub fn by_its_clock(&self, at: Timestamp) -> Timestamp {
        let skew = self.clock_skew.unwrap_or_default();
        let span = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { at.minus(span) } else { at.plus(span) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    IdToken,
    Userinfo,
    AccessTokenClaims,
    /// Nobody signed in: it is the client, by its id in the config.
    Client,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_type_prints_what_it_holds() {
        let canary = "canary-a9f3";
        let printed = format!(
            "{:?} {:?} {:?} {:?}",
            AccessToken::new(canary),
            RefreshToken::new(canary),
            IdToken::new(canary),
            Secret::new(canary.to_owned()),
        );
        assert_eq!(printed, "AccessToken RefreshToken IdToken Secret");
    }

    #[test]
    fn a_fingerprint_is_64_hex_digits_or_nothing() {
        let whole = Fingerprint::of("abc");
        assert_eq!(
            whole.as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Fingerprint::parse(&whole.as_str().to_uppercase()), Some(whole));
        for bad in ["", "ba78", &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }
}
