//! `POST /v1/runs`: a capability for one process tree, which dies with it. It attributes and
//! narrows; it is no sandbox, since the socket stands open to every process of the same user.

use std::sync::Arc;
use std::time::Duration;

use dagpass_client::wire::{ConfigProblem, RunAsk, RunReply};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::{Action, Kinship, Resource};
use dagpass_core::principal::{Kind, Mark, Narrowing};

use super::capability::Holder;
use super::reply::{self, Reply};
use super::{Api, Asked, lanes, proxied};
use crate::random::random;
use crate::system;

pub(super) const PREFIX: &str = "run-";
/// How many runs may there be at once? Each costs a task that waits for a process's end.
const MOST: usize = 256;
/// And how many of them within one run, its runs' runs included?
const MOST_WITHIN: usize = 32;
/// How long does a run of another system last at most? Whoever began it ends it when its program ends.
const FAR: Duration = Duration::from_secs(12 * 3600);
/// How far up is a process followed to the caller?
const GENERATIONS: usize = 64;

/// The run a path names: `/v1/runs/ID`.
pub(super) fn id(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/v1/runs/")?;
    let is_run = id.strip_prefix(PREFIX).is_some_and(|rest| !rest.is_empty());
    (is_run && !id.contains('/')).then_some(id)
}

pub(super) fn grant(api: &Arc<Api>, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: RunAsk = asked.parse()?;
    let principal = &asked.principal;
    // A lane's run is known by its name on the record.
    let lane_s = ask.lane.as_ref().map(|lane| format!("{lane}-")).unwrap_or_default();
    let id = format!("{PREFIX}{lane_s}{}", &random()[..16]);
    let about = Resource { env: ask.env.as_deref(), run_id: Some(&id), ..Resource::default() };
    asked.permit(api, principal, (Action::BeginRun, about))?.spend();
    let lane = lanes::begin(api, principal, ask.lane.as_deref())?;
    let life = whose(asked, ask.pid)?;
    let holder = Holder {
        narrowing: narrowing(api, asked, &ask)?,
        env: ask.env.or_else(|| principal.env.clone()),
        parent: outer(asked).map(str::to_owned),
        root: outer(asked).map(|_| principal.name().to_owned()),
        lane,
        process: life.mark(),
        ..Holder::new(id.clone(), Kind::Run(id.clone()))
    };
    let parent = holder.parent.clone();
    // Before anybody has the capability.
    let facts = principal.process.facts();
    let begun = api.policy.engine.begin_run(&id, (parent.as_deref(), facts.cwd.as_deref()));
    begun.map_err(|problem| not_taken(&problem))?;
    let granted = api.capabilities.grant_if(holder.clone(), |all| few(all, parent.as_deref()));
    let capability = granted.inspect_err(|_| api.policy.engine.end_run(&id))?;
    let ways = proxied::of_run(api, (&holder, &ask.via), asked.caller().remote);
    let upstreams = ways.inspect_err(|_| {
        api.capabilities.revoke(&id);
        api.policy.engine.end_run(&id);
    })?;
    let (watch, ended) = (api.clone(), id.clone());
    tokio::spawn(async move {
        life.over().await;
        watch.capabilities.revoke(&ended);
        watch.policy.engine.end_run(&ended);
        watch.broker.end_approvals_of(&ended);
        watch.broker.end_leases_of(&ended);
    });
    Ok(reply::json(&RunReply { id, capability, upstreams }))
}

/// A policy that was meant to narrow the run and cannot be judged by: then there is no run.
fn not_taken(problem: &ConfigProblem) -> Refusal {
    Refusal::new(ErrorCode::ConfigInvalid, "the repository's policy cannot be taken")
        .because(problem.to_string())
        .hint("mend it, or begin the run in another folder")
}

/// The run that asks, where one does.
fn outer(asked: &Asked) -> Option<&str> {
    match &asked.principal.kind {
        Kind::Run(id) => Some(id),
        Kind::Agent | Kind::Owner | Kind::Container(_) | Kind::Forwarded(_) | Kind::Relay => None,
    }
}

/// For how long a run lasts.
enum Life {
    Process(u32, Option<u64>),
    /// Its process is in another system, where nobody sees it end.
    Far,
}

impl Life {
    fn mark(&self) -> Option<Mark> {
        match self {
            Self::Process(pid, started_at) => Some(Mark { pid: *pid, started_at: *started_at }),
            Self::Far => None,
        }
    }

    async fn over(self) {
        match self {
            Self::Process(pid, started_at) => system::ended(pid, started_at).await,
            Self::Far => tokio::time::sleep(FAR).await,
        }
    }
}

/// The caller itself, or a process that it started: nobody lends another's life to a capability.
fn whose(asked: &Asked, named: Option<u32>) -> Result<Life, Refusal> {
    if asked.caller().remote {
        return Ok(Life::Far);
    }
    let own = asked.caller().pid;
    let refused = |what: String| Refusal::new(ErrorCode::InvalidRequest, what);
    let found = match (named, own) {
        (None, None) => {
            return Err(refused("whose run is it?".to_owned())
                .because("the request names no `pid`, and the connection does not show one"));
        }
        (None, Some(own)) => (own, asked.visit.started_at),
        (Some(named), Some(own)) if named == own => (own, asked.visit.started_at),
        (Some(named), own) => {
            let related = own.map_or(outer(asked).is_none(), |own| descends(named, own));
            if !related || system::owner_of(named) != system::own_uid() {
                return Err(refused(format!("process {named} is none of the caller's"))
                    .because("a run is for the caller itself, or for a process that it started"));
            }
            (named, system::started_at(named))
        }
    };
    match system::process_alive(found.0, found.1) {
        true => Ok(Life::Process(found.0, found.1)),
        false => Err(refused(format!("there is no process {}", found.0))),
    }
}

fn descends(process: u32, ancestor: u32) -> bool {
    let parent = |pid: &u32| system::parent(*pid).filter(|parent| *parent > 1);
    std::iter::successors(Some(process), parent).take(GENERATIONS).any(|pid| pid == ancestor)
}

/// Many runs that live for a moment are work; many that stay are a leak.
fn few(all: &mut dyn Iterator<Item = &Holder>, parent: Option<&str>) -> Result<(), Refusal> {
    let runs: Vec<&Holder> = all.filter(|one| matches!(one.kind, Kind::Run(_))).collect();
    let root_of = |id: &str| {
        let parent = |id: &String| runs.iter().find(|run| run.id == *id)?.parent.clone();
        std::iter::successors(Some(id.to_owned()), parent).last()
    };
    // It may have been ended since this request was let in.
    if parent.is_some_and(|parent| !runs.iter().any(|run| run.id == parent)) {
        return Err(Refusal::new(ErrorCode::AccessDenied, "the run that asks has ended"));
    }
    let within = parent.map_or(0, |parent| {
        let root = root_of(parent);
        runs.iter().filter(|run| root_of(&run.id) == root).count()
    });
    if runs.len() < MOST && within <= MOST_WITHIN {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::AccessDenied, "too many runs at once")
        .because(format!("{MOST} in all, {MOST_WITHIN} within one run"))
        .hint("end those that are done: each ends with its process"))
}

/// A run inside a run gets no more than the outer one has.
fn narrowing(api: &Api, asked: &Asked, ask: &RunAsk) -> Result<Narrowing, Refusal> {
    let outer = &asked.principal.narrowing;
    if ask.profiles.is_empty() {
        return Ok(outer.clone());
    }
    let config = api.config.current();
    let mut profiles = Vec::new();
    for name in &ask.profiles {
        profiles.push(config.profile(Some(name))?.name.clone());
    }
    Ok(outer.and(&Narrowing { profiles: Some(profiles), connections: None }))
}

pub(super) fn end(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let named = id(&asked.path).unwrap_or_default();
    let lane = &asked.principal.lane;
    let own = outer(asked).is_some_and(|outer| api.capabilities.descends(named, outer))
        || (!lane.is_free() && api.capabilities.is_within(named, lane));
    let run = if own { Kinship::Own } else { Kinship::Stranger };
    let about = Resource { run: Some(run), run_id: Some(named), ..Resource::default() };
    asked.permit(api, &asked.principal, (Action::EndRun, about))?.spend();
    let ended = api.capabilities.revoke(named);
    // Behind the capability: what is judged meanwhile is judged by it.
    api.policy.engine.end_run(named);
    if ended {
        api.broker.end_approvals_of(named);
        api.broker.end_leases_of(named);
        return Ok(reply::json(&serde_json::json!({ "ended": true })));
    }
    Err(Refusal::new(ErrorCode::NotFound, "there is no such run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_s_path_is_its_id_and_nothing_more() {
        assert_eq!(id("/v1/runs/run-abc"), Some("run-abc"));
        for other in ["/v1/runs", "/v1/runs/", "/v1/runs/run-", "/v1/runs/run-a/b", "/v1/runs/x"] {
            assert_eq!(id(other), None, "{other}");
        }
    }

    #[test]
    fn a_process_is_followed_up_to_the_caller_and_no_further() {
        use std::process::{Command, Stdio};
        // Either waits for its input.
        let mut child = Command::new(if cfg!(windows) { "cmd" } else { "cat" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (own, started) = (std::process::id(), child.id());
        for (process, ancestor, expected) in
            [(own, own, true), (started, own, true), (own, started, false), (1, own, false)]
        {
            assert_eq!(descends(process, ancestor), expected, "{process} {ancestor}");
        }
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn runs_are_counted_within_the_outermost_and_in_all() {
        let run = |n: usize, parent: Option<usize>| Holder {
            parent: parent.map(|n| format!("run-{n}")),
            ..Holder::new(format!("run-{n}"), Kind::Run(format!("run-{n}")))
        };
        let fits = |runs: &[Holder], parent| few(&mut runs.iter(), parent).is_ok();
        assert!(!fits(&[run(1, None)], Some("run-0")), "the one that asks has ended");
        let mut chain: Vec<Holder> = vec![run(0, None)];
        for n in 1..=MOST_WITHIN {
            let parent = format!("run-{}", n - 1);
            assert!(few(&mut chain.iter(), Some(&parent)).is_ok(), "{n}");
            chain.push(run(n, Some(n - 1)));
        }
        assert!(!fits(&chain, Some("run-0")) && !fits(&chain, Some("run-9")));
        assert!(fits(&chain, None), "another run of the owner's");
        let many: Vec<Holder> = (0..MOST).map(|n| run(n, None)).collect();
        assert!(!fits(&many, None));
    }
}
