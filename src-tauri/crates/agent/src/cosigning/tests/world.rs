//! A ledger that is sealed, an agent that has it cosigned, and witnesses that do as they are told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use dagpass_client::ledger::log::{
    AddCheckpoint, Asked, Checkpoint, Cosigned, Cosigner, Judgement, Note, Refused, judge,
    judge_request, leaves, logs_in,
};
use dagpass_core::fakes::FakeClock;
use dagpass_core::locked::Locked;

use super::super::*;
use crate::ledger::{Durable, Ledger, Step};
use crate::task_runs::TaskRuns;

pub(super) const SEED: [u8; 32] = [7; 32];

/// What a witness does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Unreachable,
    Hangs,
    SignsOtherwise,
    /// Not the witness answers, but what stands before it.
    Gateway,
}

pub(super) struct Fake {
    cosigner: Cosigner,
    /// The logs that it knows are all whose name it is asked for: the key is the test's.
    pub(super) knows: bool,
    pub(super) mood: Mood,
    held: BTreeMap<String, Cosigned>,
    pub(super) asked: usize,
}

/// Those behind `http://127.0.0.1:1/`, `…:2/`.
#[derive(Clone)]
pub(super) struct Street(Arc<Mutex<Vec<Fake>>>);

impl Street {
    pub(super) fn of(count: u8) -> Self {
        let fake = |number| Fake {
            cosigner: Cosigner::new(&format!("witness.example/{number}"), [number; 32]).unwrap(),
            knows: true,
            mood: Mood::Well,
            held: BTreeMap::new(),
            asked: 0,
        };
        Self(Arc::new(Mutex::new((1..=count).map(fake).collect())))
    }

    pub(super) fn with<T>(&self, number: usize, what: impl FnOnce(&mut Fake) -> T) -> T {
        what(&mut self.0.lock().unwrap()[number - 1])
    }

    pub(super) fn key(&self, number: usize) -> VerifierKey {
        self.with(number, |fake| fake.cosigner.key().clone())
    }
}

impl Fake {
    pub(super) fn reply(&mut self, body: &str) -> Reply {
        self.asked += 1;
        let asked = AddCheckpoint::parse(body.as_bytes()).unwrap();
        let origin = Checkpoint::parse(asked.note.text()).unwrap().origin;
        let key = vkey(&origin);
        let known = if self.knows { vec![key] } else { vec![] };
        let (status, kind, body) = match judge_request(&asked, &known, |log| {
            self.held.get(log).copied()
        }) {
            Ok(new) => {
                let held = Cosigned { size: new.size, root: new.root };
                self.held.insert(origin, held);
                let other = Cosigner::new(self.cosigner.key().name(), [99; 32]).unwrap();
                let signs = if self.mood == Mood::SignsOtherwise { &other } else { &self.cosigner };
                (200, "text/plain", signs.cosign(&asked.note, 1000).unwrap().to_string())
            }
            Err(Refused::Holds { size, .. }) => {
                (409, AddCheckpoint::SIZE_TYPE, format!("{size}\n"))
            }
            Err(refused) => (refused.status(), "text/plain", "no\n".to_owned()),
        };
        Reply { status, kind: kind.to_owned(), body: body.into_bytes() }
    }
}

impl Post for Street {
    fn post<'a>(
        &'a self,
        _network: &'a Network,
        url: &'a Url,
        body: String,
    ) -> Pending<'a, Result<Reply, String>> {
        assert_eq!(url.path(), "/at/add-checkpoint");
        let number = usize::from(url.port().unwrap());
        Box::pin(async move {
            match self.with(number, |fake| fake.mood) {
                Mood::Unreachable => Err("connection refused".to_owned()),
                Mood::Hangs => std::future::pending().await,
                Mood::Gateway => {
                    Ok(Reply { status: 422, kind: "text/plain".to_owned(), body: b"no\n".to_vec() })
                }
                Mood::Well | Mood::SignsOtherwise => {
                    Ok(self.with(number, |fake| fake.reply(&body)))
                }
            }
        })
    }
}

pub(super) fn vkey(origin: &str) -> VerifierKey {
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    VerifierKey::new(origin, pair.public_key().as_ref().try_into().unwrap()).unwrap()
}

pub(super) struct Paper {
    pub(super) path: PathBuf,
    pub(super) synced: AtomicU64,
}

impl Durable for Paper {
    fn path(&self) -> &Path {
        &self.path
    }

    fn synced(&self) -> u64 {
        self.synced.load(Ordering::SeqCst)
    }
}

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) paper: Arc<Paper>,
    pub(super) clock: Arc<FakeClock>,
    pub(super) street: Street,
    pub(super) sealer: Arc<Sealer>,
    pub(super) cosigning: Arc<Cosigning>,
}

impl World {
    pub(super) fn new(witnesses: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, street) = (FakeClock::at(1_795_000_000), Street::of(witnesses));
        let mut config = String::new();
        for number in 1..=witnesses {
            let key = street.key(usize::from(number));
            config += &format!(
                "[[audit.witness]]\nurl = \"http://127.0.0.1:{number}/at\"\nkey = \"{key}\"\n"
            );
        }
        fs::write(folder.path().join("config.toml"), config).unwrap();
        let path = folder.path().join("ledger.jsonl");
        fs::write(&path, "").unwrap();
        let paper = Arc::new(Paper { path, synced: AtomicU64::new(0) });
        let (sealer, cosigning) = Self::process(&folder, &paper, &clock, (&street, no_step()));
        Self { folder, paper, clock, street, sealer, cosigning }
    }

    fn process(
        folder: &tempfile::TempDir,
        paper: &Arc<Paper>,
        clock: &Arc<FakeClock>,
        (street, step): (&Street, Step),
    ) -> (Arc<Sealer>, Arc<Cosigning>) {
        let sealer = Sealer::new(paper.clone(), clock.clone()).stopped_by(step);
        assert!(sealer.has_key(Ok(Some(Locked::of(&SEED)))));
        let sealer = Arc::new(sealer);
        let record = folder.path().join("record");
        fs::create_dir_all(&record).unwrap();
        let ledger = Ledger::open(&record.join("ledger.jsonl"), clock.clone()).unwrap();
        let runs = Arc::new(TaskRuns::open(&record, clock.clone()));
        let observer = Arc::new(Observer::new(Arc::new(ledger), runs, clock.clone()));
        let config = Arc::new(ConfigFile::open(folder.path().join("config.toml")));
        assert_eq!(config.problems(), []);
        let cosigning = Cosigning {
            post: Box::new(street.clone()),
            ..Cosigning::new(config, sealer.clone(), observer, clock.clone())
        };
        (sealer, Arc::new(cosigning))
    }

    pub(super) fn restart(&mut self, step: Step) {
        let by = (&self.street, step);
        (self.sealer, self.cosigning) = Self::process(&self.folder, &self.paper, &self.clock, by);
    }

    /// So many more lines, and a checkpoint over them.
    pub(super) fn seal(&self, more: u64) {
        self.write(more, "x");
        self.sealer.close();
    }

    pub(super) fn write(&self, more: u64, word: &str) {
        let mut text = fs::read_to_string(&self.paper.path).unwrap();
        let begun = text.lines().count() as u64;
        for seq in begun..begun + more {
            text.push_str(&format!("{{\"seq\":{seq},\"is\":\"{word}\"}}\n"));
        }
        fs::write(&self.paper.path, &text).unwrap();
        self.paper.synced.store(text.len() as u64, Ordering::SeqCst);
    }

    /// Everybody who is due is asked, and has answered.
    pub(super) async fn round(&self) {
        for asked in self.cosigning.tend().await {
            asked.await.unwrap();
        }
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join("ledger-log/1")
    }

    pub(super) fn newest(&self) -> Note {
        Note::parse(&fs::read(self.log().join("checkpoint")).unwrap()).unwrap()
    }

    pub(super) fn asked(&self) -> Asked {
        let count = self.street.0.lock().unwrap().len();
        let witnesses: Vec<VerifierKey> = (1..=count).map(|one| self.street.key(one)).collect();
        Asked { own: true, demanded: true, quorum: witnesses.len(), witnesses, ..Asked::default() }
    }

    pub(super) fn judge(&self, asked: &Asked) -> Judgement {
        let found = leaves(fs::read(&self.paper.path).unwrap().as_slice()).unwrap();
        judge(&found, &logs_in(self.folder.path()).unwrap(), asked).unwrap()
    }

    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("record/ledger.jsonl")).unwrap()
    }
}

pub(super) fn no_step() -> Step {
    Box::new(|_| Ok(()))
}
