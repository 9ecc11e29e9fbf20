//! The server's mapping beside the file's: asked with the deployment's own token, for `roles --check` and
//! for `doctor`. Never says "in sync" where it could not compare.

use dagpass_client::wire::{HereAndThere, RolesCheck, TokenAsk};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::ports::Pending;

use super::{Api, Asked, patience, tokens};
use crate::config::AirflowConfig;
use crate::doctor::{Deployments, Looked, Reach, Roles, Server};
use crate::roles::{RolesFile, ServerRoles, Untold, compare};

pub(super) async fn check(
    api: &Api,
    asked: &Asked,
    airflow: &AirflowConfig,
    here: &RolesFile,
) -> Result<RolesCheck, Refusal> {
    let there = mapping(api, asked, airflow).await?;
    let drift = compare(here, &there.mapping);
    Ok(RolesCheck {
        in_sync: drift.in_sync(),
        claim: drift.claim.map(|(here, there)| HereAndThere { here, there }),
        groups: drift.groups.into_iter().map(sides).collect(),
        clients: drift.clients.into_iter().map(sides).collect(),
        digest: there.mapping.digest(),
        you: there.you,
    })
}

fn sides<T>((name, (here, there)): (String, (T, T))) -> (String, HereAndThere<T>) {
    (name, HereAndThere { here, there })
}

async fn mapping(
    api: &Api,
    asked: &Asked,
    airflow: &AirflowConfig,
) -> Result<ServerRoles, Refusal> {
    let profile = api.config.current().profile(Some(airflow.profile.as_str()))?.clone();
    let mut ask =
        TokenAsk { airflow: Some(airflow.deployment.name.clone()), ..TokenAsk::default() };
    loop {
        let issued = tokens::issue(api, asked, ask.clone());
        let issued = patience::token(api, asked, issued).await?;
        let token = issued.access_token();
        match api.airflow.roles(&profile.network, &airflow.deployment.url, token).await {
            Ok(mapping) => return Ok(mapping),
            // Revoked, or the server has other keys since: once more with a new one.
            Err(Untold::TokenRefused) if ask.rejected.is_none() => {
                ask.rejected = Some(token.fingerprint().as_str().to_owned());
            }
            Err(untold) => return Err(refusal(airflow, &untold)),
        }
    }
}

fn refusal(airflow: &AirflowConfig, untold: &Untold) -> Refusal {
    let name = &airflow.deployment.name;
    let (code, hint) = match untold {
        Untold::NoRoute { .. } => (
            ErrorCode::InvalidTarget,
            "install the wheel of `dagpass airflow wheel` there, with its extra `[fab]`, and have it as the auth manager: `dagpass airflow setup --server`",
        ),
        Untold::TokenRefused => (
            ErrorCode::InvalidToken,
            "compare issuer, audience and `accept` of the server's `[dagpass_auth]` with the profile",
        ),
        Untold::Denied => (ErrorCode::AccessDenied, "let somebody check who has a role there"),
        Untold::Away(_) => {
            (ErrorCode::TemporarilyUnavailable, "check the network or VPN, then try again")
        }
        Untold::Nonsense(_) => (
            ErrorCode::ServerError,
            "install the wheel of this dagpass there: `dagpass airflow wheel`",
        ),
    };
    let what = format!("cannot tell what Airflow deployment `{name}` maps");
    Refusal::new(code, what).because(format!("{}: {untold}", airflow.deployment.url)).hint(hint)
}

/// For `doctor`: looks at each deployment, with a token only where somebody is signed in.
pub(super) struct Look<'a> {
    pub(super) api: &'a Api,
    pub(super) asked: &'a Asked,
}

impl Deployments for Look<'_> {
    fn look<'a>(&'a self, airflow: &'a AirflowConfig) -> Pending<'a, Looked> {
        Box::pin(async move {
            let reach = match self.api.config.current().profile(Some(airflow.profile.as_str())) {
                Ok(profile) => {
                    self.api.airflow.reach(&profile.network, &airflow.deployment.url).await
                }
                Err(refusal) => Reach::Away(refusal.to_string().into()),
            };
            let roles = match &airflow.roles_file {
                None => None,
                Some(key) => Some(match key.read() {
                    Err(wrong) => Roles::Wrong(wrong),
                    Ok(file) => {
                        let server = self.server(airflow, &file, &reach).await;
                        Roles::Right(file.roles.len(), server)
                    }
                }),
            };
            Looked { reach, roles }
        })
    }
}

impl Look<'_> {
    async fn server(&self, airflow: &AirflowConfig, file: &RolesFile, reach: &Reach) -> Server {
        if let Reach::Away(cause) = reach {
            return Server::CannotTell(cause.text.clone());
        }
        let session = self.api.broker.session(&airflow.session());
        // A client is asked for when its token is: nobody has to have signed in.
        let may_be_asked = session
            .is_ok_and(|view| !view.profile.kind.signs_in() || view.state.stored().is_some());
        if !may_be_asked {
            return Server::Unasked;
        }
        match check(self.api, self.asked, airflow, file).await {
            Ok(check) if check.in_sync => Server::InSync,
            Ok(_) => Server::Differs,
            Err(refusal) => Server::CannotTell(refusal.cause.unwrap_or(refusal.what)),
        }
    }
}
