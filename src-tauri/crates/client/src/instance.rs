//! What the running agent writes beside its lock, and where clients look for it. Decides whose machine a
//! record is of; whether its agent still runs, connecting tells.

use serde::{Deserialize, Serialize};

use crate::place::{self, Place, PlaceError};
use crate::{folders, system};

/// The record's name, in the lock's folder.
pub const RECORD: &str = "agent.lock";

/// What an agent ends with where another one of this machine has the home, also one that is ending.
pub const TAKEN: u8 = 3;

/// Who runs, and where it listens: clients read it before they guess a place. What a reader does not
/// know it ignores, and what a writer of another version does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    pub pid: u32,
    /// Socket path or pipe name.
    pub socket: String,
    /// Epoch seconds.
    pub started_at: i64,
    /// Of the running program, so that a client can tell an older one without asking.
    #[serde(default)]
    pub version: String,
    /// The machine's name, where it has one to tell: a home folder may be shared by several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The config that it reads.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config: String,
}

impl InstanceRecord {
    /// Is its process another machine's? One that does not say is taken for ours.
    pub fn is_elsewhere(&self) -> bool {
        !self.host.is_empty() && self.host != host()
    }
}

/// This machine's name; empty where homes are not taken for shared.
pub fn host() -> String {
    system::hostname()
}

/// Every record there is: in the lock's folder, and where this shell's variables have had the last
/// release put it. They may be stale: connecting tells.
pub(crate) fn records() -> Vec<InstanceRecord> {
    let folders = folders::of_records().unwrap_or_default();
    let text = |folder: std::path::PathBuf| std::fs::read_to_string(folder.join(RECORD)).ok();
    let mut found: Vec<InstanceRecord> = Vec::new();
    for record in folders.into_iter().filter_map(text) {
        match serde_json::from_str(&record) {
            Ok(record) if !found.contains(&record) => found.push(record),
            Ok(_) | Err(_) => {}
        }
    }
    found
}

/// Where the records say, then where this shell's variables say. What another machine's agent wrote
/// comes last: this may be a container on the same machine, and connecting tells.
pub(crate) fn places(
    records: &[InstanceRecord],
    guess: Result<Place, PlaceError>,
) -> Result<Vec<Place>, PlaceError> {
    let (elsewhere, here): (Vec<_>, Vec<_>) =
        records.iter().partition(|record| record.is_elsewhere());
    let recorded = |record: &&InstanceRecord| place::named(&record.socket).ok();
    let mut places: Vec<Place> = here.iter().filter_map(recorded).collect();
    match guess {
        Ok(guess) => places.push(guess),
        Err(error) if records.is_empty() => return Err(error),
        Err(_) => {}
    }
    places.extend(elsewhere.iter().filter_map(recorded));
    let mut once: Vec<Place> = Vec::new();
    for place in places {
        if !once.contains(&place) {
            once.push(place);
        }
    }
    Ok(once)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASED: &str = include_str!("../../../../tests/cases/released/agent.lock");

    /// As the last release has it.
    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Released {
        pid: u32,
        socket: String,
        started_at: i64,
        #[serde(default)]
        version: String,
    }

    #[test]
    fn the_last_releases_record_is_read_and_ours_is_read_by_it() {
        let old: InstanceRecord = serde_json::from_str(RELEASED).unwrap();
        assert_eq!((old.pid, old.started_at), (3968, 1_795_973_968));
        assert_eq!(old.socket, "/run/user/1000/dagpass/agent.sock");
        assert!(!old.is_elsewhere(), "it does not say where it is");
        let new = InstanceRecord { host: "box".into(), config: "/c.toml".into(), ..old };
        let text = serde_json::to_string(&new).unwrap();
        let read: Released = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::from_str(RELEASED).unwrap());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_record_of_this_machine_goes_first_and_another_machines_last() {
        let at = |socket: &str, host: &str| InstanceRecord {
            socket: socket.to_owned(),
            host: host.to_owned(),
            ..InstanceRecord::default()
        };
        let guess = || Ok(Place::Socket("/guess".into()));
        let own = host();
        for (records, expected) in [
            (vec![], &["/guess"][..]),
            (vec![at("/new", &own), at("/old", "")], &["/new", "/old", "/guess"]),
            (vec![at("/guess", &own), at("no path", "")], &["/guess"]),
            (vec![at("/there", "box7.example"), at("/old", "")], &["/old", "/guess", "/there"]),
        ] {
            let found: Vec<String> =
                places(&records, guess()).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(places(&[], Err(PlaceError::NoHome)), Err(PlaceError::NoHome));
        assert_eq!(places(&[at("/new", &own)], Err(PlaceError::NoHome)).unwrap().len(), 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_record_of_another_machine_is_told_from_ours() {
        let at = |host: &str| InstanceRecord { host: host.to_owned(), ..InstanceRecord::default() };
        for (host, elsewhere) in [("", false), (&*host(), false), ("another.example", true)] {
            assert_eq!(at(host).is_elsewhere(), elsewhere, "{host}");
        }
    }
}
