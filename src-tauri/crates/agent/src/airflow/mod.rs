//! An Airflow deployment behind [`AirflowServer`]: its token endpoint and its logout, and the
//! keychain item for `airflowctl`. Decides what its answers mean; the broker decides when it is asked.

mod answer;
mod item;
mod jwt_bearer;
mod logout;
mod look;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use dagpass_core::deployment::{Deployment, JwtBearerFailure};
use dagpass_core::ports::{AirflowServer, Clock, Pending, Revocation};
use dagpass_core::profile::Profile;
use dagpass_core::token::{AccessToken, Assertion, TokenSet};

use crate::http::Http;

pub(crate) use item::ItemKeeper;
pub use look::Reach;

/// How long may a deployment take to answer? Less than a caller is kept, so that he hears which server is
/// away.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(7);

/// One for the whole agent.
pub(crate) struct Airflow {
    http: Http,
}

impl std::fmt::Debug for Airflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Airflow")
    }
}

impl Airflow {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { http: Http::new(clock) }
    }
}

impl AirflowServer for Airflow {
    fn jwt_bearer<'a>(
        &'a self,
        profile: &'a Profile,
        deployment: &'a Deployment,
        assertion: &'a Assertion,
    ) -> Pending<'a, Result<TokenSet, JwtBearerFailure>> {
        Box::pin(async move {
            let granted = jwt_bearer::request(&self.http, profile, deployment, assertion);
            match tokio::time::timeout(ANSWER_TIMEOUT, granted).await {
                Ok(outcome) => outcome,
                Err(_elapsed) => Err(JwtBearerFailure::Unreachable {
                    cause: format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()).into(),
                    retry_after: None,
                }),
            }
        })
    }

    fn log_out<'a>(
        &'a self,
        profile: &'a Profile,
        deployment: &'a Deployment,
        token: &'a AccessToken,
    ) -> Pending<'a, Revocation> {
        Box::pin(logout::log_out(&self.http, profile, deployment, token))
    }
}
