//! Who a profile's tokens are given to, and what proves its client.

/// To whom a profile's tokens are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProfileKind {
    /// A person, who signs in.
    #[default]
    User,
    /// The client itself (RFC 6749 §4.4): nobody signs in.
    Service,
    /// The same of this very machine, by a key that was made on it.
    Machine,
}

impl ProfileKind {
    pub const ALL: [Self; 3] = [Self::User, Self::Service, Self::Machine];

    /// The config's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Machine => "machine",
        }
    }

    /// Is there a person behind its tokens?
    pub const fn signs_in(self) -> bool {
        match self {
            Self::User => true,
            Self::Service | Self::Machine => false,
        }
    }
}

/// What proves at the token endpoint who the client is (RFC 6749 §2.3, RFC 7523 §2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// A public client: nothing does.
    #[default]
    None,
    SecretBasic,
    SecretPost,
    PrivateKeyJwt,
}

impl ClientAuth {
    pub const ALL: [Self; 4] =
        [Self::None, Self::SecretBasic, Self::SecretPost, Self::PrivateKeyJwt];

    /// The config's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SecretBasic => "secret-basic",
            Self::SecretPost => "secret-post",
            Self::PrivateKeyJwt => "private-key-jwt",
        }
    }

    /// What the client is known by beside its name, where there is anything.
    pub const fn credential(self) -> Option<Credential> {
        match self {
            Self::None => None,
            Self::SecretBasic | Self::SecretPost => Some(Credential::Secret),
            Self::PrivateKeyJwt => Some(Credential::Key),
        }
    }
}

/// Whom a client's assertion is addressed to (RFC 7523 §3). What a server takes is agreed on beforehand, and never
/// found out by trying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer's exact string (OIDC Core §9, since its errata; RFC 9126 §2).
    #[default]
    Issuer,
    /// The token endpoint's, for every endpoint: PingAM says so.
    TokenEndpoint,
}

/// What a client proves itself by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Made by the issuer's administrator, and typed in.
    Secret,
    /// Made here: the private half stays.
    Key,
}
