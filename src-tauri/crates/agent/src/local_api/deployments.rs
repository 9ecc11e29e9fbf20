//! Airflow deployments in the words of the local API: what `status` shows of them, and what became
//! of their JWTs at a sign-out. Decides no more than the words.

use dagpass_client::wire::{DeploymentSignedOut, DeploymentStatus};
use dagpass_core::deployment::LoggedOut;

use super::Api;
use crate::config::{AirflowConfig, DeploymentToken};

pub(super) fn status(api: &Api, shown: impl Fn(&AirflowConfig) -> bool) -> Vec<DeploymentStatus> {
    let config = api.config.current();
    let all = config.airflow.values().filter(|airflow| shown(airflow));
    all.map(|airflow| one(api, airflow)).collect()
}

fn one(api: &Api, airflow: &AirflowConfig) -> DeploymentStatus {
    let own_jwt = airflow.token == DeploymentToken::JwtBearer;
    let view = api.broker.deployment(&airflow.session(), &airflow.target());
    let view = view.unwrap_or_default();
    DeploymentStatus {
        name: airflow.deployment.name.clone(),
        url: airflow.deployment.url.clone(),
        profile: airflow.profile.to_string(),
        token: if own_jwt { "exchange" } else { "direct" }.to_owned(),
        expires_at: view.token.map(|token| token.expires_at.as_secs()),
        keychain_item: airflow.keychain_item.clone(),
        keychain_trouble: airflow.keychain_item.as_deref().and_then(|env| api.items.trouble(env)),
        reason: view.refusal.map(|refusal| refusal.to_string()),
    }
}

pub(super) fn signed_out(told: Vec<LoggedOut>) -> Vec<DeploymentSignedOut> {
    let reply = |one: LoggedOut| DeploymentSignedOut {
        name: one.deployment,
        revocation: one.revocation.as_str().to_owned(),
        expires_at: one.expires_at.as_secs(),
    };
    told.into_iter().map(reply).collect()
}
