//! `/v1/policy…`: what is in force, what is wrong with it, how a request would be judged, and what became of
//! a change. The engine is the policy room's.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dagpass_client::ledger::{Line, Segments, Tail, Verdict};
use dagpass_client::wire::{
    BreakGlassAsk, BreakGlassReply, PolicyCheckAsk, PolicyCheckReply, PolicyLayer, PolicyReply,
    PolicySimulateAsk, PolicySimulateReply, PolicySimulated, PolicyText, PolicyWhy, PolicyWhyAsk,
};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::request::{Caller, Transport};
use dagpass_core::time::Timestamp;

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::config::{Config, Lookup};
use crate::policy::{self, Glass, Layers, News, SCHEMA, Source, Standing, Wanted, Whose};
use crate::system;

/// How Airflow and a program ask.
const ASKED: [&str; 2] = ["connection", "token"];

/// Whatever is asked of the policy itself.
pub(super) async fn answer(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    Ok(match asked.path.as_str() {
        "/v1/policy/check" => reply::json(&check(api, &asked.parse()?)),
        "/v1/policy/why" => reply::json(&why(api, asked.parse()?).await?),
        "/v1/policy/simulate" => reply::json(&simulate(api, &asked.parse()?)?),
        "/v1/policy/lint" => reply::json(&match api.policy.layers() {
            None => Vec::new(),
            Some(layers) => layers.lint(&connections(&api.config.current()), api.clock.now()),
        }),
        _ => reply::json(&show(api)),
    })
}

fn show(api: &Api) -> PolicyReply {
    let shown = api.policy.shown();
    let text = |one: &Source| PolicyText { file: one.file.clone(), text: one.text.clone() };
    let layers = api.policy.layers();
    let layers = layers.iter().flat_map(|layers| &layers.all).map(|layer| PolicyLayer {
        name: layer.name.clone(),
        texts: layer.sources.iter().map(text).collect(),
    });
    let path = api.policy.path(&api.config.current().policy, api.config.path());
    PolicyReply {
        state: shown.state.to_owned(),
        digest: shown.digest.map(|digest| digest.to_string()),
        problems: shown.problems,
        layers: layers.collect(),
        path: path.display().to_string(),
        schema: SCHEMA.to_owned(),
    }
}

fn check(api: &Api, ask: &PolicyCheckAsk) -> PolicyCheckReply {
    let wanted = match &ask.text {
        Some(text) => {
            let source = Source { file: ask.file.clone(), text: text.clone() };
            let whose = Whose::PersonFile;
            vec![Wanted::new(whose, ask.file.clone(), Ok(vec![source]))]
        }
        None => api.policies(),
    };
    let files = wanted.iter().map(|one| one.name.clone()).collect();
    PolicyCheckReply { files, problems: system::patiently(|| Standing::check(&wanted)) }
}

async fn why(api: &Api, ask: PolicyWhyAsk) -> Result<PolicyWhy, Refusal> {
    let layers = api.policy.layers();
    let mut said = BTreeMap::new();
    let mut found = None;
    if let Some(seq) = ask.seq {
        let path = api.ledger.path().to_owned();
        let read = tokio::task::spawn_blocking(move || line(&path, seq)).await;
        let read = read.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        let unreadable = |error: io::Error| {
            Refusal::new(ErrorCode::ServerError, "the ledger cannot be read")
                .because(error.to_string())
        };
        let line = read.map_err(unreadable)?.ok_or_else(|| {
            Refusal::new(ErrorCode::NotFound, format!("the ledger has no line {seq}"))
                .hint("run `dagpass audit tail`, which shows their numbers")
        })?;
        said = of_line(&line);
        found = Some(line);
    }
    said.extend(ask.as_if);
    let said = completed(&api.config.current(), said)?;
    let then = found.as_ref().and_then(|line| line.time.parse::<jiff::Timestamp>().ok());
    let then = then.map(|then| Timestamp::from_millis(then.as_millisecond()));
    let now = then.unwrap_or_else(|| api.clock.now());
    let is_token = said.get("action").is_none_or(|action| TOKENS.contains(&action.as_str()));
    let why = match api.policy.shut().filter(|_| is_token) {
        Some(reason) => PolicyWhy {
            verdict: "deny".to_owned(),
            reason: reason.to_string(),
            facts: said,
            ..PolicyWhy::default()
        },
        None => in_force(api, layers.as_deref())?.why(&said, now).map_err(misunderstood)?,
    };
    let note = found.and_then(|line| differs(&line, &why));
    Ok(PolicyWhy { note, ..why })
}

/// What a policy that does not load closes.
const TOKENS: [&str; 3] = ["token", "connection", "try"];

fn simulate(api: &Api, ask: &PolicySimulateAsk) -> Result<PolicySimulateReply, Refusal> {
    let config = api.config.current();
    let layers = api.policy.layers();
    let mut rows = Vec::new();
    for connection in connections(&config) {
        for action in ASKED {
            let mut said = connection.clone();
            said.insert("action".to_owned(), action.to_owned());
            said.extend(ask.as_if.clone());
            let (verdict, rules) = match (&layers, api.policy.shown().state) {
                (_, "shut") => ("deny".to_owned(), Vec::new()),
                (None, _) => ("permit".to_owned(), Vec::new()),
                (Some(layers), _) => {
                    layers.verdict(&said, api.clock.now()).map_err(misunderstood)?
                }
            };
            rows.push(PolicySimulated {
                connection: connection.get("connection").cloned().unwrap_or_default(),
                env: connection.get("env").cloned(),
                action: said.get("action").cloned().unwrap_or_default(),
                verdict,
                rules,
            });
        }
    }
    rows.dedup();
    Ok(PolicySimulateReply { rows })
}

fn in_force<'l>(api: &Api, layers: Option<&'l Layers>) -> Result<&'l Layers, Refusal> {
    layers.ok_or_else(|| {
        let none = Refusal::new(ErrorCode::NotFound, "there is no policy in force");
        match api.policy.shown().problems.first() {
            Some(problem) => none
                .because(problem.to_string())
                .hint("it does not load: run `dagpass policy check`"),
            None => none.hint("what the built-in rules permit is permitted: write a policy first"),
        }
    })
}

/// How long is a person's own policy switched off?
const GLASS: Duration = Duration::from_secs(3600);
/// How long may the reason be?
const LONGEST_REASON: usize = 500;

/// Switches the person's and the repositories' policies off for an hour, or on again. The machine's stays.
pub(super) fn break_glass(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let BreakGlassAsk { reason } = asked.parse()?;
    let now = api.clock.now();
    let wrong = |what: &str| Refusal::new(ErrorCode::InvalidRequest, what);
    let Some(reason) = reason else {
        api.tell_glass(asked.caller(), "the person's own policy is switched on again")?;
        api.policy.engine.break_glass(None);
        api.changed();
        return Ok(reply::json(&BreakGlassReply { until: None }));
    };
    let reason = reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(wrong("say why, in 500 characters at most"));
    }
    if let Some(file) = api.policy_locked_by() {
        let what = format!("the policy is locked by {}", file.display());
        return Err(Refusal::new(ErrorCode::AccessDenied, what)
            .hint("ask whoever administers this machine"));
    }
    if !api.policy.engine.has_any() {
        return Err(wrong("there is no policy to switch off"));
    }
    let until = now.plus(GLASS);
    let what = format!("the person's own policy is switched off for an hour: {reason}");
    api.tell_glass(asked.caller(), &what)?;
    tracing::warn!(reason, "the person's own policy is switched off for an hour");
    api.policy.engine.break_glass(Some(Glass { reason, until }));
    api.changed();
    Ok(reply::json(&BreakGlassReply { until: Some(until.as_secs()) }))
}

fn misunderstood(what: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, "that cannot be judged").because(what)
}

/// As the config has them, in each environment.
fn connections(config: &Config) -> Vec<BTreeMap<String, String>> {
    let ids = config.connection_ids();
    ids.iter().flat_map(|id| config.resources(id)).map(|one| of_resource(&one)).collect()
}

fn of_resource(resource: &dagpass_core::policy::Resource<'_>) -> BTreeMap<String, String> {
    let scopes = resource.scopes.map(|scopes| scopes.iter().collect::<Vec<_>>().join(" "));
    let words = [
        ("connection", resource.connection.map(str::to_owned)),
        ("profile", resource.profile.map(ToString::to_string)),
        ("env", resource.env.map(str::to_owned)),
        ("audience", resource.resource.map(str::to_owned)),
        ("scopes", scopes),
    ];
    words.into_iter().filter_map(|(word, value)| Some((word.to_owned(), value?))).collect()
}

/// A connection is asked for as the config has it, where nothing else is said.
fn completed(
    config: &Config,
    said: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let Some(id) = said.get("connection") else { return Ok(said) };
    match config.connection(id, said.get("env").map(String::as_str)) {
        Ok(connection) => {
            let mut all = of_resource(&connection.resource());
            // A rule sees the environment of the table, whichever was asked for.
            all.extend(said.into_iter().filter(|(word, _)| word != "env"));
            Ok(all)
        }
        // A rule may name what the config does not have yet.
        Err(Lookup::NotFound) => Ok(said),
        Err(lookup) => Err(lookup.refusal(id)),
    }
}

fn line(path: &Path, seq: u64) -> io::Result<Option<Line>> {
    let of = |text: &str| serde_json::from_str::<Line>(text).ok();
    let wanted = |text: &str| match of(text).map(|line| line.seq.cmp(&seq)) {
        Some(std::cmp::Ordering::Equal) => Verdict::Wanted,
        Some(std::cmp::Ordering::Less) => Verdict::TooOld,
        Some(std::cmp::Ordering::Greater) | None => Verdict::NotWanted,
    };
    let found = Tail::over(&Segments::of(path)?).last(1, wanted)?;
    Ok(found.last().and_then(|text| of(text)))
}

/// What a line knows of its request.
fn of_line(line: &Line) -> BTreeMap<String, String> {
    let caller = &line.caller;
    let words = [
        ("action", line.action.as_ref().map(ToString::to_string)),
        ("profile", line.session.as_ref().map(|session| session.profile.clone())),
        ("connection", line.connection.clone()),
        ("deployment", line.deployment.clone()),
        ("env", line.env.clone()),
        ("audience", line.resource.clone()),
        ("scopes", line.scopes.as_ref().map(|scopes| scopes.join(" "))),
        ("program", caller.executable.clone()),
        ("remote", caller.remote.then(|| "true".to_owned())),
        ("dag", caller.context.get("dag_id").cloned()),
        ("task", caller.context.get("task_id").cloned()),
        ("who", caller.capability.as_deref().and_then(kind)),
    ];
    words.into_iter().filter_map(|(word, value)| Some((word.to_owned(), value?))).collect()
}

/// A run by its capability's name; the other doors' are not told from the record.
fn kind(capability: &str) -> Option<String> {
    capability.starts_with("run-").then(|| format!("run:{capability}"))
}

/// Does the line tell of another judgement than the one that is made now?
fn differs(line: &Line, why: &PolicyWhy) -> Option<String> {
    let mut decided: Vec<&str> = why.deciders.iter().map(|one| one.id.as_str()).collect();
    decided.dedup();
    // What came after a permit failed for another reason than this.
    let was_denied = &*line.outcome == "denied";
    let is_same = was_denied == (why.verdict != "permit") && line.rules == decided;
    let then = match line.policy.as_deref() {
        None => "no policy was in force".to_owned(),
        Some(policy) if Some(policy) == why.digest.as_deref() && is_same => return None,
        Some(policy) if Some(policy) == why.digest.as_deref() => {
            "the same policy came to another answer, by what no line tells of: who was signed in, \
             the reach, parents, folder, terminal and unit, a break of the glass, or an approval"
                .to_owned()
        }
        Some(policy) => format!("policy {policy} was in force"),
    };
    let rules = match line.rules.as_slice() {
        [] => String::new(),
        rules => format!(", and `{}` decided", rules.join("`, `")),
    };
    Some(format!("when line {} was written, {then}{rules}; this is how it is judged now", line.seq))
}

impl Api {
    /// Takes the policy as it stands on disk now, once its change is on the record.
    pub(crate) fn adopt_policy(&self) {
        if !self.config.is_known() {
            return;
        }
        self.mend_glass();
        let wanted = self.policies();
        let look = || self.policy.look(wanted, Instant::now(), |news| self.tell_policy(news));
        match system::patiently(look) {
            Ok(true) => self.changed(),
            Ok(false) => {}
            Err(refusal) => {
                tracing::error!(%refusal, "a change of the policy is not on the record")
            }
        }
    }

    /// All that stand on disk, the machine's first.
    fn policies(&self) -> Vec<Wanted> {
        system::patiently(|| {
            let machines = system::machine_dir().and_then(|folder| policy::of_machine(&folder));
            let config = self.config.current();
            let persons = self.policy.of_person(&config.policy, self.config.path());
            machines.into_iter().chain(persons).collect()
        })
    }

    /// Whose lock nobody breaks.
    fn policy_locked_by(&self) -> Option<PathBuf> {
        let config = self.config.current();
        let managed = config.managed.as_ref().filter(|managed| managed.locks("policy"));
        managed.map(|managed| managed.path.clone())
    }

    /// The hour is over, or the machine's config locks the policy since.
    fn mend_glass(&self) {
        let now = self.clock.now();
        let is_locked =
            self.policy.engine.broken(now).is_some() && self.policy_locked_by().is_some();
        if is_locked {
            self.policy.engine.break_glass(None);
        }
        if is_locked || self.policy.engine.mended(now) {
            tracing::info!("the person's own policy is in force again");
            let caller = Caller { transport: Transport::Agent, ..Caller::default() };
            self.tell_glass(&caller, "the person's own policy is in force again")
                .unwrap_or_else(|refusal| tracing::error!(%refusal, "not on the record"));
            self.changed();
        }
    }

    fn tell_glass(&self, caller: &Caller, what: &str) -> Result<(), Refusal> {
        let mut record = Record::new(Event::ConfigChange, Outcome::Ok, caller);
        record.reason = Some(what);
        self.witness.record(&record).map(drop).map_err(|failure| {
            Refusal::new(ErrorCode::NotRecorded, "it cannot be recorded, so it is not done")
                .because(failure.0)
                .hint("run `dagpass doctor`")
        })
    }

    fn tell_policy(&self, news: &News) -> Result<(), Refusal> {
        let (outcome, what) = match news {
            News::Wrong(problem) => {
                tracing::error!(%problem, "the policy does not load");
                (Outcome::Failed, format!("the policy does not load: {problem}"))
            }
            News::Changed { before, now } => {
                let what = match (before.as_deref(), now.as_deref()) {
                    (Some(before), Some(now)) => format!("policy {before} became {now}"),
                    (None, Some(now)) => format!("policy {now} came into force"),
                    (Some(before), None) => format!("policy {before} was taken away"),
                    (None, None) => "no policy".to_owned(),
                };
                tracing::info!(what, "policy");
                (Outcome::Ok, what)
            }
        };
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        let mut record = Record::new(Event::ConfigChange, outcome, &caller);
        record.reason = Some(&what);
        self.witness.record(&record).map(drop).map_err(|failure| {
            let what = "the policy's change cannot be recorded, so it is not taken";
            Refusal::new(ErrorCode::NotRecorded, what)
                .because(failure.0)
                .hint("run `dagpass doctor`")
        })
    }
}
