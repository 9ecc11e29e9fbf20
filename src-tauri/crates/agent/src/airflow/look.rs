//! What a deployment says of itself where no token is asked of it: the mapping in force, and whether it
//! knows the jwt-bearer grant at all.

use dagpass_core::deployment::JwtBearerFailure;
use dagpass_core::error::Why;
use dagpass_core::profile::Network;
use dagpass_core::token::AccessToken;
use url::Url;

use super::jwt_bearer::JWT_BEARER;
use super::{ANSWER_TIMEOUT, Airflow, answer};
use crate::roles::{ServerRoles, Untold, told};

/// Whether a deployment is there.
#[derive(Debug)]
pub enum Reach {
    /// It answers, and knows the jwt-bearer grant.
    JwtBearer,
    /// It answers, and does not.
    NoJwtBearer(String),
    Away(Why),
}

impl Airflow {
    /// `GET {url}/auth/dagpass/roles`, shown the deployment's token.
    pub(crate) async fn roles(
        &self,
        network: &Network,
        url: &str,
        bearer: &AccessToken,
    ) -> Result<ServerRoles, Untold> {
        let url = route(url, "/auth/dagpass/roles").map_err(Untold::Away)?;
        let asked = self.http.fetch(network, &url, Some(bearer.expose()));
        match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
            Ok(Ok(answer)) => told(answer.status, answer.object()),
            Ok(Err(failure)) => Err(Untold::Away(failure.to_string())),
            Err(_elapsed) => Err(Untold::Away(late())),
        }
    }

    /// The grant without an assertion: a server that knows the grant misses it, and nobody signs in.
    pub(crate) async fn reach(&self, network: &Network, url: &str) -> Reach {
        let looked = tokio::time::timeout(ANSWER_TIMEOUT, self.half_a_grant(network, url)).await;
        match looked {
            Err(_elapsed) => Reach::Away(late().into()),
            Ok(Ok(())) => Reach::NoJwtBearer("it gave a token for nothing".to_owned()),
            Ok(Err(failure)) => match failure {
                JwtBearerFailure::Unreachable { cause, .. } => Reach::Away(cause),
                JwtBearerFailure::NoSuchGrant { cause } => Reach::NoJwtBearer(cause),
                JwtBearerFailure::Misconfigured { error, .. } if error == "invalid_request" => {
                    Reach::JwtBearer
                }
                JwtBearerFailure::Misconfigured { error, description } => {
                    Reach::NoJwtBearer(format!("{error} {description}").trim_end().to_owned())
                }
                other => Reach::NoJwtBearer(other.to_string()),
            },
        }
    }

    async fn half_a_grant(&self, network: &Network, url: &str) -> Result<(), JwtBearerFailure> {
        let url = route(url, "/auth/token").map_err(answer::unsent)?;
        let request = oauth2::http::Request::post(url.as_str())
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .body(format!(r#"{{"grant_type":"{JWT_BEARER}"}}"#).into_bytes())
            .map_err(|error| answer::unsent(error.to_string()))?;
        let received = self.http.post(network, request).await.map_err(answer::unanswered)?;
        answer::granted(&received).map(drop)
    }
}

fn route(url: &str, route: &str) -> Result<Url, String> {
    let url = format!("{url}{route}");
    Url::parse(&url).map_err(|error| format!("{url}: {error}"))
}

fn late() -> String {
    format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())
}
