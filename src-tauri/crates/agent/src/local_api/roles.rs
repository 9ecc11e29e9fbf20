//! `POST /v1/airflow/roles`: the person's groups, or those that were given, through the deployment's
//! file. Needs no sign-in where groups are given. Never yields a token.

use std::collections::BTreeMap;

use dagpass_client::wire::{ClientRoles, PersonRoles, RolesAsk, RolesReply};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::refusals;
use dagpass_core::session::SessionState;

use super::reply::{self, Reply};
use super::status::source;
use super::{Api, Asked, drift, store_use};
use crate::config::{AirflowConfig, Config};
use crate::roles::RolesFile;

pub(super) async fn roles(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: RolesAsk = asked.parse()?;
    let config = api.config.current();
    let airflow = deployment(&config, ask.airflow.as_deref())?;
    let (path, file) = file(airflow)?;
    let person = match ask.groups {
        Some(groups) => given(&file, groups),
        None => signed_in(api, airflow, &file).await?,
    };
    let check = match ask.check {
        true => Some(drift::check(api, asked, airflow, &file).await?),
        false => None,
    };
    Ok(reply::json(&RolesReply {
        airflow: airflow.deployment.name.clone(),
        url: airflow.deployment.url.clone(),
        file: path,
        claim: file.claim.clone(),
        digest: file.digest(),
        person,
        mapped: file.roles.keys().cloned().collect(),
        clients: clients(&file),
        check,
    }))
}

fn deployment<'c>(config: &'c Config, named: Option<&str>) -> Result<&'c AirflowConfig, Refusal> {
    if let Some(named) = named {
        return config.deployment(named);
    }
    let with_file = config.airflow.values().filter(|one| one.roles_file.is_some());
    match with_file.collect::<Vec<_>>().as_slice() {
        [only] => Ok(only),
        [] => Err(Refusal::new(ErrorCode::NotFound, "no deployment has a roles file")
            .hint("add `roles-file = \"airflow-roles.json\"` to its `[airflow.NAME]`")),
        several => {
            let names: Vec<String> =
                several.iter().map(|one| format!("`{}`", one.deployment.name)).collect();
            let what = format!("which deployment? there are {}", names.join(", "));
            Err(Refusal::new(ErrorCode::InvalidRequest, what).hint("name one"))
        }
    }
}

fn file(airflow: &AirflowConfig) -> Result<(String, RolesFile), Refusal> {
    let name = &airflow.deployment.name;
    let Some(key) = &airflow.roles_file else {
        let what = format!("Airflow deployment `{name}` has no roles file");
        let hint = format!("add `roles-file = \"airflow-roles.json\"` to `[airflow.{name}]`");
        return Err(Refusal::new(ErrorCode::NotFound, what).hint(hint));
    };
    let read = key.read();
    let file = read.map_err(|wrong| {
        let what = format!("the roles file of Airflow deployment `{name}` cannot be used");
        let place = format!("{}:{}:{}: {}", wrong.file, wrong.line, wrong.column, wrong.message);
        let refusal = Refusal::new(ErrorCode::ConfigInvalid, what).because(place);
        refusal.hint(wrong.hint.unwrap_or_else(|| "mend the line and ask again".to_owned()))
    })?;
    Ok((key.path.display().to_string(), file))
}

fn clients(file: &RolesFile) -> BTreeMap<String, ClientRoles> {
    let named = file.clients.iter().flatten();
    named
        .map(|(name, client)| {
            (name.clone(), ClientRoles { roles: client.roles.clone(), by: client.shown() })
        })
        .collect()
}

fn given(file: &RolesFile, groups: Vec<String>) -> PersonRoles {
    let preview = file.preview(&groups);
    PersonRoles {
        groups,
        source: "given".to_owned(),
        profile: None,
        who: None,
        signed_in_at: None,
        refused: preview.refused(),
        roles: preview
            .gives
            .into_iter()
            .map(|(role, by)| (role, by.into_iter().collect()))
            .collect(),
        unmapped: preview.unmapped,
    }
}

/// By what the session knows of its person: as of the sign-in, or of the last refresh that told.
async fn signed_in(
    api: &Api,
    airflow: &AirflowConfig,
    file: &RolesFile,
) -> Result<PersonRoles, Refusal> {
    store_use::agrees(api)?;
    let key = airflow.session();
    if matches!(api.broker.session(&key)?.state, SessionState::Unloaded) {
        api.broker.load_session(&key).await?;
    }
    let view = api.broker.session(&key)?;
    let stored = match &view.state {
        SessionState::Active(active) => &active.stored,
        SessionState::Fixed(fixed) => &fixed.stored,
        SessionState::Client(_) => {
            let what =
                format!("profile `{}` is no person: Ping puts it in no groups", view.key.account());
            return Err(Refusal::new(ErrorCode::NotFound, what).hint("give groups: `--group G`"));
        }
        SessionState::Ended { why, .. } => return Err(refusals::ended(&view.profile, why)),
        SessionState::Unreadable(failure) => return Err(refusals::store(&view.profile, failure)),
        SessionState::Unloaded | SessionState::SignedOut => {
            return Err(refusals::signed_out(&view.profile)
                .hint(format!("{}, or give groups: `--group G`", login(&airflow.profile))));
        }
    };
    let Some(identity) = &stored.identity else {
        let what = format!("Ping does not say who `{}` is, nor in which groups", view.profile.name);
        return Err(Refusal::new(ErrorCode::NotFound, what).hint("give groups: `--group G`"));
    };
    Ok(PersonRoles {
        source: source(identity.source).to_owned(),
        profile: Some(view.profile.name.to_string()),
        who: Some(
            identity
                .email
                .as_ref()
                .or(identity.name.as_ref())
                .map_or_else(|| identity.subject.sub.clone(), Clone::clone),
        ),
        signed_in_at: Some(stored.signed_in_at.as_secs()),
        ..given(file, identity.groups.clone())
    })
}

fn login(profile: &dagpass_core::profile::ProfileName) -> String {
    format!("run `dagpass login {profile}`")
}
