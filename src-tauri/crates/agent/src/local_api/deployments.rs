//! Airflow deployments in the words of the local API: what `status` shows of them, and what became
//! of their JWTs at a sign-out. Decides no more than the words.

use dagpass_client::wire::{DeploymentSignedOut, DeploymentStatus};
use dagpass_core::deployment::LoggedOut;

use super::Api;
use crate::config::{Deployment, DeploymentToken};

pub(super) fn status(api: &Api, shown: impl Fn(&Deployment) -> bool) -> Vec<DeploymentStatus> {
    let config = api.config.current();
    let all = config.airflow.values().filter(|deployment| shown(deployment));
    all.map(|deployment| one(api, deployment)).collect()
}

fn one(api: &Api, deployment: &Deployment) -> DeploymentStatus {
    let exchanged = deployment.token == DeploymentToken::Exchange;
    let view = api.broker.deployment(&deployment.session(), &deployment.target());
    let view = view.unwrap_or_default();
    DeploymentStatus {
        name: deployment.name.clone(),
        url: deployment.url.clone(),
        profile: deployment.profile.to_string(),
        token: if exchanged { "exchange" } else { "direct" }.to_owned(),
        expires_at: view.token.map(|token| token.expires_at.as_secs()),
        keychain_item: deployment.keychain_item.clone(),
        keychain_trouble: deployment
            .keychain_item
            .as_deref()
            .and_then(|env| api.items.trouble(env)),
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
