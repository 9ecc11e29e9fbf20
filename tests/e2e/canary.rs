//! Fact: how many copies of a refresh token lie in the live agent after a sign-in and a refresh. Ours is one, in
//! locked pages that are wiped; what else there is was left by the libraries that carried it, and stands in
//! `src-tauri/docs/secrets-in-memory.md`. Root alone can look; elsewhere it says that it cannot.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use crate::idp::{Family, Setting};
use crate::scene::Scene;

/// How many copies were left of one token when this was written? More is a leak that somebody made since.
const MOST: usize = 6;
/// How much is read at once?
const PIECE: usize = 1024 * 1024;

/// The memory that a process may write to, where this process may read it.
fn memory(pid: u32) -> io::Result<Vec<Vec<u8>>> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let file = File::open(format!("/proc/{pid}/mem"))?;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let bounds = range.split_once('-').and_then(|(from, to)| {
            Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?))
        });
        let Some((from, to)) = bounds.filter(|_| rights.starts_with("rw")) else { continue };
        let mut region = Vec::new();
        let mut at = from;
        while at < to {
            let mut piece = vec![0; PIECE.min(usize::try_from(to - at).unwrap())];
            // A guard page, or one that went meanwhile.
            let Ok(read @ 1..) = file.read_at(&mut piece, at) else { break };
            region.extend_from_slice(&piece[..read]);
            at += read as u64;
        }
        found.push(region);
    }
    Ok(found)
}

fn copies(memory: &[Vec<u8>], needle: &[u8]) -> usize {
    let in_one = |region: &Vec<u8>| {
        let mut count = 0;
        let mut rest = region.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
            rest = &rest[at..];
            count += usize::from(rest.starts_with(needle));
            rest = &rest[1..];
        }
        count
    };
    memory.iter().map(in_one).sum()
}

#[test]
fn a_refresh_token_lies_in_the_live_agent_no_more_often_than_is_listed() {
    let scene = Scene::signed_in(Setting::of(Family::PingOne));
    for _ in 0..3 {
        scene.refreshed();
    }
    scene.idp.give_secrets(&scene.world);
    let memory = match memory(scene.world.agent_pid()) {
        Ok(memory) => memory,
        Err(error) => {
            // Past the harness, which keeps to itself what a test that passed prints.
            let said = "the canary saw nothing: the agent's memory cannot be read here";
            writeln!(io::stderr(), "{said} ({error})").unwrap();
            return scene.close();
        }
    };
    let mut tokens: Vec<_> = scene.world.secrets();
    tokens.retain(|secret| secret.kind.contains("refresh"));
    assert!(tokens.len() >= 4, "the sign-in's and three more: {}", tokens.len());
    let counts: Vec<usize> =
        tokens.iter().map(|token| copies(&memory, token.value.as_bytes())).collect();
    println!("copies of each refresh token, as they were given: {counts:?}");
    assert!(counts.iter().any(|count| *count > 0), "the newest is there: {counts:?}");
    assert!(counts.iter().all(|count| *count <= MOST), "{counts:?}");
    scene.close();
}
