//! `dagpass airflow scan`: do tokens that were issued lie in Airflow's logs, in its DAGs, or in a folder that is
//! named? Where, and never what. The agent is told of each, ends the leases that hold it, and puts it on the record.

use std::env::home_dir;
use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use dagpass_client::tripwire::{Hit, Issue, Issued, LeftOut, Limits, Looked, Search};
use dagpass_client::wire::{Leak, LeakAsk};
use jiff::Timestamp;
use serde::Serialize;

use super::{cfg, wiring};
use crate::commands::audit;
use crate::commands::audit::since;
use crate::exit::{CHECK_FAILED, Failure};
use crate::output;
use crate::time;
use crate::world::World;

/// How much of the ledger is read at once?
const BLOCK: usize = 256 * 1024;
/// How many finds does the agent take at once, and how many bytes of them? It reads 16 KiB.
const AT_ONCE: usize = 100;
const BYTES_AT_ONCE: usize = 12 * 1024;
/// What stands around a place.
const AROUND: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Folders or files, instead of Airflow's logs and DAGs
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Only files that changed since then: 90s, 8h, 7d, a day such as 2026-11-24, or a time
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
}

/// A find with what the ledger knows of the token.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Find {
    place: String,
    #[serde(flatten)]
    hit: Hit,
    issued: Option<Issue>,
    /// The leases that ended with it. Absent where the agent was not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    leases: Option<Vec<String>>,
    /// It was found there before.
    known: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    hits: Vec<Find>,
    /// How many tokens were looked for.
    tokens: usize,
    folders: Vec<PathBuf>,
    files: u64,
    bytes: u64,
    not_text: u64,
    left_out: Vec<LeftOut>,
    left_out_in_all: u64,
    unopened: Vec<LeftOut>,
}

pub(super) fn run(world: &World, command: &Scan) -> Result<ExitCode, Failure> {
    let folders = folders(command)?;
    let (path, ledger) = audit::opened(None)?;
    let ledger = BufReader::with_capacity(BLOCK, ledger.reader());
    let issued = Issued::read(ledger, None).map_err(|error| {
        Failure::new("io", format!("{} cannot be read", path.display())).because(error)
    })?;
    let mut search = Search::of(issued.fingerprints(), Limits::ASKED);
    let changed = command.since.map(SystemTime::from);
    folders.iter().for_each(|folder| search.through(folder, changed));
    let Looked { hits, files, bytes, not_text, left_out, left_out_in_all, unopened } = search.end();
    let hits = told(world, &issued, hits);
    let bad = !hits.is_empty();
    let tokens = issued.len();
    let told =
        Told { hits, tokens, folders, files, bytes, not_text, left_out, left_out_in_all, unopened };
    if world.json {
        output::json(&told)?;
    } else {
        for find in &told.hits {
            output::out(&find.sentence())?;
        }
        told.say();
    }
    told.is_whole()?;
    Ok(if bad { ExitCode::from(CHECK_FAILED) } else { ExitCode::SUCCESS })
}

fn folders(command: &Scan) -> Result<Vec<PathBuf>, Failure> {
    if !command.folders.is_empty() {
        return Ok(command.folders.clone());
    }
    let here: Vec<PathBuf> = places().into_iter().filter(|place| place.is_dir()).collect();
    if here.is_empty() {
        return Err(Failure::new("not_found", "Airflow's logs and DAGs are not here")
            .hint("name the folders: `dagpass airflow scan FOLDER`, or set AIRFLOW_HOME"));
    }
    Ok(here)
}

/// Where this shell's Airflow has its logs and its DAGs, by its environment and airflow.cfg alone.
pub(crate) fn places() -> Vec<PathBuf> {
    let text = wiring::airflow_cfg().and_then(|file| std::fs::read_to_string(file).ok());
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = variable("AIRFLOW_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(home_dir()?.join("airflow")));
    places_of(&variable, text.as_deref().unwrap_or_default(), home.as_deref())
}

fn places_of(
    variable: &dyn Fn(&str) -> Option<OsString>,
    text: &str,
    home: Option<&Path>,
) -> Vec<PathBuf> {
    let place = |section, key, name: &str, folder: &str| {
        // What Airflow would put together from other values is its own to read.
        let written = cfg::value(section, key, text).filter(|path| !path.contains(['{', '%']));
        let set = variable(name).map(PathBuf::from).or_else(|| written.map(PathBuf::from));
        set.map_or_else(|| Some(home?.join(folder)), |set| Some(of_home(set)))
    };
    let logs = place("logging", "base_log_folder", "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "logs");
    let dags = place("core", "dags_folder", "AIRFLOW__CORE__DAGS_FOLDER", "dags");
    logs.into_iter().chain(dags).collect()
}

fn of_home(path: PathBuf) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(rest) => home_dir().map_or_else(|| path.clone(), |home| home.join(rest)),
        Err(_) => path,
    }
}

/// Tells the agent of those that are not on the record yet.
pub(crate) fn told(world: &World, issued: &Issued, hits: Vec<Hit>) -> Vec<Find> {
    let mut finds: Vec<Find> = hits.into_iter().map(|hit| Find::of(issued, hit)).collect();
    let mut untold: Vec<&mut Find> = finds.iter_mut().filter(|find| !find.known).collect();
    let mut left = untold.as_mut_slice();
    while !left.is_empty() {
        let many = at_once(left);
        let (some, behind) = std::mem::take(&mut left).split_at_mut(many);
        left = behind;
        let leak = |find: &&mut Find| Leak {
            fingerprint: find.hit.fingerprint.clone(),
            place: find.place.clone(),
        };
        let ask = LeakAsk { leaks: some.iter().map(leak).collect() };
        match world.ask(|agent| agent.tell_of_leaks(&ask)) {
            Ok(reply) => {
                some.iter_mut()
                    .zip(reply.leaks)
                    .for_each(|(find, told)| find.leases = Some(told.leases));
            }
            Err(failure) => {
                let why = failure.reply.error_description;
                output::say(&format!("note: the agent was not told of what was found: {why}"));
            }
        }
    }
    finds
}

/// How many of them? One at least: the longest place fits.
fn at_once(finds: &[&mut Find]) -> usize {
    let mut bytes = 0;
    let fits = |find: &&&mut Find| {
        // Each letter of it may need a backslash.
        bytes += 2 * find.place.len() + AROUND;
        bytes <= BYTES_AT_ONCE
    };
    finds.iter().take(AT_ONCE).take_while(fits).count().max(1)
}

impl Find {
    fn of(issued: &Issued, hit: Hit) -> Self {
        let place = hit.place();
        let known = issued.is_told(&hit.fingerprint, &place);
        Self { issued: issued.of(&hit.fingerprint).cloned(), leases: None, known, place, hit }
    }

    /// Where, when, to whom; never what.
    pub(crate) fn sentence(&self) -> String {
        let mut text = format!("{} holds a token that was issued", self.place);
        if let Some(issue) = &self.issued {
            let to = issue.person.as_ref().map(|who| format!(" to {who}"));
            let target = issue.connection.as_ref().map(|id| format!(" for connection {id}"));
            let target =
                target.or_else(|| Some(format!(" for Airflow {}", issue.deployment.as_ref()?)));
            let target =
                target.or_else(|| Some(format!(" for profile {}", issue.profile.as_ref()?)));
            let task = issue.dag_id.as_ref().map(|dag| {
                let task = issue.task_id.as_ref().map(|task| format!(".{task}"));
                format!(", DAG {dag}{}", task.unwrap_or_default())
            });
            text += &format!(" at {}", issue.time);
            text.extend([to, target, task].into_iter().flatten());
            text += &format!(" (line {} of the ledger)", issue.seq);
        }
        text += &match &self.leases {
            _ if self.known => "; this find is on the record already".to_owned(),
            None => "; the agent was not told".to_owned(),
            Some(leases) if leases.is_empty() => "; no process tree holds it any more".to_owned(),
            Some(leases) => format!("; ended with it: {}", leases.join(", ")),
        };
        let ends = self.issued.as_ref().and_then(|issue| issue.expires_at);
        let now = time::now();
        match ends {
            Some(ends) if ends > now => {
                text +=
                    &format!(", and is good until {} wherever it is taken", time::show(ends, now));
            }
            Some(_) => text += "; it is good no more",
            None => {}
        }
        output::word(&text)
    }
}

impl Told {
    /// What was to be searched and could not be opened is not clean.
    fn is_whole(&self) -> Result<(), Failure> {
        let Some(first) = self.unopened.first() else { return Ok(()) };
        let what = match self.unopened.len() {
            1 => format!("{} was not searched", first.path.display()),
            many => format!("{} and {} more were not searched", first.path.display(), many - 1),
        };
        Err(Failure::new("io", output::word(&what))
            .because(&first.why)
            .hint("give this user the right to read it, or name another folder"))
    }

    fn say(&self) {
        let found = match self.hits.len() {
            0 => "no token of ours was found".to_owned(),
            many => format!("{many} found: delete them there, and find out what writes them"),
        };
        let megabytes = self.bytes.div_ceil(1 << 20);
        output::say(&format!(
            "{found}; looked for {} tokens in {} files, {megabytes} MiB",
            self.tokens, self.files
        ));
        output::say(
            "  not found would be one that is cut or encoded, or an opaque one within a longer word",
        );
        for left in &self.left_out {
            output::say(&format!("  left out: {}: {}", left.path.display(), left.why));
        }
        let more = self.left_out_in_all.saturating_sub(self.left_out.len() as u64);
        if more > 0 {
            output::say(&format!("  left out: {more} more"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_file_and_both_before_airflow_s_home() {
        let home = Path::new("/home/ada/airflow");
        let file =
            "[core]\ndags_folder = /srv/dags\n[logging]\nbase_log_folder = {AIRFLOW_HOME}/logs\n";
        let table = [
            (None, "", ["/home/ada/airflow/logs", "/home/ada/airflow/dags"]),
            (None, file, ["/home/ada/airflow/logs", "/srv/dags"]),
            (Some("AIRFLOW__CORE__DAGS_FOLDER"), file, ["/home/ada/airflow/logs", "/env"]),
            (Some("AIRFLOW__LOGGING__BASE_LOG_FOLDER"), file, ["/env", "/srv/dags"]),
        ];
        for (set, text, expected) in table {
            let variable = |name: &str| (Some(name) == set).then(|| "/env".into());
            let found = places_of(&variable, text, Some(home));
            assert_eq!(found, expected.map(PathBuf::from), "{set:?} {text}");
        }
    }

    #[test]
    fn the_agent_is_told_of_no_more_at_once_than_it_reads() {
        let find = |name: String| {
            let fingerprint = "0123456789abcdef".to_owned();
            let hit = Hit { fingerprint, file: name.into(), line: Some(1), byte: 0, times: 1 };
            Find::of(&Issued::default(), hit)
        };
        for (name, expected) in [
            ("a".to_owned(), 100),
            ("a".repeat(150), 33),
            ("a".repeat(3000), 2),
            ("\"".repeat(9000), 1),
            ("\u{1}".repeat(9000), 1),
        ] {
            let mut finds: Vec<Find> = (0..150).map(|_| find(name.clone())).collect();
            let finds: Vec<&mut Find> = finds.iter_mut().collect();
            let many = at_once(&finds);
            assert_eq!(many, expected, "{name:.20}");
            let leak = |find: &&mut Find| Leak {
                fingerprint: find.hit.fingerprint.clone(),
                place: find.place.clone(),
            };
            let ask = LeakAsk { leaks: finds[..many].iter().map(leak).collect() };
            assert!(serde_json::to_vec(&ask).unwrap().len() <= 16 * 1024, "{name:.20}");
        }
        assert_eq!(at_once(&[]), 1);
    }

    #[test]
    fn a_find_says_where_when_and_to_whom() {
        let line = r#"{"seq":7,"time":"2026-11-24T08:00:00.000Z","event":"issue","outcome":"ok","fingerprint":"0123456789abcdef","connection":"lake","subject":{"sub":"7f3a","email":"alice@corp.example"},"expires_at":1000,"caller":{"context":{"dag_id":"etl","task_id":"load"}}}"#;
        let mut issued = Issued::default();
        issued.add(line);
        let hit = Hit {
            fingerprint: "0123456789abcdef".to_owned(),
            file: PathBuf::from("/logs/a\n.log"),
            line: Some(12),
            byte: 0,
            times: 1,
        };
        let mut find = Find::of(&issued, hit);
        find.leases = Some(vec!["ls-1".to_owned()]);
        assert_eq!(
            find.sentence(),
            "/logs/a\u{fffd}.log:12 holds a token that was issued at 2026-11-24T08:00:00.000Z to \
             alice@corp.example for connection lake, DAG etl.load (line 7 of the ledger); ended with \
             it: ls-1; it is good no more"
        );
        issued.add(
            &line
                .replace("issue", "token-found")
                .replace("\"seq\"", "\"reason\":\"/logs/a\u{fffd}.log:12\",\"seq\""),
        );
        assert!(Find::of(&issued, find.hit).known);
    }
}
