//! Which handler answers, and what its doing is called where it is judged. Decides nothing itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use dagpass_client::wire::{ConnectionIds, ConnectionList, DiscoverAsk, DoctorAsk};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::{self, Action, Permit, Resource, Weight};
use dagpass_core::principal::Principal;
use dagpass_core::refusals;
use dagpass_core::request::Caller;
use dagpass_core::token::Secret;
use dagpass_tray::Host;

use super::reply::{self, Reply};
use super::{
    Api, Asked, activity, approvals, clients, config, containers, drift, events, evidence, lanes,
    leaks, leases, login_item, pasted, patience, policy as policy_routes, preview, proxied, prune,
    purge, relay, roles, run_events, runs, ship, sign_in, sign_out, status, store_use, tokens,
    try_it,
};
use crate::config::Config;
use crate::doctor;
use crate::outgoing_proxy::Proxies;
use crate::reauth;
use crate::tray;

/// One way in, and what it is called where it is judged.
struct Row {
    method: Method,
    path: &'static str,
    action: Action,
}

const fn row(method: Method, path: &'static str, action: Action) -> Row {
    Row { method, path, action }
}

const ROUTES: &[Row] = &[
    row(Method::POST, "/v1/token", Action::Token),
    row(Method::POST, "/v1/airflow/connection", Action::Connection),
    row(Method::POST, "/v1/airflow/roles", Action::Roles),
    row(Method::GET, "/v1/airflow/connections", Action::ShowConnections),
    row(Method::POST, "/v1/try", Action::Try),
    row(Method::GET, "/v1/status", Action::ShowStatus),
    row(Method::GET, "/v1/events", Action::FollowEvents),
    row(Method::GET, "/v1/activity", Action::ShowActivity),
    row(Method::GET, "/v1/connections", Action::ShowConnectionIds),
    row(Method::GET, "/v1/doctor", Action::Examine),
    row(Method::POST, "/v1/doctor", Action::Examine),
    row(Method::GET, "/v1/config", Action::ShowConfig),
    row(Method::PUT, "/v1/config", Action::WriteConfig),
    row(Method::POST, "/v1/config/edit", Action::WriteConfig),
    row(Method::POST, "/v1/config/preview", Action::PreviewConfig),
    row(Method::POST, "/v1/discover", Action::Discover),
    row(Method::POST, "/v1/sign-in", Action::SignIn),
    row(Method::POST, "/v1/sign-in/callback", Action::FinishSignIn),
    row(Method::POST, "/v1/sign-out", Action::SignOut),
    row(Method::POST, "/v1/purge", Action::Purge),
    row(Method::POST, "/v1/runs", Action::BeginRun),
    row(Method::DELETE, "/v1/runs/{id}", Action::EndRun),
    row(Method::POST, "/v1/run-events", Action::TellOfRun),
    row(Method::POST, "/v1/run-outlook", Action::AskOutlook),
    row(Method::GET, "/v1/containers", Action::ShowDoors),
    row(Method::POST, "/v1/containers", Action::OpenDoor),
    row(Method::DELETE, "/v1/containers/{id}", Action::CloseDoor),
    row(Method::POST, "/v1/relay", Action::BeginRelay),
    row(Method::GET, "/v1/clients", Action::ShowClients),
    row(Method::PUT, "/v1/clients", Action::ChangeClient),
    row(Method::POST, "/v1/store/unlock", Action::Unlock),
    row(Method::POST, "/v1/store/use", Action::UseStore),
    row(Method::POST, "/v1/agent/pause", Action::Pause),
    row(Method::POST, "/v1/agent/resume", Action::Resume),
    row(Method::POST, "/v1/agent/stop", Action::Stop),
    row(Method::GET, "/v1/agent/login-item", Action::ShowLoginItem),
    row(Method::PUT, "/v1/agent/login-item", Action::SetLoginItem),
    row(Method::POST, "/v1/audit/evidence", Action::MakeEvidence),
    row(Method::GET, "/v1/approvals", Action::ShowApprovals),
    row(Method::POST, "/v1/approvals/{id}", Action::Approve),
    row(Method::DELETE, "/v1/approvals/{id}", Action::RevokeApproval),
    row(Method::GET, "/v1/leases", Action::ShowLeases),
    row(Method::POST, "/v1/leases/revoke", Action::RevokeLease),
    row(Method::GET, "/v1/policy", Action::ShowPolicy),
    row(Method::POST, "/v1/policy/break-glass", Action::BreakGlass),
    row(Method::POST, "/v1/policy/check", Action::ShowPolicy),
    row(Method::POST, "/v1/policy/why", Action::ShowPolicy),
    row(Method::POST, "/v1/policy/simulate", Action::ShowPolicy),
    row(Method::GET, "/v1/policy/lint", Action::ShowPolicy),
    row(Method::GET, "/v1/audit/prune", Action::Examine),
    row(Method::POST, "/v1/audit/prune", Action::PruneLedger),
    row(Method::GET, "/v1/audit/ship", Action::Examine),
    row(Method::POST, "/v1/audit/ship", Action::Examine),
    row(Method::POST, "/v1/leaks", Action::TellOfLeak),
    row(Method::POST, "/v1/proxy", Action::EnterProxy),
    row(Method::GET, "/v1/proxy", Action::ShowProxy),
];

/// What is asked for; 404 for a path we do not have, 405 for a method it does not take.
pub(super) fn action(method: &Method, path: &str) -> Result<Action, StatusCode> {
    let pattern = match path {
        _ if runs::id(path).is_some() => "/v1/runs/{id}",
        _ if containers::id(path).is_some() => "/v1/containers/{id}",
        _ if approvals::id(path).is_some() => "/v1/approvals/{id}",
        path => path,
    };
    // The pattern is a path like any other, and names no run.
    let mut here =
        ROUTES.iter().filter(|row| row.path == pattern && !path.contains('{')).peekable();
    if here.peek().is_none() {
        return Err(StatusCode::NOT_FOUND);
    }
    let found = here.find(|row| row.method == *method);
    found.map(|row| row.action).ok_or(StatusCode::METHOD_NOT_ALLOWED)
}

/// Judges, does and answers. What is judged by the names in the request is judged again by its handler,
/// which alone knows them.
pub(super) async fn route(api: &Arc<Api>, asked: Asked, action: Action) -> Reply {
    let admitted = begin(api, action).and_then(|()| admit(api, &asked.principal, action));
    let permitted = admitted.is_ok();
    let answered = match admitted {
        Ok(()) => patience::kept(api, &asked, action, answer(api, &asked, action)).await,
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| {
        let told = match action.weight() {
            Weight::Deed => !permitted,
            Weight::Named => asked.judged.load(Ordering::Relaxed) || !permitted,
            Weight::Look => true,
        };
        if !told {
            not_done(api, asked.caller(), action, &refusal);
        }
        reply::refusal(&refusal)
    })
}

/// An agent that was told to end begins nothing; what was begun is answered.
fn begin(api: &Api, action: Action) -> Result<(), Refusal> {
    if !api.is_ending() || action.weight() == Weight::Look || action == Action::Stop {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::TemporarilyUnavailable, "the agent is ending")
        .hint("try again in a moment: the next command starts another"))
}

fn admit(api: &Api, principal: &Principal, action: Action) -> Result<(), Refusal> {
    if action.weight() == Weight::Named && principal.may(action) {
        return Ok(());
    }
    api.broker.permit(principal, action, Resource::default()).map(Permit::spend).map(drop)
}

/// It was permitted as far as it was judged, and came to nothing: that is on the record too.
fn not_done(api: &Api, caller: &Caller, action: Action, refusal: &Refusal) {
    let mut record = Record::new(Event::Decision, Outcome::Failed, caller);
    record.action = Some(action);
    record.error = Some(refusal.code.as_str());
    record.reason = refusal.cause.as_deref();
    if let Err(failure) = api.witness.record(&record) {
        tracing::error!(%failure, "what failed is not on the record");
    }
}

async fn answer(api: &Arc<Api>, asked: &Asked, action: Action) -> Result<Reply, Refusal> {
    match action {
        Action::Token => tokens::token(api, asked).await,
        Action::Connection => tokens::connection(api, asked).await,
        Action::Roles => roles::roles(api, asked).await,
        Action::ShowConnections => Ok(reply::json(&connections(api))),
        Action::Try => try_it::try_it(api, asked).await,
        Action::FollowEvents => events::follow(api, asked.principal.clone()),
        Action::ShowActivity => activity::activity(api, asked).await,
        Action::ShowStatus => Ok(reply::json(&status::status(api, &asked.principal).await)),
        Action::ShowConnectionIds => {
            Ok(reply::json(&connection_ids(&api.config.current(), &asked.principal)))
        }
        Action::Examine if asked.path == prune::PATH => prune::plan(api, asked).await,
        Action::PruneLedger => prune::prune(api, asked).await,
        Action::Examine if asked.path == ship::PATH => ship::answer(api, asked).await,
        Action::Examine => findings(api, asked).await,
        Action::ShowConfig => Ok(reply::json(&api.config.reply())),
        Action::WriteConfig if asked.method == Method::PUT => config::put(api, asked),
        Action::WriteConfig => config::edit(api, asked),
        Action::PreviewConfig => preview::preview(api, asked).await,
        Action::Discover => discover(api, asked).await,
        Action::SignIn => sign_in::start(api, asked),
        Action::FinishSignIn => pasted::pasted(api, asked).await,
        Action::SignOut => sign_out::sign_out(api, asked).await,
        Action::Purge => purge::purge(api, asked).await,
        Action::BeginRun => runs::grant(api, asked),
        Action::EndRun => runs::end(api, asked),
        Action::TellOfRun => run_events::tell(api, asked),
        Action::AskOutlook => run_events::outlook(api, asked).await,
        Action::ShowDoors => Ok(containers::list(api)),
        Action::OpenDoor => containers::up(api, asked).await,
        Action::CloseDoor => containers::down(api, asked).await,
        Action::BeginRelay => relay::begin(api, asked),
        Action::ShowClients => Ok(clients::list(api).await),
        Action::ChangeClient => clients::change(api, asked).await,
        Action::Unlock => unlock(api, asked).await,
        Action::UseStore => store_use::change(api, asked).await,
        Action::Pause => Ok(pause(api, true)),
        Action::Resume => Ok(pause(api, false)),
        Action::Stop => Ok(stop(api)),
        Action::ShowLoginItem => login_item::look().await,
        Action::SetLoginItem => login_item::set(asked).await,
        Action::MakeEvidence => evidence::sign(api, asked).await,
        Action::ShowApprovals => Ok(approvals::list(api, asked)),
        Action::Approve => approvals::answer(api, asked).await,
        Action::RevokeApproval => approvals::revoke(api, asked),
        Action::ShowLeases => Ok(leases::list(api, asked)),
        Action::RevokeLease => leases::revoke(api, asked),
        Action::ShowPolicy => policy_routes::answer(api, asked).await,
        Action::BreakGlass => policy_routes::break_glass(api, asked),
        Action::TellOfLeak => leaks::tell(api, asked),
        Action::EnterProxy => proxied::enter(api, asked),
        Action::ShowProxy => Ok(proxied::list(api)),
        // By the doors of the upstreams alone.
        Action::Proxy => Err(Refusal::new(ErrorCode::NotFound, "there is no such way")),
    }
}

pub(super) fn connection_ids(config: &Config, principal: &Principal) -> ConnectionIds {
    let mut connections = config.connection_ids();
    connections.retain(|id| config.resources(id).any(|one| sees(principal, &one)));
    ConnectionIds { version: 1, connections }
}

fn sees(principal: &Principal, resource: &Resource<'_>) -> bool {
    policy::sees(principal, Action::ShowConnectionIds, resource)
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
    let own = Proxies::of_this_process();
    let status = status::status(api, &asked.principal).await;
    let unseen = unseen(api).await;
    let (health, unsealed) = (api.ledger.health(), api.sealer.trouble());
    let (unpruned, missing) = (api.pruning.kept(), api.sealer.missing());
    let ledger = doctor::Ledger {
        path: api.ledger.path(),
        trouble: health.trouble.as_deref(),
        lost: health.lost.as_deref(),
        missing: missing.as_deref(),
        unsealed: unsealed.as_deref(),
        unpruned: unpruned.as_deref(),
    };
    let witnesses: Vec<doctor::Witness> = api
        .cosigning
        .standing()
        .into_iter()
        .map(|one| {
            let now = api.clock.now();
            let behind = one.why.map(|why| {
                (why, one.since.map_or_else(Duration::default, |since| since.until(now)))
            });
            doctor::Witness {
                name: one.name,
                cosigned: one.cosigned,
                pending: one.pending,
                behind,
                forked: one.forked,
            }
        })
        .collect();
    let judged_by = api.policy.shown();
    let policy = doctor::Policy {
        state: judged_by.state,
        digest: judged_by.digest.as_deref(),
        problems: &judged_by.problems,
    };
    let shipping = api.shipping.status().await;
    let (tells, unread, unwritten) = (api.tells(), api.unread_logouts(), api.unwritten());
    let scene = doctor::Scene {
        config_path: api.config.path(),
        config: &config,
        config_problems: &problems,
        above: &api.config.above(),
        issuer: api.ping.as_ref(),
        store: api.store.as_ref(),
        store_health: &api.store.health(),
        sessions: &status.profiles,
        paused: status.agent.paused,
        shielded: crate::system::shielded(),
        unkept: dagpass_core::locked::unkept(),
        tells: tells.as_ref(),
        unread_logouts: unread.as_deref(),
        unseen: unseen.as_deref(),
        unwritten: unwritten.as_deref(),
        found: &leaks::still_good(api),
        callbacks: api.sign_in.callbacks.as_ref(),
        socket: &api.about.socket,
        tcp_port: Some(api.about.tcp_port),
        own_proxies: &own,
        shell_proxies: shell.as_ref(),
        policy,
        ledger,
        witnesses: &witnesses,
        shipping: &shipping,
        lanes: (&lanes::all(api), api.clock.now().as_secs()),
        containers: &api.containers.shown(),
        re_authenticates: reauth::able().await,
        deployments: &drift::Look { api, asked },
    };
    Ok(reply::json(&doctor::examine(&scene).await))
}

/// How long may the desktop take to say whether it shows icons?
const DESKTOP: Duration = Duration::from_secs(2);

/// What would have somebody see the icon, where nobody does.
async fn unseen(api: &Api) -> Option<String> {
    let icon = api.about.icon.clone();
    let looked = timeout(DESKTOP, spawn_blocking(move || icon.look())).await;
    matches!(looked, Ok(Ok(Host::Absent))).then(|| tray::remedy(Path::exists))
}

async fn discover(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let mut ask: DiscoverAsk = asked.parse()?;
    let config = api.config.current();
    let network = config.network.clone();
    let ca_file = network.ca_file.map(|path| path.display().to_string());
    ask.ca_file = ask.ca_file.or(ca_file);
    ask.proxy = ask.proxy.or(network.proxy);
    let found = api.ping.discover(&ask).await;
    let mut found = found.map_err(|failure| refusals::discovery(&ask.url, &failure))?;
    found.own_callback &= config.has_callback_elsewhere(&found.issuer);
    Ok(reply::json(&found))
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
    Ok(reply::json(&status::status(api, &asked.principal).await))
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
mod tests;
