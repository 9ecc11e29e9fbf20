//! `/v1/clients`: what proves the clients of the config's profiles. A secret goes in and never comes out; of a
//! key the public half is shown.

use dagpass_client::wire::{ClientAsk, ClientChange, ClientList, ClientShown};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::Action;
use dagpass_core::profile::{Credential, Profile};
use dagpass_core::refusals;
use dagpass_core::token::Secret;

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::credentials::ClientKey;

/// The longest a secret may be: Credential Manager takes 2,560 bytes, the record about it among them.
const LONGEST: usize = 1_024;

pub(super) async fn list(api: &Api) -> Reply {
    let config = api.config.current();
    let mut clients = Vec::new();
    for key in config.sessions() {
        if let Some(profile) = config.session(&key) {
            clients.push(shown(api, &profile).await);
        }
    }
    reply::json(&ClientList { clients })
}

pub(super) async fn change(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: ClientAsk = asked.parse()?;
    let (_, profile) = api.config.current().session_named(Some(&ask.profile))?;
    let wanted = profile.client_auth.credential();
    let done = match (ask.change, wanted) {
        (_, None) => return Err(public(&profile)),
        (ClientChange::Secret, Some(Credential::Secret)) => {
            keep_secret(api, &profile, ask.secret.as_ref()).await?;
            Some("secret kept")
        }
        (ClientChange::MakeKey, Some(Credential::Key)) if has_key(api, &profile).await? => {
            // Whoever looks at it registers it, or just did: the issuer may be asked again.
            api.broker.client_changed(&profile);
            None
        }
        (ClientChange::MakeKey | ClientChange::NewKey, Some(Credential::Key)) => {
            let key = ClientKey::made().map_err(|why| unmade(&why))?;
            let profile = &*profile;
            let kept = api.store.keep_key(profile, &key, api.clock.now()).await;
            kept.map_err(|failure| refusals::store(profile, &failure))?;
            Some("key made")
        }
        (ClientChange::Forget, Some(what)) => {
            let gone = api.store.forget_credential(&profile, what).await;
            gone.map_err(|failure| refusals::store(&profile, &failure))?;
            Some("forgotten")
        }
        (ClientChange::Secret, Some(Credential::Key))
        | (ClientChange::MakeKey | ClientChange::NewKey, Some(Credential::Secret)) => {
            return Err(another(&profile));
        }
    };
    if let Some(done) = done {
        record(api, asked, (&profile, done))?;
        // What was refused for want of it may be granted now.
        api.broker.client_changed(&profile);
        api.changed();
    }
    Ok(reply::json(&shown(api, &profile).await))
}

async fn has_key(api: &Api, profile: &Profile) -> Result<bool, Refusal> {
    let kept = api.store.credential(profile, Credential::Key).await;
    let kept = kept.map_err(|failure| refusals::store(profile, &failure))?;
    match kept.as_ref().and_then(|kept| kept.withheld.as_ref()) {
        Some(why) => Err(withheld(profile, why)),
        None => Ok(kept.is_some_and(|kept| kept.key().is_some())),
    }
}

async fn keep_secret(
    api: &Api,
    profile: &Profile,
    secret: Option<&zeroize::Zeroizing<String>>,
) -> Result<(), Refusal> {
    let secret = secret.filter(|secret| !secret.is_empty());
    let secret = secret.ok_or_else(|| unfit("it is empty"))?;
    // RFC 6749 A.2: visible characters and spaces.
    if !secret.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(unfit("a client secret is made of visible ASCII characters (RFC 6749 A.2)"));
    }
    if secret.len() > LONGEST {
        return Err(unfit("it is longer than 1,024 characters"));
    }
    let secret = Secret::new(secret.to_string());
    let kept = api.store.keep_secret(profile, &secret, api.clock.now()).await;
    kept.map_err(|failure| refusals::store(profile, &failure))
}

async fn shown(api: &Api, profile: &Profile) -> ClientShown {
    let mut shown = ClientShown {
        profile: profile.session().account(),
        issuer: profile.issuer.as_str().to_owned(),
        client_id: profile.client_id.clone(),
        client_auth: profile.client_auth.as_str().to_owned(),
        ..ClientShown::default()
    };
    let Some(what) = profile.client_auth.credential() else { return shown };
    match api.store.credential(profile, what).await {
        Ok(Some(kept)) => {
            shown.since = Some(kept.since.as_secs());
            shown.unread.clone_from(&kept.withheld);
            let key = (what == Credential::Key).then(|| kept.key()).flatten();
            shown.jwk = key.and_then(|key| key.public().ok());
        }
        Ok(None) => {}
        Err(failure) => shown.unread = Some(failure.to_string()),
    }
    shown
}

/// It is done by now; what is not on the record is said.
fn record(api: &Api, asked: &Asked, (profile, done): (&Profile, &str)) -> Result<(), Refusal> {
    let session = profile.session();
    let mut record = Record::new(Event::ClientCredential, Outcome::Ok, asked.caller());
    record.action = Some(Action::ChangeClient);
    record.session = Some(&session);
    record.reason = Some(done);
    let written = api.witness.record(&record).map(drop);
    written.map_err(|failure| {
        Refusal::new(ErrorCode::TemporarilyUnavailable, "it is done, and not on the record")
            .because(failure.to_string())
            .hint("`dagpass doctor` says what is wrong with the record")
    })
}

fn public(profile: &Profile) -> Refusal {
    let called = profile.called();
    Refusal::new(ErrorCode::InvalidRequest, format!("the client of {called} is a public one"))
        .because("its `client-auth` is `none`: it has no secret and no key")
        .hint("set `client-auth` in its table of the config, as it is registered at the issuer")
}

fn another(profile: &Profile) -> Refusal {
    let (called, auth) = (profile.called(), profile.client_auth.as_str());
    let command = match profile.client_auth.credential() {
        Some(Credential::Key) => "dagpass identity show",
        Some(Credential::Secret) | None => "dagpass secret set",
    };
    let name = profile.session().account();
    Refusal::new(
        ErrorCode::InvalidRequest,
        format!("the client of {called} proves itself otherwise"),
    )
    .because(format!("its `client-auth` is `{auth}`"))
    .hint(format!("run `{command} {name}`"))
}

/// Another key would take the place of one that is good where it was made for.
fn withheld(profile: &Profile, why: &str) -> Refusal {
    let what = format!("the key of {} is withheld", profile.called());
    let renew = format!("dagpass identity renew {}", profile.name);
    Refusal::new(ErrorCode::InvalidClient, what).because(why).hint(format!(
        "mend `[profile.{}.endpoints]`, or run `{renew}` for a new key",
        profile.name
    ))
}

fn unfit(why: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, "this is no client secret").because(why)
}

fn unmade(why: &str) -> Refusal {
    Refusal::new(ErrorCode::TemporarilyUnavailable, "no key was made").because(why)
}
