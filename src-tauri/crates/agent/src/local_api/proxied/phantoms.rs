//! Phantoms: 256 random bits that stand for a token at one upstream's door, for one process tree. Kept hashed; no
//! phantom is ever sent on, and none outlives its run or its hour.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use dagpass_core::principal::{Kind, Mark, Process};
use dagpass_core::time::Timestamp;

use super::super::capability::Holder;
use crate::random::random;

/// How many are good at once?
pub(super) const MOST: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Phantoms(Mutex<HashMap<[u8; 32], Phantom>>);

/// Who it stands for, and where.
#[derive(Clone, Debug)]
pub(super) struct Phantom {
    pub(super) upstream: String,
    /// Where it led when it was lent: where the config has it lead elsewhere since, it is worth nothing.
    pub(super) url: Url,
    pub(super) holder: Holder,
    pub(super) tree: Tree,
    /// `None`: as long as its run.
    pub(super) until: Option<Timestamp>,
}

/// Which processes may present it, where the system shows which one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// This one, and all that it started.
    Below(Mark),
    /// All of the session that this one leads: a terminal, a service.
    Led(Mark),
}

impl Tree {
    pub(super) fn has(&self, process: &Process) -> bool {
        match self {
            Self::Below(mark) => {
                let lineage = process.lineage();
                lineage.tree.contains(mark) || lineage.above.contains(mark)
            }
            Self::Led(mark) => process.leader().as_ref() == Some(mark),
        }
    }
}

impl Phantoms {
    /// The value is returned once and kept nowhere. Those that are over are forgotten; `None`: too many are not.
    pub(super) fn lend(
        &self,
        phantom: Phantom,
        is_run: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Option<Zeroizing<String>> {
        let shown = Zeroizing::new(random());
        let mut table = self.table();
        table.retain(|_, one| one.holds(&is_run, now));
        if table.len() == MOST {
            return None;
        }
        table.insert(hash(&shown), phantom);
        Some(shown)
    }

    /// Whoever presents it at that upstream's door. A look-up by hash compares no secret byte by byte.
    pub(super) fn held(
        &self,
        (shown, upstream): (&str, &str),
        is_run: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Option<Phantom> {
        let found = self.table().get(&hash(shown)).cloned()?;
        (found.upstream == upstream && found.holds(is_run, now)).then_some(found)
    }

    /// At whichever door it is good, or was.
    pub(super) fn knows(&self, shown: &str) -> bool {
        self.table().contains_key(&hash(shown))
    }

    fn table(&self) -> MutexGuard<'_, HashMap<[u8; 32], Phantom>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Phantom {
    fn holds(&self, is_run: impl Fn(&str) -> bool, now: Timestamp) -> bool {
        let in_time = self.until.is_none_or(|until| now < until);
        match &self.holder.kind {
            Kind::Run(id) => in_time && is_run(id),
            Kind::Agent | Kind::Owner | Kind::Container(_) | Kind::Forwarded(_) | Kind::Relay => {
                in_time
            }
        }
    }
}

fn hash(shown: &str) -> [u8; 32] {
    Sha256::digest(shown.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dagpass_core::policy::facts::Verified;
    use dagpass_core::principal::{Lineage, Pinned};

    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000 + seconds)
    }

    const fn mark(pid: u32) -> Mark {
        Mark { pid, started_at: Some(7) }
    }

    fn phantom(kind: Kind, until: Option<Timestamp>) -> Phantom {
        let holder = Holder::new("run-1".to_owned(), kind);
        let url = Url::parse("https://w.example").unwrap();
        Phantom { upstream: "w".to_owned(), url, holder, tree: Tree::Below(mark(1)), until }
    }

    #[test]
    fn it_is_good_at_its_own_door_until_its_hour_or_its_run_is_over() {
        let (all, runs) = (Phantoms::default(), |id: &str| id == "run-1");
        let of_run = all.lend(phantom(Kind::Run("run-1".into()), None), runs, at(0)).unwrap();
        let of_shell = all.lend(phantom(Kind::Owner, Some(at(60))), runs, at(0)).unwrap();
        let none = |_: &str| false;
        for (shown, upstream, now, is_run, good) in [
            (&of_run, "w", at(0), true, true),
            (&of_run, "w", at(90_000), true, true),
            (&of_run, "w", at(0), false, false),
            (&of_run, "lake", at(0), true, false),
            (&of_shell, "w", at(59), true, true),
            (&of_shell, "w", at(60), true, false),
            (&of_shell, "w", at(0), false, true),
        ] {
            let found = match is_run {
                true => all.held((shown, upstream), runs, now),
                false => all.held((shown, upstream), none, now),
            };
            assert_eq!(found.is_some(), good, "{upstream} {now:?} {is_run}");
        }
        assert!(all.held(("guess", "w"), runs, at(0)).is_none());
        assert!(all.knows(&of_run) && !all.knows("guess"));
        assert!(!format!("{all:?}").contains(of_run.as_str()));
        let _later = all.lend(phantom(Kind::Owner, Some(at(900))), none, at(100));
        assert_eq!(all.table().len(), 1, "those that are over are forgotten");
    }

    #[test]
    fn no_more_are_lent_than_are_kept_track_of() {
        let (all, none) = (Phantoms::default(), |_: &str| false);
        for _ in 0..MOST {
            assert!(all.lend(phantom(Kind::Owner, Some(at(60))), none, at(0)).is_some());
        }
        assert!(all.lend(phantom(Kind::Owner, Some(at(60))), none, at(0)).is_none());
        assert!(all.lend(phantom(Kind::Owner, Some(at(120))), none, at(60)).is_some());
    }

    struct Seen(Lineage);

    impl Pinned for Seen {
        fn holds(&self) -> Result<(), &'static str> {
            Ok(())
        }

        fn facts(&self) -> Arc<Verified> {
            Arc::default()
        }

        fn lineage(&self) -> Lineage {
            self.0.clone()
        }
    }

    #[test]
    fn a_process_of_another_tree_is_none_of_its_own() {
        let lineage = Lineage {
            tree: vec![mark(30), mark(20), mark(10)],
            above: vec![mark(5)],
            ..Lineage::default()
        };
        let process = Process::pinned(Arc::new(Seen(lineage)));
        for (tree, has) in [
            (Tree::Below(mark(30)), true),
            (Tree::Below(mark(20)), true),
            (Tree::Below(mark(5)), true),
            (Tree::Below(mark(40)), false),
            (Tree::Below(Mark { pid: 20, started_at: Some(8) }), false),
            (Tree::Led(mark(10)), true),
            (Tree::Led(mark(20)), false),
        ] {
            assert_eq!(tree.has(&process), has, "{tree:?}");
            assert!(!tree.has(&Process::default()), "who is not seen");
        }
    }
}
