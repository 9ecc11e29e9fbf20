//! Which handler answers. Parses the body, never decides.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::{Method, StatusCode};

use dagpass_client::wire::{ConnectionIds, ConnectionList, DiscoverAsk, DoctorAsk};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::refusals;
use dagpass_core::request::Caller;
use dagpass_core::token::Secret;

use super::reply::{self, Reply};
use super::{
    Api, Asked, activity, config, containers, drift, events, login_item, preview, purge, roles,
    run_events, runs, sign_in, status, store_use, tokens, try_it,
};
use crate::doctor::{self, Proxies};

/// The routes, each with its methods.
const ROUTES: &[(&str, &[Method])] = &[
    ("/v1/token", &[Method::POST]),
    ("/v1/airflow/connection", &[Method::POST]),
    ("/v1/airflow/roles", &[Method::POST]),
    ("/v1/airflow/connections", &[Method::GET]),
    ("/v1/try", &[Method::POST]),
    ("/v1/status", &[Method::GET]),
    ("/v1/events", &[Method::GET]),
    ("/v1/activity", &[Method::GET]),
    ("/v1/connections", &[Method::GET]),
    ("/v1/doctor", &[Method::GET, Method::POST]),
    ("/v1/config", &[Method::GET, Method::PUT]),
    ("/v1/config/preview", &[Method::POST]),
    ("/v1/config/edit", &[Method::POST]),
    ("/v1/discover", &[Method::POST]),
    ("/v1/sign-in", &[Method::POST]),
    ("/v1/sign-in/callback", &[Method::POST]),
    ("/v1/sign-out", &[Method::POST]),
    ("/v1/purge", &[Method::POST]),
    ("/v1/runs", &[Method::POST]),
    ("/v1/containers", &[Method::GET, Method::POST]),
    ("/v1/run-events", &[Method::POST]),
    ("/v1/run-outlook", &[Method::POST]),
    ("/v1/store/unlock", &[Method::POST]),
    ("/v1/store/use", &[Method::POST]),
    ("/v1/agent/pause", &[Method::POST]),
    ("/v1/agent/resume", &[Method::POST]),
    ("/v1/agent/stop", &[Method::POST]),
    ("/v1/agent/login-item", &[Method::GET, Method::PUT]),
];

/// What a run's capability opens: tokens, what is needed to ask for them, and the word of what ran.
const FOR_RUNS: &[&str] = &[
    "/v1/token",
    "/v1/airflow/connection",
    "/v1/status",
    "/v1/connections",
    "/v1/runs",
    "/v1/run-events",
];

/// 404 for a path we do not have, 405 for a method it does not take.
pub(super) fn wrong_way(method: &Method, path: &str) -> Option<StatusCode> {
    if runs::id(path).or_else(|| containers::id(path)).is_some() {
        return (method != Method::DELETE).then_some(StatusCode::METHOD_NOT_ALLOWED);
    }
    match ROUTES.iter().find(|(known, _)| *known == path) {
        None => Some(StatusCode::NOT_FOUND),
        Some((_, methods)) if methods.contains(method) => None,
        Some(_) => Some(StatusCode::METHOD_NOT_ALLOWED),
    }
}

pub(super) async fn route(api: &Arc<Api>, asked: Asked) -> Reply {
    if !opens(asked.caller.capability.as_deref(), &asked.path) {
        return reply::refusal(&Refusal::new(
            ErrorCode::AccessDenied,
            "this capability does not open this route",
        ));
    }
    let answered = match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/v1/token") => tokens::token(api, &asked).await,
        ("POST", "/v1/airflow/connection") => tokens::connection(api, &asked).await,
        ("POST", "/v1/airflow/roles") => roles::roles(api, &asked).await,
        ("GET", "/v1/airflow/connections") => Ok(reply::json(&connections(api))),
        ("POST", "/v1/try") => try_it::try_it(api, &asked).await,
        ("GET", "/v1/events") => Ok(events::follow(api, asked.caller)),
        ("GET", "/v1/activity") => activity::activity(api, &asked).await,
        ("GET", "/v1/status") => Ok(reply::json(&status::status(api, &asked.caller).await)),
        ("GET", "/v1/connections") => Ok(reply::json(&connection_ids(api, &asked.caller))),
        ("GET" | "POST", "/v1/doctor") => findings(api, &asked).await,
        ("GET", "/v1/config") => Ok(reply::json(&api.config.reply())),
        ("PUT", "/v1/config") => config::put(api, &asked),
        ("POST", "/v1/config/edit") => config::edit(api, &asked),
        ("POST", "/v1/config/preview") => preview::preview(api, &asked).await,
        ("POST", "/v1/discover") => discover(api, &asked).await,
        ("POST", "/v1/sign-in") => sign_in::start(api, &asked),
        ("POST", "/v1/sign-in/callback") => sign_in::pasted(api, &asked).await,
        ("POST", "/v1/sign-out") => sign_in::sign_out(api, &asked).await,
        ("POST", "/v1/purge") => purge::purge(api, &asked).await,
        ("POST", "/v1/runs") => runs::grant(api, &asked),
        ("POST", "/v1/run-events") => run_events::tell(api, &asked),
        ("POST", "/v1/run-outlook") => run_events::outlook(api, &asked).await,
        ("GET", "/v1/containers") => Ok(containers::list(api)),
        ("POST", "/v1/containers") => containers::up(api, &asked).await,
        ("DELETE", path) if runs::id(path).is_some() => runs::end(api, path),
        ("DELETE", _) => containers::down(api, &asked).await,
        ("POST", "/v1/store/unlock") => unlock(api, &asked).await,
        ("POST", "/v1/store/use") => store_use::change(api, &asked).await,
        ("POST", "/v1/agent/pause") => Ok(pause(api, true)),
        ("POST", "/v1/agent/resume") => Ok(pause(api, false)),
        ("POST", "/v1/agent/stop") => Ok(stop(api)),
        ("GET", "/v1/agent/login-item") => login_item::look().await,
        ("PUT", "/v1/agent/login-item") => login_item::set(&asked).await,
        _ => Ok(reply::bare(StatusCode::NOT_FOUND)),
    };
    answered.unwrap_or_else(|refusal| reply::refusal(&refusal))
}

/// What was made for less than everything opens less. A container gets no run of its own: that one's
/// capability would be good at the other doors.
fn opens(capability: Option<&str>, path: &str) -> bool {
    match capability {
        Some(id) if runs::is_run(id) => runs::id(path).is_some() || FOR_RUNS.contains(&path),
        Some(id) if containers::is_holder(id) => path != "/v1/runs" && FOR_RUNS.contains(&path),
        Some(_) | None => true,
    }
}

fn connection_ids(api: &Api, caller: &Caller) -> ConnectionIds {
    let narrowing = caller.narrowed_to.clone().unwrap_or_default();
    let mut connections = api.config.current().connection_ids();
    connections.retain(|id| narrowing.covers_connection(Some(id)));
    ConnectionIds { version: 1, connections }
}

fn connections(api: &Api) -> ConnectionList {
    ConnectionList { connections: api.config.current().connections_shown() }
}

async fn findings(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let shell = if asked.method == Method::POST {
        let ask: DoctorAsk = asked.parse()?;
        Some(Proxies::read(|name| ask.proxies.get(name).cloned()))
    } else {
        None
    };
    let (config, problems) = (api.config.current(), api.config.problems());
    let own = Proxies::read(|name| std::env::var(name).ok());
    let scene = doctor::Scene {
        config_path: api.config.path(),
        config: &config,
        config_problems: &problems,
        issuer: api.ping.as_ref(),
        store: api.store.as_ref(),
        store_health: &api.store.health(),
        callbacks: api.sign_in.callbacks.as_ref(),
        socket: &api.about.socket,
        tcp_port: Some(api.about.tcp_port),
        own_proxies: &own,
        shell_proxies: shell.as_ref(),
        containers: &api.containers.shown(),
        deployments: &drift::Look { api, asked },
    };
    Ok(reply::json(&doctor::examine(&scene).await))
}

async fn discover(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let mut ask: DiscoverAsk = asked.parse()?;
    let network = api.config.current().network.clone();
    let ca_file = network.ca_file.map(|path| path.display().to_string());
    ask.ca_file = ask.ca_file.or(ca_file);
    ask.proxy = ask.proxy.or(network.proxy);
    let found = api.ping.discover(&ask).await;
    Ok(reply::json(&found.map_err(|failure| refusals::discovery(&ask.url, &failure))?))
}

#[derive(serde::Deserialize)]
struct Unlock {
    passphrase: zeroize::Zeroizing<String>,
}

async fn unlock(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let unlock: Unlock = asked.parse()?;
    api.store.unlock(Secret::new(unlock.passphrase.to_string())).await.map_err(|failure| {
        Refusal::new(ErrorCode::KeychainLocked, "the store was not unlocked")
            .because(failure.to_string())
    })?;
    api.broker.reconsider_store();
    api.changed();
    Ok(reply::json(&status::status(api, &asked.caller).await))
}

fn pause(api: &Api, paused: bool) -> Reply {
    api.paused.store(paused, Ordering::Relaxed);
    api.changed();
    reply::json(&serde_json::json!({ "paused": paused }))
}

fn stop(api: &Api) -> Reply {
    api.stop.notify_one();
    reply::json(&serde_json::json!({ "stopping": true }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_yields_a_token_is_post_only_and_an_unknown_path_is_404() {
        let not_allowed = Some(StatusCode::METHOD_NOT_ALLOWED);
        for (method, path, expected) in [
            (Method::GET, "/v1/token", not_allowed),
            (Method::PUT, "/v1/token", not_allowed),
            (Method::POST, "/v1/token", None),
            (Method::POST, "/v1/status", not_allowed),
            (Method::GET, "/v1/status", None),
            (Method::GET, "/v1/try", not_allowed),
            (Method::POST, "/v1/try", None),
            (Method::POST, "/v1/events", not_allowed),
            (Method::GET, "/v1/config/edit", not_allowed),
            (Method::PUT, "/v1/agent/login-item", None),
            (Method::DELETE, "/v1/runs/run-1", None),
            (Method::GET, "/v1/runs/run-1", not_allowed),
            (Method::DELETE, "/v1/containers/etl-0a1b2c3d", None),
            (Method::GET, "/v1/containers/etl-0a1b2c3d", not_allowed),
            (Method::GET, "/", Some(StatusCode::NOT_FOUND)),
            (Method::GET, "/v1/token/", Some(StatusCode::NOT_FOUND)),
            (Method::GET, "/v2/token", Some(StatusCode::NOT_FOUND)),
        ] {
            assert_eq!(wrong_way(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_container_opens_less_than_a_run_and_a_run_less_than_the_owner() {
        for (path, owner, run, container) in [
            ("/v1/token", true, true, true),
            ("/v1/airflow/connection", true, true, true),
            ("/v1/runs", true, true, false),
            ("/v1/runs/run-1", true, true, false),
            ("/v1/containers", true, false, false),
            ("/v1/containers/etl-0a1b2c3d", true, false, false),
            ("/v1/config", true, false, false),
            ("/v1/store/use", true, false, false),
            ("/v1/sign-in", true, false, false),
            ("/v1/try", true, false, false),
            ("/v1/events", true, false, false),
            ("/v1/activity", true, false, false),
            ("/v1/airflow/connections", true, false, false),
            ("/v1/config/edit", true, false, false),
            ("/v1/agent/login-item", true, false, false),
            ("/v1/agent/stop", true, false, false),
        ] {
            assert_eq!(opens(None, path), owner, "{path}");
            assert_eq!(opens(Some("endpoint"), path), owner, "{path}");
            assert_eq!(opens(Some("run-1"), path), run, "{path}");
            for capability in ["container-etl-0a1b2c3d", "ssh-box-0a1b2c3d"] {
                assert_eq!(opens(Some(capability), path), container, "{capability} {path}");
            }
        }
    }
}
