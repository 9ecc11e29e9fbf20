//! `dagpass purge`: everything of ours off this machine. What will go is shown first, what went is
//! listed. Decides the order: Airflow's wiring, the sessions with their records, the agent, the files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use dagpass_client::folders::{Folders, LEDGER, NOTE};
use dagpass_client::ledger::log::FOLDER;
use dagpass_client::{login_item, owner, place};
use serde::Serialize;

use super::{agent, airflow};
use crate::exit::Failure;
use crate::world::World;
use crate::{input, output};

/// How long may an agent that stopped take to let go of its files?
const LET_GO_LIMIT: Duration = Duration::from_secs(10);
const LET_GO_POLL: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dagpass purge\n  dagpass purge --yes --keep-config --keep-ledger"
)]
pub(crate) struct Purge {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Leave the config file
    #[arg(long)]
    keep_config: bool,
    /// Leave the record of what was issued
    #[arg(long)]
    keep_ledger: bool,
}

/// What is gone, and what would not go.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Gone {
    removed: Vec<String>,
    left: Vec<String>,
}

pub(crate) fn run(world: &World, args: &Purge) -> Result<(), Failure> {
    let files = Files::find(args)?;
    if !args.yes {
        output::say("this signs every profile out at Ping and removes from this machine:");
        output::say("  every keychain record of dagpass");
        files.all().for_each(|path| output::say(&format!("  {}", path.display())));
        if login_item::look().enabled {
            output::say(&format!("  {}", login_item::look().path));
        }
        airflow::wired().iter().for_each(|file| {
            output::say(&format!("  the wiring in {}", file.display()));
        });
        if !input::agreed("go on?")? {
            return Err(Failure::new("not_purged", "nothing was removed"));
        }
    }
    let mut gone = Gone::default();
    unwire(&mut gone);
    let ended = world.ask(|agent| agent.purge())?;
    for profile in &ended.profiles {
        output::say(&super::logout::line(profile));
    }
    gone.removed.extend(ended.records.iter().map(|account| format!("keychain: {account}")));
    agent::stop(world)?;
    match login_item::remove() {
        Ok(items) => gone.removed.extend(items),
        Err(error) => gone.left.push(format!("{}: {error}", login_item::look().path)),
    }
    files.remove(&mut gone);
    if world.json {
        output::json(&gone)?;
    } else {
        let removed = gone.removed.iter().map(|one| format!("removed  {one}"));
        let left = gone.left.iter().map(|one| format!("left     {one}"));
        output::out(&removed.chain(left).collect::<Vec<_>>().join("\n"))?;
    }
    if gone.left.is_empty() {
        return Ok(());
    }
    Err(Failure::new("io", "not everything could be removed").hint("remove what is left by hand"))
}

fn unwire(gone: &mut Gone) {
    for file in airflow::wired() {
        let shown = file.display();
        match airflow::take_back(&file) {
            Ok(()) => gone.removed.push(format!("the wiring in {shown}")),
            Err(failure) => {
                let why = failure.reply.error_description;
                gone.left.push(format!("the wiring in {shown}: {why}"));
            }
        }
    }
}

/// What lies where.
#[derive(Debug)]
struct Files {
    /// The files' own, the lock's, and this shell's of the last release.
    state: Vec<PathBuf>,
    keep_ledger: bool,
    config: Option<PathBuf>,
    /// The window's own files.
    cache: Option<PathBuf>,
    /// The socket's folder, where it is ours by its name.
    run: Option<PathBuf>,
}

impl Files {
    fn find(args: &Purge) -> Result<Self, Failure> {
        let nowhere = |error: place::PlaceError| Failure::new("no_place", error.to_string());
        let folders = Folders::here().map_err(nowhere)?;
        let state: Vec<PathBuf> = folders.all().into_iter().map(Path::to_owned).collect();
        let config = place::config_path().map_err(nowhere)?;
        let run = place::socket().ok().and_then(|place| match place {
            place::Place::Socket(path) => path.parent().map(Path::to_owned),
            place::Place::Pipe(_) => None,
        });
        Ok(Self {
            keep_ledger: args.keep_ledger,
            config: Some(config).filter(|path| !args.keep_config && path.exists()),
            cache: place::cache_dir().ok().filter(|folder| !state.contains(folder)),
            run: run.filter(|folder| folder.ends_with("dagpass") && !state.contains(folder)),
            state,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Path> {
        let others = [self.config.as_ref(), self.cache.as_ref(), self.run.as_ref()];
        let places = self.state.iter().chain(others.into_iter().flatten());
        places.map(PathBuf::as_path).filter(|path| path.exists())
    }

    fn remove(&self, gone: &mut Gone) {
        for state in &self.state {
            // The note says where a ledger lies.
            let kept = [state.join(LEDGER), state.join(FOLDER), state.join(NOTE)];
            if self.keep_ledger && kept.iter().any(|kept| kept.exists()) {
                gone.empty_but(state, &kept);
            } else {
                gone.take(state, once_let_go(|| fs::remove_dir_all(state)));
                ours_above(state).into_iter().for_each(|folder| gone.take_empty(folder));
            }
        }
        if let Some(config) = &self.config {
            gone.take(config, fs::remove_file(config));
            // The folder too where it was ours alone.
            ours_above(config).into_iter().for_each(|folder| gone.take_empty(folder));
        }
        if let Some(cache) = &self.cache {
            gone.take(cache, fs::remove_dir_all(cache));
        }
        if let Some(run) = &self.run {
            for left in window_files(run) {
                gone.take(&left, fs::remove_file(&left));
            }
            gone.take_empty(run);
        }
    }
}

/// What a window leaves beside the socket, one pair a screen: `panel-0.sock`, `panel-0.lock`.
fn window_files(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run).into_iter().flatten().flatten().map(|entry| entry.path());
    let ours = |path: &PathBuf| {
        path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("panel"))
            && path.extension().is_some_and(|kind| kind == "sock" || kind == "lock")
    };
    entries.filter(ours).collect()
}

/// Windows keeps a file that a program has open, and the agent answers nobody for a moment before it
/// has ended.
fn once_let_go(remove: impl Fn() -> std::io::Result<()>) -> std::io::Result<()> {
    let until = Instant::now() + LET_GO_LIMIT;
    loop {
        match remove() {
            Err(error) if cfg!(windows) && error.kind() != ErrorKind::NotFound => {
                if Instant::now() >= until {
                    return Err(error);
                }
                sleep(LET_GO_POLL);
            }
            done => return done,
        }
    }
}

/// The folders above that bear our name, inmost first; on Windows there is one more inside ours.
fn ours_above(path: &Path) -> Vec<&Path> {
    let Some(folder) = path.parent() else { return Vec::new() };
    let inside_ours = folder.parent().filter(|above| above.ends_with("dagpass"));
    match inside_ours {
        _ if folder.ends_with("dagpass") => vec![folder],
        Some(above) if folder.ends_with("config") => vec![folder, above],
        Some(_) | None => Vec::new(),
    }
}

impl Gone {
    fn take(&mut self, path: &Path, removed: std::io::Result<()>) {
        match removed {
            Ok(()) => self.removed.push(path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.left.push(owner::told(path, &error)),
        }
    }

    fn empty_but(&mut self, folder: &Path, kept: &[PathBuf]) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.take(folder, Err(error)),
        };
        let paths = entries.flatten().map(|entry| entry.path());
        for path in paths.filter(|path| !kept.contains(path)) {
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            self.take(&path, removed);
        }
    }

    /// What somebody else put there stays, and the folder with it.
    fn take_empty(&mut self, folder: &Path) {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            removed => self.take(folder, removed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_but_the_ledger_and_what_is_not_ours_where_it_is_to_stay() {
        let world = tempfile::tempdir().unwrap();
        let at = |name: &str| world.path().join(name);
        fs::create_dir_all(at("state/dagpass/sealed")).unwrap();
        fs::create_dir_all(at("state/dagpass/ledger-log/1")).unwrap();
        fs::create_dir_all(at("config/dagpass")).unwrap();
        fs::create_dir_all(at("run/dagpass")).unwrap();
        fs::write(at("run/dagpass/panel-0.lock"), "").unwrap();
        for file in [
            "state/dagpass/ledger.jsonl",
            "state/dagpass/ledger-log/1/checkpoint",
            "state/dagpass/store.json",
        ] {
            fs::write(at(file), "x").unwrap();
        }
        fs::write(at("config/dagpass/config.toml"), "x").unwrap();
        fs::write(at("config/dagpass/corp-ca.pem"), "theirs").unwrap();
        fs::create_dir_all(at("snap/dagpass")).unwrap();
        fs::write(at("snap/dagpass/agent.guard"), "").unwrap();
        let files = Files {
            cache: None,
            state: vec![at("state/dagpass"), at("snap/dagpass")],
            keep_ledger: true,
            config: Some(at("config/dagpass/config.toml")),
            run: Some(at("run/dagpass")),
        };
        let mut gone = Gone::default();
        files.remove(&mut gone);
        assert_eq!(gone.left, [] as [String; 0]);
        assert_eq!(gone.removed.len(), 6, "{gone:?}");
        assert!(!at("snap/dagpass").exists());
        assert!(at("state/dagpass/ledger.jsonl").exists());
        assert!(at("state/dagpass/ledger-log/1/checkpoint").exists());
        assert!(at("config/dagpass/corp-ca.pem").exists());
        Files { keep_ledger: false, ..files }.remove(&mut gone);
        assert!(!at("state/dagpass").exists());
    }

    #[test]
    fn folders_above_go_up_to_the_one_with_our_name() {
        for (path, folders) in [
            ("r/dagpass/config/config.toml", &["r/dagpass/config", "r/dagpass"][..]),
            ("l/dagpass/data", &["l/dagpass"]),
            (".config/dagpass/config.toml", &[".config/dagpass"]),
            // Somebody's own folder.
            ("dagpass/work/config.toml", &[]),
            (".local/state/dagpass", &[]),
        ] {
            let expected: Vec<&Path> = folders.iter().map(Path::new).collect();
            assert_eq!(ours_above(Path::new(path)), expected, "{path}");
        }
    }
}
