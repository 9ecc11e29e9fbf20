//! The whole process: from spawn to exit of `dagpass token`, of `oidc-token` and of a program that
//! does nothing, one after another in every round. Spawned directly, never through a shell.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;
use crate::figures::Samples;
use crate::peer::Peer;
use crate::stage::Stage;

/// How many of each?
const ROUNDS: usize = 300;

#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) name: &'static str,
    pub(crate) samples: Samples,
}

pub(crate) fn rounds(stage: &Stage, peer: Option<&Peer>) -> Outcome<Vec<Whole>> {
    let mut programs = vec![
        ("true (the floor)", stage.command("/bin/true")),
        ("dagpass token", stage.dagpass(&["token"])),
    ];
    programs.extend(peer.map(|peer| ("oidc-token", peer.token_command())));
    let mut all: Vec<Whole> =
        programs.iter().map(|(name, _)| Whole { name, samples: Samples::default() }).collect();
    for _ in 0..ROUNDS {
        for ((name, command), whole) in programs.iter_mut().zip(&mut all) {
            whole.samples.add(once(name, command)?);
        }
    }
    Ok(all)
}

fn once(name: &str, command: &mut Command) -> Outcome<std::time::Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let ended = command.spawn()?.wait()?;
    let took = started.elapsed();
    if ended.success() { Ok(took) } else { Err(format!("{name} ended with {ended}").into()) }
}
