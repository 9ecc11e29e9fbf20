//! `GET /v1/status`: what is held, in words a person and a tray can read.

use std::time::Duration;

use dagpass_client::wire::{
    AgentStatus, HorizonReply, Horizons, OwedRevocation, ProfileStatus, Status, Who,
};
use dagpass_core::broker::SessionView;
use dagpass_core::policy::{self, Action, Resource};
use dagpass_core::ports::StoreFailure;
use dagpass_core::principal::Principal;
use dagpass_core::request::SessionKey;
use dagpass_core::session::{
    ClientSession, Horizon, HorizonSource, ProofOfClient, Safety, SessionState, StoredSession,
    TroubleKind,
};
use dagpass_core::token::{ExpirySource, Identity, IdentitySource};
use tokio::time::{Instant, timeout_at};

use super::{Api, approvals, auto_logout, deployments, lanes};
use crate::config::{AirflowConfig, Condition, Config};
use crate::tray;

/// As much of it as the caller may ask for.
pub(super) async fn status(api: &Api, principal: &Principal) -> Status {
    let shown = Shown { config: &api.config.current(), principal };
    let mut views = api.broker.sessions();
    views.retain(|view| shown.session(&view.key));
    let profiles = loaded(api, views).await.iter().map(|view| profile(api, view)).collect();
    let health = api.store.health();
    let config = shown.config;
    // What stands in the files of the agent is for those who may read them.
    let whole = principal.may(Action::ShowConfig);
    let (config_state, config_error) = condition(api);
    let managed = config.managed.as_ref().filter(|_| whole);
    let policy = api.policy.shown();
    let broken = api.policy.engine.broken(api.clock.now());
    Status {
        agent: AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: api.about.started_at.as_secs(),
            socket: api.about.socket.clone(),
            tcp_port: api.about.tcp_port,
            paused: api.is_paused(),
            store: health.kind.to_owned(),
            store_state: health.state.as_str().to_owned(),
            store_detail: health.detail.filter(|_| whole),
            config_path: api.config.path().display().to_string(),
            config_state: config_state.to_owned(),
            config_error: config_error.filter(|_| whole),
            managed_config: managed.as_ref().map(|managed| managed.path.display().to_string()),
            locked: managed.map(|managed| managed.locked.clone()).unwrap_or_default(),
            default_profile: config.default_profile.as_ref().map(ToString::to_string),
            ledger_error: api.ledger.health().trouble.filter(|_| whole),
            ledger_missing: api.sealer.missing().filter(|_| whole),
            ledger_forked: api.cosigning.forked().filter(|_| whole),
            witness_error: api.cosigning.trouble().filter(|_| whole),
            policy_state: broken.as_ref().map_or(policy.state, |_| "switched_off").to_owned(),
            policy_error: match broken {
                Some(glass) => Some(glass.to_string()),
                None => policy.problems.first().map(ToString::to_string),
            }
            .filter(|_| whole),
            logout_error: api.untold().filter(|_| whole),
            logout_unwritten: api.unwritten().filter(|_| whole),
            icon: tray::word(api.about.icon.last()).to_owned(),
            started_by_login: api.about.started_by_login,
        },
        profiles,
        deployments: deployments::status(api, |airflow| shown.deployment(airflow)),
        revocations: owed(api, |key| shown.session(key)).await,
        containers: match principal.may(Action::ShowDoors) {
            true => api.containers.shown(),
            false => Vec::new(),
        },
        lanes: lanes::status(api, principal),
        approvals: approvals::questions(api, principal),
    }
}

/// What of it this caller sees.
pub(super) struct Shown<'a> {
    pub(super) config: &'a Config,
    pub(super) principal: &'a Principal,
}

impl Shown<'_> {
    /// By itself, or by a connection that rests on it.
    pub(super) fn session(&self, key: &SessionKey) -> bool {
        let whole =
            Resource { profile: Some(&key.profile), session: Some(key), ..Resource::default() };
        let mut resting = self.config.resting_on(key);
        self.sees(&whole) || resting.any(|resource| self.sees(&resource))
    }

    fn deployment(&self, airflow: &AirflowConfig) -> bool {
        self.sees(&Resource {
            profile: Some(&airflow.profile),
            deployment: Some(&airflow.deployment.name),
            ..Resource::default()
        })
    }

    fn sees(&self, resource: &Resource<'_>) -> bool {
        policy::sees(self.principal, Action::ShowStatus, resource)
    }
}

/// Of the config's file, in the wire's word, and what is wrong with it.
fn condition(api: &Api) -> (&'static str, Option<String>) {
    match &api.config.current().condition {
        Condition::InForce => ("in_force", None),
        Condition::Absent { .. } => ("absent", None),
        Condition::Wrong { problem, .. } => {
            let state = if api.config.is_known() { "outdated" } else { "wrong" };
            (state, Some(problem.to_string()))
        }
    }
}

/// How long are sessions read that were not read yet? One is read when what may rewrite it has landed,
/// and whoever follows the status is told of the others meanwhile.
const LOADING: Duration = Duration::from_secs(6);

/// Reads those that were not read yet: all at once, because each may wait for a keychain.
async fn loaded(api: &Api, views: Vec<SessionView>) -> Vec<SessionView> {
    let mut reading = tokio::task::JoinSet::new();
    let is_unread = |view: &&SessionView| match &view.state {
        SessionState::Unloaded => true,
        SessionState::Client(client) => client.proof == ProofOfClient::Unasked,
        _ => false,
    };
    for view in views.iter().filter(is_unread) {
        let (broker, key) = (api.broker.clone(), view.key.clone());
        reading.spawn(async move { broker.load_session(&key).await });
    }
    let until = Instant::now() + LOADING;
    while let Ok(Some(read)) = timeout_at(until, reading.join_next()).await {
        if let Ok(Err(refusal)) = read {
            tracing::debug!(%refusal, "session not loaded");
        }
    }
    let now = |view: SessionView| api.broker.session(&view.key).unwrap_or(view);
    views.into_iter().map(now).collect()
}

async fn owed(api: &Api, shown: impl Fn(&SessionKey) -> bool) -> Vec<OwedRevocation> {
    let known = api.broker.owed_revocations().await.unwrap_or_else(|failure| {
        tracing::warn!(%failure, "owed revocations not read");
        Vec::new()
    });
    let reply = |one: &dagpass_core::owed::OwedRevocation| OwedRevocation {
        profile: one.session.account(),
        since: one.since.as_secs(),
        attempts: one.attempts,
        retry_at: one.retry_at.as_secs(),
        forget_at: one.forget_at().as_secs(),
    };
    let covered = known.iter().filter(|one| shown(&one.session));
    covered.map(reply).collect()
}

pub(super) fn profile(api: &Api, view: &SessionView) -> ProfileStatus {
    // What goes on for runs in flight is nobody's sign-in any more.
    let stored = view.state.stored().filter(|_| view.wind_up.is_none());
    let coming = stored.and_then(|stored| api.due(view, stored));
    let coming = coming.filter(|due| due.is_told(api.clock.now())).map(auto_logout::coming);
    let kind = view.profile.kind;
    let (mut state, reason) = match (&view.wind_up, state(&view.state)) {
        // Nobody signs in anew: another secret takes its place.
        (_, ("login_required", reason)) if !kind.signs_in() => ("no_credential", reason),
        (Some(_), _) => ("signed_out", None),
        (None, (state, None)) => (state, coming.as_ref().map(|coming| coming.text.clone())),
        (None, known) => known,
    };
    let gone = view.out.filter(|_| state == "signed_out");
    let reason = gone.map(|out| auto_logout::gone(out, view.wind_up.as_ref())).or(reason);
    if kind.signs_in() && api.sign_ins.under_way(&view.profile.issuer) && stored.is_none() {
        state = "signing_in";
    }
    ProfileStatus {
        name: view.key.account(),
        kind: if kind.signs_in() { String::new() } else { kind.as_str().to_owned() },
        connection: view.key.connection.clone(),
        login: if kind.signs_in() { view.key.login() } else { view.profile.mend() },
        issuer: view.profile.issuer.as_str().to_owned(),
        client_id: view.profile.client_id.clone(),
        state: state.to_owned(),
        reason,
        who: stored.and_then(|stored| stored.identity.as_ref()).map(who),
        scopes: stored
            .map_or(&view.profile.scopes, |stored| &stored.granted)
            .iter()
            .map(str::to_owned)
            .collect(),
        signed_in_at: stored.map(|stored| stored.signed_in_at.as_secs()),
        horizons: horizons(api, view, stored),
        logout: coming,
    }
}

fn state(state: &SessionState) -> (&'static str, Option<String>) {
    match state {
        SessionState::Unloaded => {
            ("offline", Some("it is read once Ping has answered what it was asked".to_owned()))
        }
        SessionState::SignedOut => ("signed_out", None),
        SessionState::Unreadable(StoreFailure::Locked(detail)) => {
            ("keychain_locked", Some(detail.clone()))
        }
        SessionState::Unreadable(failure @ StoreFailure::PassphraseNeeded(_)) => {
            ("keychain_locked", Some(failure.to_string()))
        }
        SessionState::Unreadable(failure @ StoreFailure::Corrupt(_)) => {
            ("login_required", Some(failure.to_string()))
        }
        SessionState::Unreadable(failure) => ("keychain_unavailable", Some(failure.to_string())),
        SessionState::Ended { why, .. } => ("login_required", Some(why.sentence())),
        SessionState::Client(client) => of_client(client),
        SessionState::Fixed(_) => (
            "signed_in",
            Some("this client gets no refresh token: the session ends with its token".to_owned()),
        ),
        SessionState::Active(active) => match (&active.trouble, active.safety) {
            (Some(trouble), _) if trouble.kind == TroubleKind::Offline => {
                ("offline", Some(trouble.cause.text.clone()))
            }
            (Some(trouble), _) => ("misconfigured", Some(trouble.cause.text.clone())),
            (None, Safety::Kept) => ("signed_in", None),
            (None, Safety::Fallback) => (
                "degraded",
                Some("the keychain would not take the newest refresh token; it is in the encrypted file".to_owned()),
            ),
            (None, Safety::MemoryOnly) => (
                "degraded",
                Some("the newest refresh token is in memory alone; a crash now would lose it".to_owned()),
            ),
        },
    }
}

/// Nobody signs in to it: whether it can be served, and why not.
fn of_client(client: &ClientSession) -> (&'static str, Option<String>) {
    if client.proof == ProofOfClient::Missing {
        let id = &client.stored.client_id;
        return ("no_credential", Some(format!("nothing here proves the client `{id}`")));
    }
    let because = client.trouble.as_ref().map(|trouble| trouble.cause.text.clone());
    match client.trouble.as_ref().map(|trouble| trouble.kind) {
        None => ("ready", None),
        Some(TroubleKind::Offline) => ("offline", because),
        Some(TroubleKind::Misconfigured) => ("refused", because),
        Some(TroubleKind::Unusable) => ("misconfigured", because),
    }
}

fn who(identity: &Identity) -> Who {
    Who {
        iss: identity.subject.iss.clone(),
        sub: identity.subject.sub.clone(),
        name: identity.name.clone(),
        email: identity.email.clone(),
        groups: identity.group_names(),
        source: source(identity.source).to_owned(),
        auth_time: identity.auth_time.map(|at| at.as_secs()),
    }
}

/// Where we know it from.
pub(super) fn source(source: IdentitySource) -> &'static str {
    match source {
        IdentitySource::IdToken => "id_token",
        IdentitySource::Userinfo => "userinfo",
        IdentitySource::AccessTokenClaims => "access_token_claims",
        IdentitySource::Client => "client",
    }
}

fn horizons(api: &Api, view: &SessionView, stored: Option<&StoredSession>) -> Horizons {
    let none = || HorizonReply { at: None, source: "none".to_owned() };
    // A client has no end but its tokens'.
    let stored = stored.filter(|_| view.profile.kind.signs_in());
    let learned = api.task_runs.learned(&view.key, &view.profile);
    Horizons {
        access_token: view.token.as_ref().map_or_else(none, |token| HorizonReply {
            at: Some(token.expires_at.as_secs()),
            source: match token.expiry_source {
                ExpirySource::ExpiresIn => "expires_in",
                ExpirySource::ExpClaim => "exp claim",
                ExpirySource::Assumed => "assumed",
            }
            .to_owned(),
        }),
        refresh_token: stored.map_or_else(none, |stored| {
            reply(stored.refresh_horizon(view.profile.refresh_lifetime))
        }),
        session: stored.map_or_else(none, |stored| {
            reply(stored.session_horizon(view.profile.session_lifetime, learned))
        }),
    }
}

fn reply(horizon: Horizon) -> HorizonReply {
    HorizonReply {
        at: horizon.at.map(|at| at.as_secs()),
        source: source_word(horizon.source).to_owned(),
    }
}

pub(super) const fn source_word(source: HorizonSource) -> &'static str {
    match source {
        HorizonSource::Server => "server",
        HorizonSource::Claim => "exp claim",
        HorizonSource::Profile => "profile",
        HorizonSource::Observed => "observed",
        HorizonSource::Unknown => "unknown",
    }
}
