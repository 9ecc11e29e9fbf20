//! What a person has to be asked first. A caller hears at once that somebody is asked, and meets the answer
//! when it comes again; one answer is for a process tree, a program, what it asks for and the rule that
//! asks. Nobody answers for himself. Pure: the time comes in, names and what is kept by a port.

mod answers;
mod desk;
mod proven;
mod subject;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{ErrorCode, Refusal};
use crate::policy::engine::{Basis, Question};
use crate::policy::{Action, Denied};
use crate::ports::ApprovalBook;
use crate::principal::{Kind, Mark, Principal, Process};
use crate::time::Timestamp;

pub use answers::{Answer, Given, Standing};
pub use desk::{Shown, Spoken};
pub use proven::{Need, PROVING, Proof, Proven};
pub use subject::{About, Program, Subject, Tree};

/// How long does a question wait for its answer?
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How many questions may wait at once, and how many of one tree?
const MOST: usize = 64;
const MOST_OF_A_TREE: usize = 8;
/// How many callers of one question does "once" serve at most: each that asked and still runs, one time?
const MOST_CALLERS: usize = 256;
/// After how many that nobody answered is a tree's next question put without a notice, and for how long?
const UNANSWERED: u32 = 2;
const QUIET: Duration = Duration::from_secs(3600);
/// What a program says that it asks for, and its word where a DAG file is parsed: every half minute, and nobody
/// waits for that. Its question is put without a notice, until somebody asks it who means to run.
const PURPOSE: &str = "purpose";
const PARSING: &str = "dag-parse";

/// What became of a request that a rule asks a person about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    Asked {
        id: Arc<str>,
        is_new: bool,
    },
    /// By that answer; `None` where nobody is asked any more.
    Refused {
        id: Option<Arc<str>>,
    },
}

/// A question that waits.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: Arc<str>,
    pub about: About,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    /// How often it was asked for.
    pub times: u64,
    /// Nobody answered this tree lately, or a DAG file is parsed: it is listed, and no notice is shown.
    pub is_quiet: bool,
    /// Somebody answered, the answer does not count, and why.
    pub uncounted: Option<Arc<str>>,
    callers: Vec<Waiting>,
}

/// One that asked, to be served once.
#[derive(Clone, Debug)]
struct Waiting {
    mark: Option<Mark>,
    process: Process,
}

impl Waiting {
    fn of(about: &About, process: &Process) -> Self {
        Self { mark: about.mark(), process: process.clone() }
    }

    fn runs(&self) -> bool {
        self.process.holds().is_ok()
    }
}

/// What was asked and answered.
#[derive(Debug)]
pub(crate) struct Approvals {
    book: Book,
    desk: Mutex<Desk>,
    /// One answer after the other: each is kept and on the record before it is in force.
    answering: Mutex<()>,
}

struct Book(Arc<dyn ApprovalBook>);

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Book")
    }
}

#[derive(Debug, Default)]
struct Desk {
    pending: Vec<Asked>,
    given: Vec<Given>,
    standing: Vec<Standing>,
    silent: HashMap<Tree, Silence>,
    /// What is kept holds an answer that could neither be recorded nor taken back: it is written anew.
    is_unkept: bool,
    /// Nobody answered them, and it is not on the record yet.
    expired: Vec<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    unanswered: u32,
    since: Timestamp,
}

impl Approvals {
    pub(crate) fn open(book: Arc<dyn ApprovalBook>, now: Timestamp) -> Self {
        let standing = answers::sound(book.kept(), now);
        let desk = Desk { standing, ..Desk::default() };
        Self { book: Book(book), desk: Mutex::new(desk), answering: Mutex::default() }
    }

    /// `Ok` with what the permit rests on, where it is approved.
    pub(crate) fn settle(&self, question: &Question<'_>, basis: Basis) -> Result<Basis, Denied> {
        let about = About::of(question, &basis);
        let now = question.now;
        let mut desk = self.desk();
        desk.tidy(now);
        let rules = basis.rules.join("`, `");
        let denied = |reason: String, awaited: Awaited| {
            let id = match &awaited {
                Awaited::Asked { id, .. } => Some(id.clone()),
                Awaited::Refused { id } => id.clone(),
            };
            let basis = Basis { approval: id, ..basis.clone() };
            Err(Denied { reason, basis, approval: Some(awaited) })
        };
        match desk.answer(&about) {
            Some((Answer::No, id)) => {
                let reason = format!("a person said no to what the rule `{rules}` asks about");
                denied(reason, Awaited::Refused { id: Some(id) })
            }
            Some((_, id)) => Ok(Basis { approval: Some(id), ..basis.clone() }),
            None => match desk.ask(about, &question.principal.process, now, &self.book) {
                Some((id, is_new)) => {
                    let reason = match desk.uncounted(&id) {
                        Some(why) => format!(
                            "the rule `{rules}` asks for a person's approval, and the answer that was \
                             given does not count: {why}"
                        ),
                        None => format!("the rule `{rules}` asks for a person's approval"),
                    };
                    denied(reason, Awaited::Asked { id, is_new })
                }
                None => {
                    let reason = "too many questions wait for an answer already".to_owned();
                    denied(reason, Awaited::Refused { id: None })
                }
            },
        }
    }

    /// While a tree waits for an answer, and while a no to it stands, it does not write the rules. Whether a
    /// person lets a program do that is a question like any other, which that program's retry meets.
    pub(crate) fn lets_widen(
        &self,
        principal: &Principal,
        action: Action,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let mut desk = self.desk();
        desk.tidy(now);
        let is_other = |about: &&About| !about.is_asked_again(principal, action);
        let asked = desk.pending.iter().map(|asked| &asked.about).filter(is_other);
        let waits = asked.clone().any(|about| judges(principal, about).is_err());
        let nos = || desk.given.iter().filter(|given| given.answer == Answer::No);
        let nos = || nos().map(|given| &given.about).filter(is_other);
        let reason = match waits {
            true => {
                "a request that may be this program's own waits for an approval: until it is \
                 answered, config and policy are changed by others"
            }
            false if nos().any(|about| judges(principal, about).is_err()) => {
                "a person said no to what may be this program's own request: while that stands, \
                 config and policy are changed by others"
            }
            false => return Ok(()),
        };
        Err(Denied { reason: reason.to_owned(), basis: Basis::default(), approval: None })
    }

    /// It could not be put on the record: nobody is asked.
    pub(crate) fn unask(&self, id: &str) {
        self.desk().pending.retain(|asked| &*asked.id != id);
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn tidy(&mut self, now: Timestamp) {
        let late = |asked: &Asked| asked.expires_at <= now;
        for asked in self.pending.extract_if(.., |asked| late(asked)) {
            if !asked.is_quiet {
                let silence = Silence { unanswered: 0, since: now };
                let known = self.silent.entry(asked.about.tree.clone()).or_insert(silence);
                *known = Silence { unanswered: known.unanswered + 1, since: now };
            }
            self.expired.push(asked);
        }
        self.given.retain(|given| given.until > now);
        self.standing.retain(|standing| standing.until > now);
        self.silent.retain(|_, silence| silence.since.plus(QUIET) > now);
    }

    /// Why somebody's answer to what waits does not count.
    fn uncounted(&self, id: &str) -> Option<Arc<str>> {
        self.pending.iter().find(|asked| &*asked.id == id)?.uncounted.clone()
    }

    /// No goes before yes, and what may be used once more before what stands.
    fn answer(&mut self, about: &About) -> Option<(Answer, Arc<str>)> {
        let mut fitting: Vec<usize> = (0..self.given.len())
            .filter(|at| self.given.get(*at).is_some_and(|one| one.about.is_same(about)))
            .collect();
        fitting.sort_by_key(|at| self.given.get(*at).map(|one| one.answer));
        let serves = |at: &usize| self.given.get_mut(*at).is_some_and(|given| given.serves(about));
        let Some(at) = fitting.into_iter().find(serves) else {
            let standing = self.standing.iter().find(|standing| standing.covers(about))?;
            return Some((Answer::Always, standing.id.clone()));
        };
        let given = self.given.get(at)?;
        let found = (given.answer, given.id.clone());
        if given.answer == Answer::Once && given.callers.is_empty() {
            self.given.remove(at);
        }
        Some(found)
    }

    /// The question that stands, or a new one; `None` where there are too many.
    fn ask(
        &mut self,
        about: About,
        process: &Process,
        now: Timestamp,
        book: &Book,
    ) -> Option<(Arc<str>, bool)> {
        let silence = self.silent.get(&about.tree);
        let is_quiet = silence.is_some_and(|silence| silence.unanswered >= UNANSWERED)
            || about.caller.context.get(PURPOSE).is_some_and(|purpose| purpose == PARSING);
        if let Some(asked) = self.pending.iter_mut().find(|asked| asked.about.is_same(&about)) {
            asked.times += 1;
            asked.is_quiet &= is_quiet;
            let caller = Waiting::of(&about, process);
            let is_known = asked.callers.iter().any(|one| one.mark == caller.mark);
            if asked.callers.len() < MOST_CALLERS && !is_known {
                asked.callers.push(caller);
            }
            return Some((asked.id.clone(), false));
        }
        let of_tree = self.pending.iter().filter(|asked| asked.about.tree == about.tree).count();
        if self.pending.len() >= MOST || of_tree >= MOST_OF_A_TREE {
            return None;
        }
        let id: Arc<str> = book.0.fresh_id().into();
        let callers = vec![Waiting::of(&about, process)];
        self.pending.push(Asked {
            id: id.clone(),
            about,
            asked_at: now,
            expires_at: now.plus(PATIENCE),
            times: 1,
            is_quiet,
            uncounted: None,
            callers,
        });
        Some((id, true))
    }
}

/// May this one answer that question, or write the rules that it hangs on? The owner, seen by the system,
/// of another process tree than the one that asks.
fn judges(principal: &Principal, about: &About) -> Result<(), &'static str> {
    let caller = &principal.caller;
    if principal.kind != Kind::Owner || caller.capability.is_some() || caller.remote {
        return Err("only the owner answers, by the agent's own socket and without a capability");
    }
    if !principal.lane.is_free() {
        return Err("what is in a lane, or may be in one, answers nothing");
    }
    let lineage = principal.process.lineage();
    if !lineage.is_seen() {
        return Err("the system does not show which process answers");
    }
    if lineage.is_of_agent {
        return Ok(());
    }
    match about.lineage.is_seen() {
        true if about.lineage.is_related(&lineage) => {
            Err("it would be answered from the process tree that asks")
        }
        true if about.lineage.is_beside(&lineage) => Err(
            "what started the process that asks started the one that answers, without a terminal of its own",
        ),
        false if !about.is_beyond => Err("the system does not show which process asks"),
        true | false => Ok(()),
    }
}

impl Awaited {
    pub(crate) fn refusal(self, code: ErrorCode) -> Refusal {
        match self {
            Self::Asked { id, .. } => Refusal {
                hint: Some(format!(
                    "a person answers in the tray or the window, or with `dagpass approve {id}` in \
                     another terminal; the same request meets the answer"
                )),
                approval: Some(id),
                ..Refusal::new(code, "a person has to approve this first")
            },
            Self::Refused { id: Some(id) } => Refusal {
                hint: Some(format!("`dagpass approve revoke {id}` has it asked again")),
                approval: Some(id),
                ..Refusal::new(code, "the approval was refused")
            },
            Self::Refused { id: None } => Refusal::new(code, "nobody is asked to approve this now")
                .hint("`dagpass approve` shows what waits"),
        }
    }
}

#[cfg(test)]
mod tests;
