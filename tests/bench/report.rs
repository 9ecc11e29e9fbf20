//! The tables, and beside them what is to be reached. A goal that is missed is named, not hidden.

use crate::cold::Cold;
use crate::figures::middle_and_most;
use crate::load::Load;
use crate::peer::Peer;
use crate::policy::Judged;
use crate::process::Daemon;
use crate::say;
use crate::stage::Stage;
use crate::whole::Whole;

/// Median of a whole `dagpass token`, in ms.
const WHOLE_GOAL: f64 = 1.2;
/// Requests a second of 8 clients on kept connections.
const RATE_GOAL: f64 = 30_000.0;
/// p99 and worst of 64 clients, in ms.
const P99_GOAL: f64 = 5.0;
const WORST_GOAL: f64 = 50.0;
/// Resident size when idle, in MB.
const MEMORY_GOAL: f64 = 12.0;
/// From spawn to a socket that answers, median in ms.
const SOCKET_GOAL: f64 = 15.0;

/// What a policy of 200 rules may add to the median of a warm token, in microseconds.
const POLICY_GOAL: f64 = 40.0;

/// Beside the first, which is without any.
pub(crate) fn policy(all: &[Judged]) {
    let count = all.first().map_or(0, |one| one.samples.len());
    say(&format!("\nwarm token by policy, us, {count:>6} each    median     p99   added"));
    let spreads: Vec<_> = all.iter().map(|one| (one.name, one.samples.clone().spread())).collect();
    let base = spreads.first().map_or(0.0, |(_, spread)| spread.median);
    for (name, spread) in &spreads {
        let added = (spread.median - base) * 1e3;
        let goal = match *name {
            "no policy" => String::new(),
            _ => goal(added <= POLICY_GOAL, "added", "<= 40"),
        };
        let (median, p99) = (spread.median * 1e3, spread.p99 * 1e3);
        say(&format!("  {name:<36} {median:>8.1} {p99:>7.1} {added:>7.1}{goal}"));
    }
}

pub(crate) fn whole(all: &[Whole]) {
    let count = all.first().map_or(0, |one| one.samples.len());
    say(&format!("\nwhole process, ms, {count} each       median     min     p99   worst"));
    for one in all {
        let spread = one.samples.clone().spread();
        let goal = match one.name {
            "dagpass token" => goal(spread.median <= WHOLE_GOAL, "median", "<= 1.2"),
            _ => String::new(),
        };
        say(&format!(
            "  {:<30} {:>7.2} {:>7.2} {:>7.2} {:>7.2}{goal}",
            one.name, spread.median, spread.least, spread.p99, spread.worst
        ));
    }
}

pub(crate) fn load(rows: &[Load]) {
    say(
        "\nwarm token under load            req/s    best  p50 ms  p99 ms worst ms  cpu us  failed",
    );
    for row in rows {
        let (rate, best) = middle_and_most(&row.rates);
        let spread = row.latency.clone().spread();
        let requests = row.latency.len().max(1) as f64;
        let ours = !row.door.starts_with("oidc-agent");
        let mut goals = String::new();
        if row.clients == 8 && row.door == "socket, kept" {
            goals += &goal(best >= RATE_GOAL, "best", ">= 30000");
        }
        if ours && row.clients == 64 {
            goals += &goal(spread.p99 < P99_GOAL, "p99", "< 5");
            goals += &goal(spread.worst < WORST_GOAL, "worst", "< 50");
        }
        say(&format!(
            "  {:<16} {:>3} clients {:>8.0} {:>7.0} {:>7.3} {:>7.2} {:>8.1} {:>7.1} {:>7}{goals}",
            row.door,
            row.clients,
            rate,
            best,
            spread.median,
            spread.p99,
            spread.worst,
            row.cpu.as_secs_f64() * 1e6 / requests,
            row.failed,
        ));
    }
}

pub(crate) fn idle(when: &str, stage: &Stage, peer: Option<&Peer>) {
    say(&format!("\nmemory, MB, {when:<28}  RSS     PSS"));
    let peer = peer.and_then(|peer| peer.agent.as_ref());
    let daemons = [("dagpass-agent", stage.agent.as_ref()), ("oidc-agent (2 processes)", peer)];
    for (name, daemon) in daemons.iter().filter_map(|(name, one)| Some((name, (*one)?))) {
        let (resident, share) = Daemon::memory(daemon);
        let share = share.map_or("private".to_owned(), |share| format!("{share:.1}"));
        let goal = match *name {
            "dagpass-agent" => goal(resident <= MEMORY_GOAL, "RSS", "<= 12"),
            _ => String::new(),
        };
        say(&format!("  {name:<38} {resident:>5.1} {share:>7}{goal}"));
    }
}

pub(crate) fn cold(all: &[Cold]) {
    say("\ncold start, ms            socket answers (median, worst)   first token (median, worst)");
    for one in all {
        let (socket, token) = (one.socket.clone().spread(), one.token.clone().spread());
        let goal = match one.name {
            "dagpass-agent" => goal(socket.median < SOCKET_GOAL, "socket", "< 15"),
            _ => String::new(),
        };
        say(&format!(
            "  {:<24} {:>14.1} {:>15.1} {:>18.1} {:>9.1}{goal}",
            one.name, socket.median, socket.worst, token.median, token.worst
        ));
    }
}

fn goal(reached: bool, what: &str, wanted: &str) -> String {
    format!("  [{what} {wanted}: {}]", if reached { "reached" } else { "MISSED" })
}
