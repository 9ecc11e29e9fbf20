//! `dagpass audit prune`: the agent removes the ledger's segments whose lines are all old enough, or says which it
//! would.

use clap::Args;
use dagpass_client::wire::{PruneAsk, PruneReply, PrunedSegment};
use jiff::Timestamp;

use super::since;
use crate::exit::Failure;
use crate::output;
use crate::world::World;

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// What was written before then (2026-01-31, or 90d for that long ago); else what is older than `retain` of the
    /// config says
    #[arg(long, value_name = "DATE", value_parser = since)]
    before: Option<Timestamp>,
    /// Only say what would go
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn run(world: &World, args: &PruneArgs) -> Result<(), Failure> {
    let ask = PruneAsk { before: args.before.map(Timestamp::as_millisecond) };
    let reply = world.ask(|agent| match args.dry_run {
        true => agent.pruning(&ask),
        false => agent.prune(&ask),
    })?;
    match world.json {
        true => output::json(&reply),
        false => output::out(&told(&reply, args.dry_run)),
    }
}

fn told(reply: &PruneReply, dry_run: bool) -> String {
    let mut lines: Vec<String> = reply.segments.iter().map(row).collect();
    let before = &reply.before;
    lines.push(match (reply.segments.first().zip(reply.segments.last()), dry_run) {
        (None, _) => format!("no closed segment has only lines of before {before} that may go"),
        (Some((first, last)), true) => {
            format!("lines {} to {} of before {before} would be removed", first.first, last.last)
        }
        (Some((first, last)), false) => format!(
            "lines {} to {} of before {before} are removed; their hashes and checkpoints stay",
            first.first, last.last
        ),
    });
    lines.extend(reply.kept.clone());
    lines.join("\n")
}

fn row(segment: &PrunedSegment) -> String {
    let PrunedSegment { first, last, bytes, from, until } = segment;
    format!("lines {first} to {last}, {from} to {until}, {bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_goes_and_why_the_rest_stays() {
        let before = "2026-01-01T00:00:00.000Z".to_owned();
        let part = |first, last| PrunedSegment {
            first,
            last,
            bytes: 4096,
            from: "2025-10-01T00:00:00.000Z".to_owned(),
            until: "2025-11-01T00:00:00.000Z".to_owned(),
        };
        let reply = PruneReply { before, segments: vec![part(1, 9), part(10, 20)], kept: None };
        let rows = "lines 1 to 9, 2025-10-01T00:00:00.000Z to 2025-11-01T00:00:00.000Z, 4096 bytes\n\
                    lines 10 to 20, 2025-10-01T00:00:00.000Z to 2025-11-01T00:00:00.000Z, 4096 bytes\n";
        let ends = "lines 1 to 20 of before 2026-01-01T00:00:00.000Z would be removed";
        assert_eq!(told(&reply, true), format!("{rows}{ends}"));
        assert!(told(&reply, false).ends_with("their hashes and checkpoints stay"));
        let kept = Some("lines 1 to 9 stay: they are not shipped yet".to_owned());
        let none = told(&PruneReply { segments: vec![], kept, ..reply }, false);
        assert!(
            none.starts_with("no closed segment") && none.ends_with("not shipped yet"),
            "{none}"
        );
    }
}
