//! An Airflow connection that the agent answers for: what its token is, and how Airflow is shown it.

use std::fmt;
use std::sync::Arc;

use dagpass_client::wire::{AirflowConnection, ConnectionShown};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::Resource;
use dagpass_core::profile::{Profile, Scopes};
use dagpass_core::request::{Obtain, SessionKey, Target};
use dagpass_core::token::AccessToken;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// One conn_id in one environment, overlays applied.
#[derive(Clone, Debug)]
pub struct Connection {
    pub id: String,
    /// `None` is the plain `[connection.ID]` table.
    pub env: Option<String>,
    /// The sign-in whose grant the token comes from.
    pub session: SessionKey,
    pub target: Target,
    /// The client of that sign-in: derived where `obtain = "sign-in"`.
    pub profile: Arc<Profile>,
    pub(super) airflow: Fields,
    pub(super) token_in: TokenIn,
}

/// What Airflow is told beside the token.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) conn_type: String,
    pub(super) host: Option<String>,
    pub(super) login: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) schema: Option<String>,
    pub(super) extra: Map<String, Value>,
}

/// The one field that carries the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenIn {
    /// `Authorization` at the top level of extra: Airflow's `HttpHook` sends those as headers, and
    /// fails on a nested `headers` with the token in its message.
    Header,
    Password,
    Extra(String),
}

impl Connection {
    /// All the scopes that its token may have; `None` where only the server knows.
    pub fn scopes(&self) -> Option<&Scopes> {
        let of_grant = match self.target.obtain {
            Obtain::Narrow | Obtain::SignIn => Some(&self.profile.scopes),
            Obtain::Exchange | Obtain::JwtBearer(_) => None,
        };
        self.target.scopes.as_ref().or(of_grant)
    }

    /// What is judged of it.
    pub fn resource(&self) -> Resource<'_> {
        Resource {
            profile: Some(&self.session.profile),
            session: Some(&self.session),
            connection: Some(&self.id),
            env: self.env.as_deref(),
            table_env: self.env.as_deref(),
            ..Resource::default()
        }
    }

    /// Airflow's connection JSON with the token in exactly one place.
    pub fn render(&self, token: &AccessToken) -> AirflowConnection {
        let fields = self.airflow.clone();
        let mut extra = fields.extra;
        let mut password = None;
        match &self.token_in {
            TokenIn::Header => {
                let value = format!("Bearer {}", token.expose());
                extra.insert(AUTHORIZATION.to_owned(), Value::String(value));
            }
            TokenIn::Password => password = Some(Zeroizing::new(token.expose().to_owned())),
            TokenIn::Extra(key) => {
                extra.insert(key.clone(), Value::String(token.expose().to_owned()));
            }
        }
        AirflowConnection {
            conn_type: fields.conn_type,
            host: fields.host,
            login: fields.login,
            password,
            schema: fields.schema,
            port: fields.port,
            extra,
        }
    }

    /// What the config says of it, without `extra`, which may hold a secret of somebody's.
    pub(super) fn shown(&self) -> ConnectionShown {
        let own = matches!(self.target.obtain, Obtain::SignIn).then_some(&self.profile.scopes);
        let scopes = self.target.scopes.as_ref().or(own);
        ConnectionShown {
            conn_id: self.id.clone(),
            env: self.env.clone(),
            profile: self.session.profile.to_string(),
            conn_type: self.airflow.conn_type.clone(),
            host: self.airflow.host.as_deref().map(without_credentials),
            login: self.airflow.login.clone(),
            port: self.airflow.port,
            schema: self.airflow.schema.clone(),
            scopes: scopes.map(|all| all.iter().map(str::to_owned).collect()).unwrap_or_default(),
            resource: self.target.resource.clone(),
            obtain: match self.target.obtain {
                Obtain::Narrow | Obtain::JwtBearer(_) => "narrow",
                Obtain::SignIn => "sign-in",
                Obtain::Exchange => "exchange",
            }
            .to_owned(),
            token_in: match &self.token_in {
                TokenIn::Header => "header".to_owned(),
                TokenIn::Password => "password".to_owned(),
                TokenIn::Extra(key) => format!("extra.{key}"),
            },
        }
    }
}

/// `https://user:password@host` is what Airflow takes; nobody else is shown the middle of it.
fn without_credentials(host: &str) -> String {
    let start = host.find("://").map_or(0, |at| at + 3);
    let end = host[start..].find('/').map_or(host.len(), |at| start + at);
    match host[start..end].rfind('@') {
        Some(at) => format!("{}{}", &host[..start], &host[start + at + 1..]),
        None => host.to_owned(),
    }
}

pub(super) const AUTHORIZATION: &str = "Authorization";

/// Why a conn_id gives no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Not ours: Airflow goes on to its next source.
    NotFound,
    /// The file that may have it is wrong or gone.
    NoConfig(Box<Refusal>),
    Ambiguous {
        environments: Vec<String>,
    },
    /// A typing mistake must not fall back to another environment's token.
    UnknownEnvironment {
        env: String,
        environments: Vec<String>,
    },
    OtherEnvironments {
        env: String,
        environments: Vec<String>,
    },
}

impl Lookup {
    pub fn refusal(&self, conn_id: &str) -> Refusal {
        match self {
            Self::NotFound => Refusal::new(
                ErrorCode::NotFound,
                format!("the config has no connection `{conn_id}`"),
            ),
            Self::NoConfig(refusal) => Refusal::clone(refusal),
            Self::Ambiguous { environments } => Refusal::new(
                ErrorCode::InvalidRequest,
                format!(
                    "connection `{conn_id}` is in several environments: {}",
                    List(environments)
                ),
            )
            .hint("choose one: `dagpass run --env NAME`, $DAGPASS_ENV or the backend's `env`"),
            Self::UnknownEnvironment { env, environments } if environments.is_empty() => {
                Refusal::new(
                    ErrorCode::InvalidRequest,
                    format!("there is no environment `{env}`: the config has none"),
                )
                .hint("unset $DAGPASS_ENV, or add `[env.NAME.connection.ID]` to the config")
            }
            Self::UnknownEnvironment { env, environments } => {
                Refusal::new(ErrorCode::InvalidRequest, format!("there is no environment `{env}`"))
                    .hint(format!("there are {}", List(environments)))
            }
            Self::OtherEnvironments { env, environments } => Refusal::new(
                ErrorCode::InvalidRequest,
                format!("connection `{conn_id}` is not in environment `{env}`"),
            )
            .hint(format!("it is in {}", List(environments))),
        }
    }
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in self.0 {
            write!(f, "{separator}`{name}`")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn a_host_is_shown_without_the_password_in_it() {
        for (host, shown) in [
            ("https://me:pass@lake.example/a@b", "https://lake.example/a@b"),
            ("me:p@ss@lake.example", "lake.example"),
            ("https://lake.example", "https://lake.example"),
            ("lake.example", "lake.example"),
        ] {
            assert_eq!(without_credentials(host), shown, "{host}");
        }
    }
}
