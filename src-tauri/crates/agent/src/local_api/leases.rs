//! `/v1/leases`: what was handed out to which process tree, and taking it back. Which lease is whose to see is
//! the core's to judge; here it is put into the wire's words, with what the system says of a tree's leader.

use dagpass_client::wire::{
    Lease as Shown, LeaseDag, LeaseEnd, LeaseList, LeaseRevokeAsk, LeaseRevokeReply, RevokedLease,
};
use dagpass_core::approvals::Tree;
use dagpass_core::broker::Broker;
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::leases::{Dag, End, Lease, Revoked, Which};
use dagpass_core::principal::{Kind, Mark};
use dagpass_core::request::Transport;
use dagpass_core::time::Timestamp;

use super::reply::{self, Reply};
use super::{Api, Asked, lanes};
use crate::system;

pub(super) fn list(api: &Api, asked: &Asked) -> Reply {
    end_of_trees(&api.broker);
    let listed = api.broker.leases(&asked.principal);
    let now = api.clock.now();
    let leases = listed.leases.iter().map(|lease| shown(lease, now)).collect();
    let lanes = lanes::status(api, &asked.principal);
    reply::json(&LeaseList { leases, lanes, dropped: listed.dropped })
}

pub(super) fn revoke(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let ask: LeaseRevokeAsk = asked.parse()?;
    let word = match &asked.principal.kind {
        Kind::Run(_) => "revoked by its own run",
        Kind::Agent | Kind::Owner | Kind::Container(_) | Kind::Forwarded(_) | Kind::Relay => {
            "revoked by the person"
        }
    };
    let revoked = api.broker.revoke_leases(&asked.principal, which(&ask)?, word)?;
    api.changed();
    let now = api.clock.now();
    let told = |one: &Revoked| RevokedLease { lease: shown(&one.lease, now), dag: one.dag.clone() };
    Ok(reply::json(&LeaseRevokeReply { revoked: revoked.iter().map(told).collect() }))
}

fn which(ask: &LeaseRevokeAsk) -> Result<Which<'_>, Refusal> {
    let LeaseRevokeAsk { id, dag, connection, fingerprint } = ask;
    let named = [
        id.as_deref().map(Which::Id),
        dag.as_deref().map(Which::Dag),
        connection.as_deref().map(Which::Connection),
        fingerprint.as_deref().map(Which::Fingerprint),
    ];
    let mut named = named.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(which), None) => Ok(which),
        (None, _) | (_, Some(_)) => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "it is not said which leases are meant")
                .because("name one of `id`, `dag`, `connection`, `fingerprint`"))
        }
    }
}

/// What was handed out to a process tree whose leader has ended is over.
pub(crate) fn end_of_trees(broker: &Broker) {
    let mut leaders = broker.lease_leaders();
    leaders.retain(|mark| !system::process_alive(mark.pid, mark.started_at));
    broker.end_leases_of_trees(&leaders);
}

pub(super) fn shown(lease: &Lease, now: Timestamp) -> Shown {
    let (kind, tree, leader) = tree(&lease.tree);
    let asked_for = || lease.target.resource.clone().into_iter().collect();
    Shown {
        id: lease.id.to_string(),
        state: match (lease.holds(now), lease.is_revoked()) {
            (_, true) => "revoked",
            (true, false) => "holds",
            (false, false) => "ended",
        }
        .to_owned(),
        profile: lease.session.account(),
        signed_in_at: lease.signed_in_at.as_secs(),
        kind: kind.to_owned(),
        tree,
        leader,
        runs: lease.runs.clone(),
        program: lease.program.as_ref().map(|path| path.display().to_string()),
        pid: lease.pid,
        lanes: lease.lanes.iter().map(ToString::to_string).collect(),
        connections: lease.connections.clone(),
        deployment: lease.deployment.clone(),
        audience: lease.audience.clone().unwrap_or_else(asked_for),
        scopes: lease.scopes.as_ref().map(ToString::to_string),
        dags: lease.dags.iter().map(dag).collect(),
        since: lease.since.as_secs(),
        last: lease.last.as_secs(),
        until: lease.until().as_secs(),
        times: lease.times,
        tokens: lease.issued,
        ended: lease.ended.as_ref().map(end),
    }
}

fn dag(dag: &Dag) -> LeaseDag {
    LeaseDag { id: dag.id.clone(), task: dag.task.clone(), ended: dag.ended.as_ref().map(end) }
}

fn end(end: &End) -> LeaseEnd {
    LeaseEnd { why: end.why.to_string(), at: end.at.as_secs() }
}

/// What kind of tree, its name, and its leader's program while that runs.
fn tree(tree: &Tree) -> (&'static str, String, Option<String>) {
    const WAYS: [Transport; 4] =
        [Transport::Socket, Transport::Pipe, Transport::Tcp, Transport::Agent];
    match tree {
        Tree::Process(mark) => ("process", mark.pid.to_string(), program(*mark)),
        Tree::Door(name) if *name == *Kind::Agent.name() => ("agent", name.clone(), None),
        Tree::Door(name) if WAYS.iter().any(|way| way.as_str() == name) => {
            ("unseen", name.clone(), None)
        }
        Tree::Door(name) if name.starts_with(super::runs::PREFIX) => ("run", name.clone(), None),
        Tree::Door(name) => ("door", name.clone(), None),
    }
}

fn program(mark: Mark) -> Option<String> {
    let path = system::executable(mark.pid)?;
    // Asked behind it: a number that is used again is another process.
    system::process_alive(mark.pid, mark.started_at).then(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_thing_says_which_leases_are_meant() {
        let name = || Some("x".to_owned());
        let none = LeaseRevokeAsk::default();
        let two = LeaseRevokeAsk { id: name(), dag: name(), ..none.clone() };
        for ask in [&none, &two] {
            assert_eq!(which(ask).unwrap_err().code, ErrorCode::InvalidRequest);
        }
        for (ask, expected) in [
            (LeaseRevokeAsk { id: name(), ..none.clone() }, Which::Id("x")),
            (LeaseRevokeAsk { dag: name(), ..none.clone() }, Which::Dag("x")),
            (LeaseRevokeAsk { connection: name(), ..none.clone() }, Which::Connection("x")),
            (LeaseRevokeAsk { fingerprint: name(), ..none.clone() }, Which::Fingerprint("x")),
        ] {
            assert_eq!(which(&ask).unwrap(), expected);
        }
    }

    #[test]
    fn a_tree_is_named_by_what_holds_it_together() {
        let door = |name: &str| tree(&Tree::Door(name.to_owned())).0;
        for (name, kind) in
            [("run-1", "run"), ("etl-0a1b", "door"), ("agent", "agent"), ("tcp", "unseen")]
        {
            assert_eq!(door(name), kind, "{name}");
        }
        let own = std::process::id();
        let alive = Mark { pid: own, started_at: system::started_at(own) };
        assert!(tree(&Tree::Process(alive)).2.is_some());
        let reused = Mark { pid: own, started_at: Some(1) };
        assert_eq!(tree(&Tree::Process(reused)), ("process", own.to_string(), None));
    }
}
