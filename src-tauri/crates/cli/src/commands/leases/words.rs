//! A lease in words: on what, for whom, until when. Nothing of it reaches the terminal as it came.

use dagpass_client::wire::{Lease, LeaseDag};

use crate::commands::lanes;
use crate::output::word;
use crate::time;

/// What holds the process tree together, and in which lane it is.
pub(in crate::commands) fn tree(lease: &Lease) -> String {
    let tree = kind(lease);
    lanes::of(&lease.lanes).map_or(tree.clone(), |lane| format!("{tree}, {lane}"))
}

fn kind(lease: &Lease) -> String {
    let name = word(&lease.tree);
    match (&*lease.kind, &lease.leader) {
        ("process", Some(leader)) => format!("{}, process {name}", program(leader)),
        ("process", None) => format!("process {name}"),
        ("run", _) => format!("dagpass run {name}"),
        ("door", _) => format!("door {name}"),
        ("agent", _) => "the agent itself".to_owned(),
        (_, _) => format!("not shown by the system, by {name}"),
    }
}

/// On which audience and scopes.
pub(in crate::commands) fn what(lease: &Lease) -> String {
    let audience = match (lease.audience.as_slice(), &lease.deployment) {
        (_, Some(name)) => format!("Airflow {}", word(name)),
        ([], None) => "audience not visible".to_owned(),
        (names, None) => names.iter().map(|name| word(name)).collect::<Vec<_>>().join(" "),
    };
    match &lease.scopes {
        Some(scopes) => format!("{audience}, {}", word(scopes)),
        None => audience,
    }
}

/// On what, until when, and by whom it was used.
pub(super) fn cells(lease: &Lease, now: i64) -> [String; 3] {
    let tokens = plural(lease.tokens, "token");
    let mut used = vec![tokens, plural(lease.times, "time")];
    used.extend(lease.connections.iter().map(|id| word(id)));
    used.extend(lease.dags.iter().map(dag));
    used.extend(lease.program.iter().map(|path| asker(path, lease.pid)));
    [what(lease), until(lease, now), used.join(", ")]
}

fn until(lease: &Lease, now: i64) -> String {
    let until = format!("until {}", time::show(lease.until, now));
    match &lease.ended {
        None => until,
        Some(end) if lease.until <= now => word(&end.why),
        Some(end) => format!("{until}: {}", word(&end.why)),
    }
}

fn dag(dag: &LeaseDag) -> String {
    let task = dag.task.iter().map(|task| format!(".{}", word(task))).collect::<String>();
    let ended = if dag.ended.is_some() { " (revoked)" } else { "" };
    format!("{}{task}{ended}", word(&dag.id))
}

fn asker(path: &str, pid: Option<u32>) -> String {
    pid.map_or_else(|| program(path), |pid| format!("{} {pid}", program(path)))
}

fn program(path: &str) -> String {
    word(path.rsplit(['/', '\\']).next().unwrap_or(path))
}

fn plural(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
