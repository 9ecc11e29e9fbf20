//! `POST /v1/run-events` and `/v1/run-outlook`: what Airflow tells of its runs goes on the record
//! with the tokens that were served to it, and what past runs say of this one goes back.

use std::path::Path;
use std::sync::Arc;

use dagpass_client::wire::{OutlookAsk, OutlookReply, RunEventAsk, RunEventReply, Warning};
use dagpass_core::audit::{Event, Outcome, Record, RunNote};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::Principal;
use dagpass_core::request::{Caller, SessionKey};
use dagpass_core::runs::{Happening, Outlook, Past, RunEvent, RunKind, TaskKey};
use dagpass_core::session::{HorizonSource, SessionState};
use dagpass_core::time::{Timestamp, in_words};
use dagpass_core::token::{Identity, Person};

use super::reply::{self, Reply};
use super::status::{Shown, source_word};
use super::{Api, Asked, leaks};
use crate::task_runs::Taken;

/// How long may Airflow's word for a state be?
const LONGEST_STATE: usize = 32;

pub(super) fn tell(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: RunEventAsk = asked.parse()?;
    let event = event(&ask, api.clock.now())?;
    let Some(taken) = api.task_runs.take(&event, &asked.principal) else {
        return Ok(reply::json(&RunEventReply::default()));
    };
    api.broker.tie_leases(&asked.principal, &event.task, &taken.ties);
    tell_of_dropped(api, taken.dropped)?;
    record(api, &event, ask.state.as_deref(), (&taken, asked.caller()))?;
    let logs = ask.log_folder.as_deref().map(Path::new);
    leaks::after_task(api, (&event, logs), (&taken.ties, &asked.principal));
    let warnings =
        if taken.opens { warnings(api, &event.task.dag_id, &asked.principal) } else { vec![] };
    for warning in &warnings {
        tracing::warn!(dag_id = event.task.dag_id, warning.session, "{}", warning.text);
    }
    Ok(reply::json(&RunEventReply { recorded: true, warnings }))
}

fn event(ask: &RunEventAsk, now: Timestamp) -> Result<RunEvent, Refusal> {
    let unknown = |what: &str| {
        Refusal::new(ErrorCode::InvalidRequest, "the run event cannot be taken")
            .because(format!("there is no such `{what}`"))
    };
    let kind = match ask.kind.as_str() {
        "task" => RunKind::Task,
        "dag" => RunKind::Dag,
        _ => return Err(unknown("kind")),
    };
    let state = ask.state.as_deref().unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if state.len() > LONGEST_STATE || !state.chars().all(is_word) {
        return Err(unknown("state"));
    }
    let task_id = ask.task_id.clone().filter(|_| kind == RunKind::Task).unwrap_or_default();
    RunEvent {
        happening: Happening::parse(&ask.event).ok_or_else(|| unknown("event"))?,
        kind,
        task: TaskKey {
            dag_id: ask.dag_id.clone(),
            run_id: ask.run_id.clone(),
            task_id,
            map_index: ask.map_index.and_then(|index| u32::try_from(index).ok()),
        },
        try_number: ask.try_number,
        triggering_user: ask.triggering_user.clone().filter(|name| !name.is_empty()),
        at: if ask.at > 0 { Timestamp::from_secs(ask.at) } else { now },
        started_at: ask.started_at.map(Timestamp::from_secs),
    }
    .checked()
}

fn record(
    api: &Api,
    event: &RunEvent,
    state: Option<&str>,
    (taken, caller): (&Taken, &Caller),
) -> Result<(), Refusal> {
    let first = taken.ties.first();
    let person = first.map(|tie| tie.session.clone()).or_else(|| own_session(api));
    let person = person.and_then(|key| person_of(api, &key));
    let mut record = Record::new(Event::Run, Outcome::Ok, caller);
    record.person = person.as_ref();
    record.run = Some(RunNote {
        kind: event.kind,
        dag_id: &event.task.dag_id,
        run_id: &event.task.run_id,
        task_id: &event.task.task_id,
        map_index: event.task.map_index,
        try_number: event.try_number,
        state: state.filter(|word| !word.is_empty()).unwrap_or(event.happening.as_str()),
        triggering_user: event.triggering_user.as_deref(),
        signed_in_as: person.as_ref().map(name_of),
        tokens: &taken.ties,
    });
    put(api, &record)
}

/// One line for however many were dropped; also called by the clockwork, where no event follows.
pub(crate) fn tell_of_dropped(api: &Api, dropped: u64) -> Result<(), Refusal> {
    if dropped == 0 {
        return Ok(());
    }
    tracing::warn!(dropped, "run events come too fast: not recorded");
    let caller = Caller::default();
    let reason = format!("{dropped} run events came too fast and are not recorded");
    let mut record = Record::new(Event::Run, Outcome::Denied, &caller);
    record.reason = Some(&reason);
    put(api, &record)
}

fn put(api: &Api, record: &Record<'_>) -> Result<(), Refusal> {
    api.witness.record(record).map(drop).map_err(|failure| {
        Refusal::new(ErrorCode::NotRecorded, "the run event is not on the record")
            .because(failure.to_string())
    })
}

pub(super) async fn outlook(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: OutlookAsk = asked.parse()?;
    let config = api.config.current();
    for name in &ask.profiles {
        config.profile(Some(name))?;
    }
    let past = api.task_runs.past(&ask.dag_id);
    let mut warnings = Vec::new();
    if let Some((past, sessions)) = &past {
        let keys = meant(api, sessions, &ask.profiles);
        for key in &keys {
            api.broker.load_session(key).await?;
        }
        warnings = warnings_of(api, &ask.dag_id, past, &keys);
    }
    Ok(reply::json(&OutlookReply {
        dag_id: ask.dag_id,
        past_seconds: past.as_ref().map(|(past, _)| past.longest.as_secs()),
        past_runs: past.map_or(0, |(past, _)| past.runs),
        warnings,
    }))
}

/// Of those sessions alone that the caller is shown anyway.
fn warnings(api: &Api, dag_id: &str, principal: &Principal) -> Vec<Warning> {
    let covered = principal.narrowing.profiles.iter().flatten();
    let profiles: Vec<String> = covered.map(ToString::to_string).collect();
    let Some((past, sessions)) = api.task_runs.past(dag_id) else { return Vec::new() };
    let mut keys = meant(api, &sessions, &profiles);
    let shown = Shown { config: &api.config.current(), principal };
    keys.retain(|key| shown.session(key));
    warnings_of(api, dag_id, &past, &keys)
}

/// The sessions that past runs used; where none was seen, those the run is narrowed to, else the
/// default profile's.
fn meant(api: &Api, used: &[String], profiles: &[String]) -> Vec<SessionKey> {
    let wanted = |key: &SessionKey| {
        profiles.is_empty() || profiles.iter().any(|name| name == key.profile.as_str())
    };
    let all: Vec<SessionKey> = api.config.current().sessions().into_iter().filter(wanted).collect();
    let seen: Vec<SessionKey> =
        all.iter().filter(|key| used.contains(&key.account())).cloned().collect();
    if !seen.is_empty() || !used.is_empty() {
        return seen;
    }
    if profiles.is_empty() { own_session(api).into_iter().collect() } else { all }
}

fn warnings_of(api: &Api, dag_id: &str, past: &Past, keys: &[SessionKey]) -> Vec<Warning> {
    keys.iter().filter_map(|key| warning(api, dag_id, past, key)).collect()
}

fn warning(api: &Api, dag_id: &str, past: &Past, key: &SessionKey) -> Option<Warning> {
    let view = api.broker.session(key).ok().filter(|view| view.profile.kind.signs_in())?;
    let (session, now) = (key.account(), api.clock.now());
    let took = format!("`{dag_id}` took up to {} before", in_words(past.longest));
    let login = view.profile.login();
    let Some(stored) = view.state.stored() else {
        // Not read yet, or not readable: nothing is known, so nothing is claimed.
        let over = matches!(view.state, SessionState::SignedOut | SessionState::Ended { .. });
        return over.then(|| Warning {
            text: format!("{took}, and nobody is signed in to `{session}`"),
            outlook: "signed_out".to_owned(),
            source: "none".to_owned(),
            hint: Some(format!("run `{login}`")),
            session,
            ends_at: None,
        });
    };
    let horizon = stored.end(&view.profile, api.task_runs.learned(key, &view.profile));
    let source = source_word(horizon.source).to_owned();
    let (outlook, text, hint) = match past.outlook(horizon, now) {
        Outlook::Holds => return None,
        Outlook::Short { left } => (
            "short",
            format!("{took}, and the session `{session}` ends in {} ({source})", in_words(left)),
            format!("run `{login} --fresh`"),
        ),
        Outlook::Unknown => (
            "unknown",
            format!("{took}, and when the session `{session}` ends is not known"),
            "set `session-lifetime` in its profile to what Ping has".to_owned(),
        ),
    };
    let ends_at = horizon.at.map(Timestamp::as_secs);
    let (outlook, hint) = (outlook.to_owned(), Some(hint));
    debug_assert_eq!(horizon.source == HorizonSource::Unknown, ends_at.is_none());
    Some(Warning { session, outlook, ends_at, source, text, hint })
}

fn own_session(api: &Api) -> Option<SessionKey> {
    let profile = api.config.current().default_profile.clone()?;
    Some(SessionKey { profile, connection: None })
}

fn person_of(api: &Api, key: &SessionKey) -> Option<Person> {
    api.broker.session(key).ok()?.state.stored()?.identity.as_ref().map(Identity::person)
}

fn name_of(person: &Person) -> &str {
    person.email.as_ref().or(person.name.as_ref()).unwrap_or(&person.subject.sub)
}
