//! What a client asks, and who it is. A caller's identity is verified by the agent, never self-declared.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::deployment::Deployment;
use crate::error::{ErrorCode, Refusal};
use crate::profile::{OwnToken, Profile, ProfileName, Scopes};
use crate::token::Fingerprint;

/// A request for an access token, parsed.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    pub session: SessionKey,
    pub target: Target,
    /// Seconds the caller needs the token to live from now on.
    pub min_ttl: Option<Duration>,
    /// A token that a server refused: refreshed only where it is still the cached one.
    pub rejected: Option<Fingerprint>,
    /// `rejected` was itself the answer to such a request: not its age is what the server minds, and
    /// another would be refused as well (a wrong audience). Its successor comes at its own time.
    pub renewed: bool,
    /// The Airflow connection this is for, where there is one.
    pub connection: Option<String>,
    /// The Airflow deployment this is for, where there is one.
    pub deployment: Option<String>,
    /// The environment that was asked for, else that of the connection: what the caller says is recorded.
    pub env: Option<String>,
    /// The environment of the table that was found, whatever was asked for.
    pub table_env: Option<String>,
    /// How far beyond the config's own words does the target go?
    pub reach: Reach,
    pub purpose: Purpose,
    /// What it is sent with, where the agent itself sends it: nobody else gets it.
    pub through: Option<Through>,
}

/// One request to an upstream of the config, by the bytes that are sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Through {
    /// By its name in the config.
    pub upstream: String,
    pub method: String,
    /// Without its query, which may hold anything.
    pub path: String,
}

impl TokenRequest {
    /// As the config has it, for somebody's use now.
    pub fn new(session: SessionKey, target: Target) -> Self {
        Self {
            session,
            target,
            min_ttl: None,
            rejected: None,
            renewed: false,
            connection: None,
            deployment: None,
            env: None,
            table_env: None,
            reach: Reach::Named,
            purpose: Purpose::Use,
            through: None,
        }
    }
}

/// Who named a target?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The config, in just these words.
    #[default]
    Named,
    /// The caller, and it is a part of what the config names.
    Within,
    /// The caller, and the config names no such scope or resource.
    Beyond,
}

/// Does this look-up count as use of the profile, so that it is refreshed ahead of need?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    #[default]
    Use,
    /// Airflow parses DAG files every few seconds; that must not keep a session warm.
    DagParse,
}

/// One sign-in's identity: a profile, or a connection that has a sign-in of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    pub profile: ProfileName,
    /// The connection with `obtain = "sign-in"`, where the session is not the profile's main one.
    pub connection: Option<String>,
}

impl SessionKey {
    pub fn of(profile: &str) -> Self {
        Self { profile: ProfileName::new(profile), connection: None }
    }

    /// Its one name, in the keychain and wherever a person reads or types it: `prod`, or
    /// `prod/warehouse_api`.
    pub fn account(&self) -> String {
        match &self.connection {
            None => self.profile.to_string(),
            Some(connection) => format!("{}/{connection}", self.profile),
        }
    }

    /// The session of that [`account`](Self::account): a profile's name has no `/`, a conn_id may.
    pub fn of_account(account: &str) -> Self {
        let (profile, connection) = match account.split_once('/') {
            None => (account, None),
            Some((profile, connection)) => (profile, Some(connection.to_owned())),
        };
        Self { connection, ..Self::of(profile) }
    }

    /// What a person types to sign in.
    pub fn login(&self) -> String {
        let account = self.account();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
        match account.chars().all(plain) {
            true => format!("dagpass login {account}"),
            false => format!("dagpass login '{account}'"),
        }
    }
}

/// Which token of a session: flights and the cache are keyed by (session, target).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// `None` asks for the whole grant; else a subset of it (RFC 6749 §6).
    pub scopes: Option<Scopes>,
    /// RFC 8707. Never sent to PingOne, whose profiles leave it out.
    pub resource: Option<String>,
    /// What `aud` has to hold where it is not `resource` itself.
    pub audience: Option<String>,
    pub params: BTreeMap<String, String>,
    pub obtain: Obtain,
}

impl Target {
    /// What the sign-in's own token is for: all that was granted, where no connection has it for itself.
    pub fn of_sign_in(profile: &Profile) -> Self {
        if profile.connection.is_none() {
            return Self::default();
        }
        let OwnToken { resource, audience, params } = profile.own_token.clone();
        Self { scopes: None, resource, audience, params, obtain: Obtain::SignIn }
    }

    /// A token that says it is for somebody else is of no use there, and of use to whom it names (RFC 9700
    /// §2.3). One whose audience cannot be seen says nothing.
    pub fn is_answered_by(&self, audience: Option<&[String]>) -> Result<(), Refusal> {
        let (Some(wanted), Some(said)) =
            (self.audience.as_ref().or(self.resource.as_ref()), audience)
        else {
            return Ok(());
        };
        if said.contains(wanted) {
            return Ok(());
        }
        let cause = format!("asked for `{wanted}`, its `aud` is `{}`", said.join("`, `"));
        Err(Refusal::new(ErrorCode::InvalidTarget, "Ping gave a token for another audience")
            .because(cause)
            .hint(
                "where the API takes that, say so by `audience = \"…\"` beside `resource` in a `[connection.NAME]`",
            ))
    }
}

/// How a token for a target comes about ("One sign-in, several audiences").
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Obtain {
    /// Each refresh asks for its subset of the stored grant.
    #[default]
    Narrow,
    /// A sign-in of its own, with its own keychain record.
    SignIn,
    /// RFC 8693 with the profile's access token as subject token.
    Exchange,
    /// A deployment's own JWT for the profile's token (RFC 7523 §2.1).
    JwtBearer(Box<Deployment>),
}

/// The name of the capability in `endpoint.json`: good for everything, until the agent ends.
pub const ENDPOINT: &str = "endpoint";

/// The process that asks, as the agent saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    pub transport: Transport,
    pub uid: Option<u32>,
    pub pid: Option<u32>,
    pub executable: Option<PathBuf>,
    /// Which capability it presented: a public identifier, not the capability.
    pub capability: Option<String>,
    /// Came through a socket forwarded over ssh: the asking process runs on another machine.
    pub remote: bool,
    /// The lanes whose share it has: several where what is seen of it disagrees, `?` where it may be in any.
    pub lanes: Vec<Arc<str>>,
    /// What the caller says of itself (DAG, task, run). Recorded, never decided on.
    pub context: BTreeMap<String, String>,
}

/// How the request reached the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    #[default]
    Socket,
    Pipe,
    Tcp,
    /// The agent itself: proactive refresh.
    Agent,
}

impl Transport {
    /// The ledger's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Pipe => "pipe",
            Self::Tcp => "tcp",
            Self::Agent => "agent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_names_others_alone_answers_nothing_and_one_that_names_nobody_does() {
        let (lake, own) = (Some("https://lake.example"), Some("lake-api"));
        type Case<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a [&'a str]>, bool);
        let cases: [Case<'_>; 9] = [
            (None, None, Some(&["anything"]), true),
            (lake, None, None, true),
            (lake, None, Some(&["https://lake.example"]), true),
            (lake, None, Some(&["https://sea.example", "https://lake.example"]), true),
            (lake, None, Some(&["https://lake.example/"]), false),
            (lake, None, Some(&["https://sea.example"]), false),
            (lake, None, Some(&[]), false),
            (lake, own, Some(&["lake-api"]), true),
            (None, own, Some(&["https://lake.example"]), false),
        ];
        for (resource, audience, said, answers) in cases {
            let target = Target {
                resource: resource.map(str::to_owned),
                audience: audience.map(str::to_owned),
                ..Target::default()
            };
            let said = said.map(|all| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
            let answer = target.is_answered_by(said.as_deref());
            assert_eq!(answer.is_ok(), answers, "{target:?} {said:?}");
        }
    }

    #[test]
    fn a_session_s_name_is_read_as_it_is_written_and_typed_as_a_shell_takes_it() {
        let own = |connection: &str| SessionKey {
            connection: Some(connection.to_owned()),
            ..SessionKey::of("prod")
        };
        for (key, account, login) in [
            (SessionKey::of("prod"), "prod", "dagpass login prod"),
            (own("reports"), "prod/reports", "dagpass login prod/reports"),
            (own("team/reports"), "prod/team/reports", "dagpass login prod/team/reports"),
            (own("a (b)!"), "prod/a (b)!", "dagpass login 'prod/a (b)!'"),
        ] {
            assert_eq!((key.account().as_str(), key.login().as_str()), (account, login));
            assert_eq!(SessionKey::of_account(account), key);
        }
    }
}
