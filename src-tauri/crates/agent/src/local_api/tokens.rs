//! `POST /v1/token` and `POST /v1/airflow/connection`: the wire's words to the broker's and back.

use std::borrow::Cow;
use std::time::Duration;

use dagpass_client::ledger;
use dagpass_client::wire::{ConnectionAsk, Recorded, TokenAsk, TokenReply};
use dagpass_core::broker::Issued;
use dagpass_core::effective::{Offer, Wish, effective};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::facts::Declared;
use dagpass_core::policy::{self, Action, Resource};
use dagpass_core::principal::Principal;
use dagpass_core::profile::Scopes;
use dagpass_core::request::{Purpose, SessionKey, Target, TokenRequest};
use dagpass_core::token::Fingerprint;
use zeroize::Zeroizing;

use super::patience::Awaited;
use super::reply::{self, Reply};
use super::{Api, Asked, store_use};
use crate::config::{Config, DeploymentToken, Lookup};

pub(super) async fn token(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let issued = issue(api, asked, asked.parse()?).await?;
    Ok(reply::json(&token_reply(api, &issued)))
}

/// A token for one of our own routes, as the caller would have got it.
pub(super) async fn issue(api: &Api, asked: &Asked, ask: TokenAsk) -> Result<Issued, Refusal> {
    running(api)?;
    let principal = asked.declaring(ask.context.clone());
    let request = request(&api.config.current(), &principal, (Action::Token, &ask))?;
    obtain(api, asked, &principal, (Action::Token, request)).await
}

/// Judges it and waits for it; whoever cuts the wait short knows what for.
pub(super) async fn obtain(
    api: &Api,
    asked: &Asked,
    principal: &Principal,
    (action, request): (Action, TokenRequest),
) -> Result<Issued, Refusal> {
    let caller = principal.caller.clone();
    // Asked a second time, after a token that was refused, it is the same.
    asked.awaits.get_or_init(|| Awaited { action, request: request.clone(), caller });
    api.broker.read_to_judge(principal, action, &request).await?;
    let permit = asked.permit(api, principal, (action, request))?;
    api.broker.token(permit, principal).await
}

pub(super) async fn connection(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: ConnectionAsk = asked.parse()?;
    let config = api.config.current();
    let env = policy::environment(&asked.principal, ask.env.as_deref());
    let meant = env.as_ref().map_or(ask.env.as_deref(), Option::as_deref);
    let connection = match config.connection(&ask.conn_id, meant) {
        Ok(connection) => connection,
        // Most are not ours, and Airflow goes on to ask elsewhere; what else is wrong with it is for those
        // whom nothing narrows.
        Err(lookup @ Lookup::NotFound) => return Err(lookup.refusal(&ask.conn_id)),
        Err(lookup) => {
            let refusal = lookup.refusal(&ask.conn_id);
            return Err(untold(&asked.principal, ask.env.as_deref(), refusal));
        }
    };
    running(api)?;
    let principal = asked.declaring(ask.context.clone());
    let request = TokenRequest {
        connection: Some(connection.id.clone()),
        env: ask.env.clone().or_else(|| connection.env.clone()),
        table_env: connection.env.clone(),
        purpose: purpose(&ask.context),
        ..TokenRequest::new(connection.session.clone(), connection.target.clone())
    };
    let issued = obtain(api, asked, &principal, (Action::Connection, request)).await?;
    Ok(reply::json(&connection.render(issued.access_token())))
}

/// What the config says of names is for those who may see all of it; the others hear that it is not theirs.
fn untold(principal: &Principal, asked: Option<&str>, refusal: Refusal) -> Refusal {
    let own = policy::environment(principal, asked).is_ok();
    let told = principal.narrowing.is_everything() && own;
    if told || refusal.code == ErrorCode::ConfigInvalid {
        return refusal;
    }
    Refusal::new(ErrorCode::AccessDenied, "the request was denied")
        .because("this capability does not cover it")
}

pub(super) fn running(api: &Api) -> Result<(), Refusal> {
    if !api.is_paused() {
        return store_use::agrees(api);
    }
    Err(Refusal::new(ErrorCode::AgentPaused, "the agent is paused")
        .hint("run `dagpass agent resume`, or resume it from the tray"))
}

/// What is meant, with nothing left open: names looked up, scopes and resource settled.
pub(super) fn request(
    config: &Config,
    principal: &Principal,
    (action, ask): (Action, &TokenAsk),
) -> Result<TokenRequest, Refusal> {
    let ask = &by_connection(config, ask);
    let env = policy::environment(principal, ask.env.as_deref());
    // Another environment than its own is looked up all the same, and denied with what it names.
    let meant = env.as_ref().map_or(ask.env.as_deref(), Option::as_deref);
    let wanted = wanted(config, ask, meant)
        .map_err(|refusal| untold(principal, ask.env.as_deref(), refusal))?;
    let env = ask.env.clone().or_else(|| wanted.env.clone());
    // What may not be asked for under this name at all is not told what there is under it.
    let named = Resource {
        profile: Some(&wanted.session.profile),
        session: Some(&wanted.session),
        connection: ask.connection.as_deref(),
        deployment: wanted.deployment.as_deref(),
        env: env.as_deref(),
        table_env: wanted.env.as_deref(),
        ..Resource::default()
    };
    if !policy::sees(principal, action, &named) {
        let request = TokenRequest::new(wanted.session, wanted.target);
        return Ok(TokenRequest {
            connection: ask.connection.clone(),
            deployment: wanted.deployment,
            env,
            table_env: wanted.env,
            ..request
        });
    }
    let offer = Offer {
        name: &wanted.name,
        target: &wanted.target,
        scopes: wanted.scopes.as_ref(),
        closed: ask.connection.is_some() || is_of_client(config, &wanted.session),
    };
    let wish = Wish { scopes: ask.scopes.as_deref(), resource: ask.resource.as_deref() };
    let (mut target, reach) =
        effective(offer, wish, |target| config.names_target(&wanted.session, target))?;
    if let (Some(resource), None) = (&ask.resource, &target.audience) {
        target.audience = config.audience_of(&wanted.session, resource).cloned();
    }
    let rejected = match &ask.rejected {
        None => None,
        Some(text) => Some(Fingerprint::parse(text).ok_or_else(|| {
            Refusal::new(ErrorCode::InvalidRequest, "`rejected` is no SHA-256 in hex")
        })?),
    };
    Ok(TokenRequest {
        min_ttl: ask.min_ttl.map(Duration::from_secs),
        rejected,
        renewed: ask.renewed,
        connection: ask.connection.clone(),
        deployment: wanted.deployment,
        env,
        table_env: wanted.env,
        reach,
        purpose: purpose(&ask.context),
        ..TokenRequest::new(wanted.session, target)
    })
}

/// No grant of a person bounds what a client may have: the config does.
fn is_of_client(config: &Config, session: &SessionKey) -> bool {
    config.session(session).is_some_and(|profile| !profile.kind.signs_in())
}

/// Who names a connection's own session asks for that connection's token.
fn by_connection<'a>(config: &Config, ask: &'a TokenAsk) -> Cow<'a, TokenAsk> {
    let named = ask.profile.as_deref().filter(|_| ask.connection.is_none());
    let Some(connection) = named.and_then(|name| config.signing_in_by_itself(name)) else {
        return Cow::Borrowed(ask);
    };
    Cow::Owned(TokenAsk {
        profile: None,
        connection: Some(connection.id.clone()),
        env: ask.env.clone().or_else(|| connection.env.clone()),
        ..ask.clone()
    })
}

/// Which token is meant, and what it may be narrowed to.
struct Wanted {
    name: String,
    session: SessionKey,
    target: Target,
    scopes: Option<Scopes>,
    env: Option<String>,
    deployment: Option<String>,
}

fn wanted(config: &Config, ask: &TokenAsk, env: Option<&str>) -> Result<Wanted, Refusal> {
    if let Some(id) = &ask.connection {
        let connection = config.connection(id, env).map_err(|lookup| lookup.refusal(id))?;
        return Ok(Wanted {
            name: format!("the connection `{id}`"),
            session: connection.session.clone(),
            target: connection.target.clone(),
            scopes: connection.scopes().cloned(),
            env: connection.env.clone(),
            deployment: None,
        });
    }
    if let Some(wanted) = &ask.airflow {
        let airflow = config.deployment(wanted)?;
        let narrowed = ask.scopes.is_some() || ask.resource.is_some();
        if narrowed && airflow.token == DeploymentToken::JwtBearer {
            let what = "a deployment's own token has neither scopes nor a resource";
            return Err(Refusal::new(ErrorCode::InvalidRequest, what));
        }
        let profile = config.profile(Some(airflow.profile.as_str()))?;
        return Ok(Wanted {
            name: format!("the deployment `{}`", airflow.deployment.name),
            session: airflow.session(),
            target: airflow.target(),
            scopes: Some(profile.scopes.clone()),
            env: None,
            deployment: Some(airflow.deployment.name.clone()),
        });
    }
    let profile = config.profile(ask.profile.as_deref())?;
    Ok(Wanted {
        name: format!("the profile `{}`", profile.name),
        session: SessionKey { profile: profile.name.clone(), connection: None },
        target: Target::default(),
        scopes: Some(profile.scopes.clone()),
        env: None,
        deployment: None,
    })
}

fn purpose(context: &std::collections::BTreeMap<String, String>) -> Purpose {
    let parse = Declared(context).get(Declared::PURPOSE) == Some(Declared::PARSE);
    if parse { Purpose::DagParse } else { Purpose::Use }
}

fn token_reply(api: &Api, issued: &Issued) -> TokenReply {
    let now = api.clock.now();
    TokenReply {
        access_token: Zeroizing::new(issued.access_token().expose().to_owned()),
        token_type: issued.set.token_type.clone(),
        expires_in: i64::try_from(now.until(issued.set.expires_at).as_secs()).unwrap_or(i64::MAX),
        expires_at: issued.set.expires_at.as_secs(),
        scope: issued.set.scope.as_ref().map(ToString::to_string),
        short_lived: issued.short_lived,
        record: issued
            .receipt
            .map(|receipt| Recorded { seq: receipt.seq, leaf: ledger::digits(&receipt.leaf) }),
    }
}

#[cfg(test)]
mod tests {
    use dagpass_core::policy::About as _;
    use dagpass_core::principal::Kind;
    use dagpass_core::request::Caller;

    use super::*;

    #[test]
    fn a_service_has_what_the_config_names_and_nothing_beyond_it() {
        let owner = Principal::new(Kind::Owner, Caller::default());
        let table = |kind: &str, scopes: &str| {
            let text = format!(
                "[profile.svc]\nissuer = \"https://auth.example\"\nclient-id = \"c\"\n\
                 client-auth = \"secret-basic\"\nkind = \"{kind}\"\n{scopes}\n\
                 [airflow.prod]\nurl = \"https://af.example\"\nprofile = \"svc\"\ntoken = \"direct\"\n"
            );
            crate::config::parse(&text, std::path::Path::new("config.toml")).unwrap()
        };
        let named = "scopes = [\"openid\", \"a\"]";
        for (config, scope, resource, fine) in [
            (table("service", "scopes = [\"a\"]"), "a", None, true),
            (table("service", "scopes = [\"a\"]"), "b", None, false),
            (table("service", ""), "b", None, false),
            (table("service", "scopes = [\"a\"]"), "a", Some("https://other"), false),
            (table("user", named), "b", None, true),
            (table("user", named), "a", Some("https://other"), true),
        ] {
            for airflow in [None, Some("prod".to_owned())] {
                let ask = TokenAsk {
                    scopes: Some(vec![scope.to_owned()]),
                    resource: resource.map(str::to_owned),
                    profile: airflow.is_none().then(|| "svc".to_owned()),
                    airflow,
                    ..TokenAsk::default()
                };
                let asked = request(&config, &owner, (Action::Token, &ask));
                assert_eq!(asked.is_ok(), fine, "{scope} {resource:?} {:?}", asked.err());
            }
        }
    }

    #[test]
    fn a_policy_hears_of_the_environment_that_was_found_and_the_record_of_the_one_asked_for() {
        let text = "[profile.prod]\nissuer = \"https://auth.example\"\nclient-id = \"c\"\n\
                    [connection.plain]\nprofile = \"prod\"\nconn-type = \"http\"\n\
                    [env.dev.connection.lake]\nprofile = \"prod\"\nconn-type = \"http\"\n";
        let config = crate::config::parse(text, std::path::Path::new("config.toml")).unwrap();
        let owner = Principal::new(Kind::Owner, Caller::default());
        for (profile, connection, asked, found) in [
            (Some("prod"), None, Some("dev"), None),
            (None, Some("plain"), Some("dev"), None),
            (None, Some("lake"), Some("dev"), Some("dev")),
            (None, Some("lake"), None, Some("dev")),
        ] {
            let name = |text: Option<&str>| text.map(str::to_owned);
            let ask = TokenAsk {
                profile: name(profile),
                connection: name(connection),
                env: name(asked),
                ..TokenAsk::default()
            };
            let request = request(&config, &owner, (Action::Token, &ask)).unwrap();
            let resource = request.resource();
            assert_eq!((resource.env, resource.table_env), (asked.or(found), found), "{ask:?}");
        }
    }
}
