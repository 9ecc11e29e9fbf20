//! `dagpass audit ship`: how far the agent has shipped the ledger to the config's collector, and its trouble with
//! that; on wish it tries at once, or sends lines once more.

use clap::Args;
use dagpass_client::wire::{ShipAsk, ShipStatus};

use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Args)]
pub(crate) struct ShipArgs {
    /// Try at once, and wait for what comes of it
    #[arg(long)]
    now: bool,
    /// Send once more what was sent from that line on, by its `seq`
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
}

pub(super) fn run(world: &World, args: &ShipArgs) -> Result<(), Failure> {
    let ships = args.now || args.from.is_some();
    let status = world.ask(|agent| match ships {
        true => agent.ship(&ShipAsk { from: args.from }),
        false => agent.shipping(),
    })?;
    match world.json {
        true => output::json(&status)?,
        false => output::out(&told(&status))?,
    }
    match status.error.filter(|_| ships) {
        None => Ok(()),
        Some(why) => {
            let what = "the collector does not take the ledger";
            Err(Failure::new("temporarily_unavailable", what).because(why))
        }
    }
}

fn told(status: &ShipStatus) -> String {
    let Some(collector) = &status.collector else {
        return "nothing is shipped: the config names no collector (`otlp` under `[audit.ship]`)"
            .to_owned();
    };
    let checkpoint = match status.checkpoint {
        0 => String::new(),
        over => format!(", the checkpoint over {over} too"),
    };
    let at = status.taken_at.as_ref().map(|at| format!(", last at {at}")).unwrap_or_default();
    let behind = match status.behind {
        0 => "by nothing".to_owned(),
        1 => "by 1 line".to_owned(),
        many => format!("by {many} lines"),
    };
    let mut rows = vec![
        ("collector", collector.clone()),
        ("shipped", format!("up to line {}{checkpoint}{at}", status.shipped)),
        ("behind", behind),
    ];
    if status.rejected > 0 {
        rows.push(("rejected", format!("{} records, thrown away there", status.rejected)));
    }
    if let Some(why) = &status.error {
        let since = status.failing_since.as_deref().unwrap_or("now");
        rows.push(("error", format!("{} (since {since})", output::word(why))));
    }
    rows.extend(status.next_try.clone().map(|next| ("next try", next)));
    rows.iter().map(|(name, what)| format!("{name:<11}{what}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_it_is_and_what_keeps_it() {
        assert!(told(&ShipStatus::default()).contains("names no collector"));
        let well = ShipStatus {
            collector: Some("http://c/v1/logs".to_owned()),
            shipped: 4711,
            checkpoint: 4608,
            taken_at: Some("2026-11-30T10:00:00.000Z".to_owned()),
            ..ShipStatus::default()
        };
        assert_eq!(
            told(&well),
            "collector  http://c/v1/logs\n\
             shipped    up to line 4711, the checkpoint over 4608 too, last at 2026-11-30T10:00:00.000Z\n\
             behind     by nothing"
        );
        let failing = ShipStatus {
            checkpoint: 0,
            taken_at: None,
            behind: 3,
            rejected: 2,
            error: Some("it answered 503".to_owned()),
            failing_since: Some("2026-11-30T10:00:00.000Z".to_owned()),
            next_try: Some("2026-11-30T10:05:00.000Z".to_owned()),
            ..well
        };
        assert_eq!(
            told(&failing),
            "collector  http://c/v1/logs\n\
             shipped    up to line 4711\n\
             behind     by 3 lines\n\
             rejected   2 records, thrown away there\n\
             error      it answered 503 (since 2026-11-30T10:00:00.000Z)\n\
             next try   2026-11-30T10:05:00.000Z"
        );
    }
}
