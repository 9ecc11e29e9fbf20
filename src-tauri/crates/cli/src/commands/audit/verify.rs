//! Whether the ledger's chain holds, for a person: what is on the record of the file itself, and each line
//! that does not go on from the one before.

use std::io::BufReader;
use std::path::Path;

use dagpass_client::ledger::{Chain, Found};

use super::{opened, unreadable};
use crate::exit::Failure;
use crate::output;
use crate::world::World;

pub(super) fn run(world: &World, file: Option<&Path>) -> Result<(), Failure> {
    let (path, file) = opened(file)?;
    let chain = Chain::of(BufReader::new(file)).map_err(unreadable)?;
    if world.json {
        output::json(&chain)?;
    } else {
        output::out(&shown(&path, &chain))?;
    }
    match chain.breaks.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new("ledger_broken", "the ledger was changed")
            .because(format!("line {}: {}", first.line, first.what))),
    }
}

fn shown(path: &Path, chain: &Chain) -> String {
    let path = path.display();
    let records = match (chain.first, chain.last) {
        (Some(first), Some(last)) => format!("records {first} to {last}"),
        (_, _) => "no record".to_owned(),
    };
    let verdict = match chain.breaks.len() {
        0 => "the chain holds".to_owned(),
        1 => "the chain is broken in 1 place".to_owned(),
        many => format!("the chain is broken in {many} places"),
    };
    let mut lines = vec![format!("{path}: {records}, {verdict}")];
    let of = |found: &Found| format!("  line {}: {}", found.line, found.what);
    lines.extend(chain.notes.iter().map(of));
    lines.extend(chain.breaks.iter().map(of));
    lines.join("\n")
}
