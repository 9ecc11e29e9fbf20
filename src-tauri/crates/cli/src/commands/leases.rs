//! `dagpass leases`: what was handed out to which process tree, and taking it back. Which lease is whose to see
//! and to end is the agent's to judge; here it is shown as a tree that fits the terminal.

pub(super) mod words;

use clap::{Args, Subcommand};

use dagpass_client::wire::{Lease, LeaseList, LeaseRevokeAsk, RevokedLease};

use super::lanes;
use crate::exit::Failure;
use crate::output::{cut, padded};
use crate::world::World;
use crate::{output, time};

/// From how many columns on does a lease fit into one line?
const WIDE: usize = 100;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dagpass leases\n  dagpass leases --json | jq .leases\n  \
                  dagpass leases revoke ls-3fa29c1b02\n  dagpass leases revoke --dag etl")]
pub(crate) struct Leases {
    #[command(subcommand)]
    deed: Option<Deed>,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Hand out nothing more by it; what was handed out is good until its own end
    #[command(
        after_help = "Examples:\n  dagpass leases revoke ls-3fa29c1b02\n  dagpass leases revoke --dag etl\n  \
                      dagpass leases revoke --connection warehouse_api"
    )]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Revoke {
    /// Which lease, by its id
    id: Option<String>,
    /// All that this DAG was served, as it says of itself
    #[arg(long, value_name = "DAG_ID")]
    dag: Option<String>,
    /// All that were for this connection
    #[arg(long, value_name = "CONN_ID")]
    connection: Option<String>,
    /// All that hold the token of this SHA-256, or of its first 16 digits as the ledger has them
    #[arg(long, value_name = "DIGITS")]
    fingerprint: Option<String>,
}

pub(crate) fn run(world: &World, args: Leases) -> Result<(), Failure> {
    match args.deed {
        None => list(world),
        Some(Deed::Revoke(revoke)) => self::revoke(world, revoke),
    }
}

fn list(world: &World) -> Result<(), Failure> {
    let list = world.ask_running(|agent| agent.leases())?;
    if world.json {
        return output::json(&list);
    }
    if list.leases.is_empty() {
        output::say("no lease holds: no token that was handed out is good any more");
        if list.lanes.is_empty() {
            return Ok(());
        }
    }
    output::out(&tree(&list, time::now(), output::stdout_width()))
}

fn revoke(world: &World, which: Revoke) -> Result<(), Failure> {
    let Revoke { id, dag, connection, fingerprint } = which;
    let ask = LeaseRevokeAsk { id, dag, connection, fingerprint };
    let reply = world.ask_running(|agent| agent.revoke_leases(&ask))?;
    if world.json {
        return output::json(&reply);
    }
    let now = time::now();
    reply.revoked.iter().for_each(|one| output::say(&revoked(one, now)));
    Ok(())
}

fn revoked(one: &RevokedLease, now: i64) -> String {
    let lease = &one.lease;
    let from = match &one.dag {
        Some(dag) => format!("the DAG {} in {}", output::word(dag), words::tree(lease)),
        None => words::tree(lease),
    };
    let until = time::show(lease.until, now);
    format!(
        "{}: revoked, {from} gets no more of it\n  valid until {until} for whoever holds its token: no issuer \
         is asked to end it sooner",
        output::word(&lease.id)
    )
}

/// Sign-in, then process tree, then what it holds. Without a width nothing is cut.
fn tree(list: &LeaseList, now: i64, width: Option<usize>) -> String {
    let mut lines = Vec::new();
    for of_session in groups(list.leases.iter().collect(), |one| (&one.profile, one.signed_in_at)) {
        let Some(first) = of_session.first() else { continue };
        let since = time::show(first.signed_in_at, now);
        lines.push(format!("{}, signed in since {since}", output::word(&first.profile)));
        let trees = groups(of_session, |one| (&one.kind, &one.tree));
        let last = trees.len().saturating_sub(1);
        for (at, of_tree) in trees.into_iter().enumerate() {
            let (branch, beside) =
                if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let name = of_tree.first().map(|one| words::tree(one)).unwrap_or_default();
            lines.push(format!("{branch}{name}"));
            leaves(&of_tree, beside, now, width.is_none_or(|width| width >= WIDE), &mut lines);
        }
    }
    for lane in &list.lanes {
        lines.push(format!("{}: {}", lanes::title(lane), lanes::share(lane, now)));
    }
    if list.dropped > 0 {
        lines.push(format!("and {} more than there is room for", list.dropped));
    }
    let fits = |line: String| width.map_or(line.clone(), |width| cut(&line, width));
    lines.into_iter().map(fits).collect::<Vec<_>>().join("\n")
}

fn leaves(leases: &[&Lease], beside: &str, now: i64, wide: bool, lines: &mut Vec<String>) {
    let cells: Vec<[String; 3]> = leases.iter().map(|one| words::cells(one, now)).collect();
    let column = |n: usize| cells.iter().map(|row| output::columns(&row[n])).max().unwrap_or(0);
    let (first, second) = (column(0), column(1));
    let last = leases.len().saturating_sub(1);
    for (at, ([what, until, used], lease)) in cells.iter().zip(leases).enumerate() {
        let (branch, below) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let id = output::word(&lease.id);
        if wide {
            let row = format!("{}  {}  {used}", padded(what, first), padded(until, second));
            lines.push(format!("{beside}{branch}{id}  {row}"));
        } else {
            lines.push(format!("{beside}{branch}{id}  {what}"));
            lines.push(format!("{beside}{below}  {until}"));
            lines.push(format!("{beside}{below}  {used}"));
        }
    }
}

/// Those of one key beside each other, each group where its first one stood.
fn groups<'a, K: PartialEq>(
    leases: Vec<&'a Lease>,
    key: impl Fn(&'a Lease) -> K,
) -> Vec<Vec<&'a Lease>> {
    let mut groups: Vec<(K, Vec<&Lease>)> = Vec::new();
    for lease in leases {
        let own = key(lease);
        match groups.iter_mut().find(|(known, _)| *known == own) {
            Some((_, group)) => group.push(lease),
            None => groups.push((own, vec![lease])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_client::wire::{LaneCount, LaneStatus, LeaseDag, LeaseEnd};

    const NOW: i64 = 1_795_548_000;

    fn lease(id: &str, tree: (&str, &str)) -> Lease {
        Lease {
            id: id.into(),
            state: "holds".into(),
            profile: "prod".into(),
            signed_in_at: NOW - 3600,
            kind: tree.0.into(),
            tree: tree.1.into(),
            program: Some("/usr/bin/python3".into()),
            pid: Some(4243),
            audience: vec!["https://lake.example".into()],
            scopes: Some("lake:read".into()),
            until: NOW + 600,
            times: 12,
            tokens: 3,
            ..Lease::default()
        }
    }

    fn all() -> LeaseList {
        let lane = LaneStatus {
            name: "agent".into(),
            tokens: Some(LaneCount { used: 3, most: 60 }),
            ..LaneStatus::default()
        };
        let shell = Lease {
            leader: Some("/usr/bin/zsh".into()),
            connections: vec!["warehouse\u{1b}[31m".into()],
            ..lease("ls-1", ("process", "4242"))
        };
        let dag = |id: &str, ended| LeaseDag { id: id.into(), task: Some("load".into()), ended };
        let end = || LeaseEnd { why: "revoked by the person".into(), at: NOW - 60 };
        let of_run = Lease {
            dags: vec![dag("etl", None), dag("report", Some(end()))],
            lanes: vec!["agent".into()],
            ..lease("ls-2", ("run", "run-9c"))
        };
        let gone = Lease {
            state: "revoked".into(),
            ended: Some(end()),
            lanes: vec!["agent".into()],
            ..lease("ls-3", ("run", "run-9c"))
        };
        let dev = Lease { profile: "dev".into(), ..lease("ls-4", ("door", "etl-0a1b")) };
        LeaseList { leases: vec![shell, of_run, dev, gone], lanes: vec![lane], dropped: 2 }
    }

    #[test]
    fn a_lease_stands_below_its_tree_and_that_below_its_sign_in() {
        let text = tree(&all(), NOW, None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("prod, signed in since "), "{text}");
        assert_eq!(lines[1], "├─ zsh, process 4242");
        assert!(
            lines[2].starts_with("│  └─ ls-1  https://lake.example, lake:read  until "),
            "{text}"
        );
        assert_eq!(lines[3], "└─ dagpass run run-9c, lane agent");
        assert!(lines[4].starts_with("   ├─ ls-2") && lines[4].contains("etl.load"), "{text}");
        assert!(lines[4].contains("report.load (revoked)"), "{text}");
        assert!(
            lines[5].starts_with("   └─ ls-3") && lines[5].contains("revoked by the person"),
            "{text}"
        );
        assert!(lines[6].starts_with("dev, signed in since "), "{text}");
        assert_eq!(lines[7], "└─ door etl-0a1b");
        assert_eq!(lines[9], "lane agent: 3 of 60 tokens this hour, 57 left");
        assert_eq!(lines[10], "and 2 more than there is room for");
        assert!(!text.contains('\u{1b}'), "nothing reaches the terminal as it came");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_a_narrow_one_says_no_less_of_the_end() {
        for width in [24, 60, 80, 100, 200] {
            let text = tree(&all(), NOW, Some(width));
            assert!(text.lines().all(|line| output::columns(line) <= width), "{width}\n{text}");
            let ends = text.lines().filter(|line| line.contains("until ")).count();
            assert!(ends >= 3, "{width}\n{text}");
        }
    }

    #[test]
    fn what_was_taken_back_is_told_with_the_end_of_what_is_out() {
        let of = |dag: Option<&str>| {
            let lease = lease("ls-2", ("run", "run-9c"));
            revoked(&RevokedLease { lease, dag: dag.map(str::to_owned) }, NOW)
        };
        let text = of(None);
        assert!(text.starts_with("ls-2: revoked, dagpass run run-9c gets no more of it"), "{text}");
        assert!(text.contains("valid until") && text.contains("for whoever holds"), "{text}");
        assert!(of(Some("etl")).contains("the DAG etl in dagpass run run-9c"));
    }
}
