//! The config in force and what is true of its file: what each look at the file and at the machine's makes of
//! them. Reads nothing.

use std::path::Path;
use std::sync::Arc;

use dagpass_client::wire::ConfigProblem;

use super::condition::KnownIds;
use super::disk::Stamp;
use super::managed::Above;
use super::{Condition, Config};

#[derive(Debug, Default)]
pub(super) struct State {
    /// The last good one, with what is true of the file now.
    pub(super) config: Arc<Config>,
    /// Was a config ever in force since we started, and none taken away?
    pub(super) known: bool,
    /// The conn_ids of the config that was last in force, in this life or an earlier one.
    pub(super) ids: KnownIds,
    pub(super) text: String,
    pub(super) stamp: Option<Stamp>,
    /// What it was last read under.
    pub(super) above: Above,
    /// What is wrong with the file itself.
    problems: Vec<ConfigProblem>,
    /// Is what was last read in force?
    sound: bool,
    /// The config in force came from a file, not from the machine's alone.
    with_file: bool,
}

impl State {
    pub(super) fn of(ids: KnownIds) -> Self {
        Self { ids, ..Self::default() }
    }

    pub(super) fn take(&mut self, config: Config, text: String, with_file: bool) {
        self.ids = Some(Arc::new(config.connection_ids().into_iter().collect()));
        self.config = Arc::new(config);
        (self.known, self.sound, self.with_file) = (true, true, with_file);
        self.text = text;
        self.problems = Vec::new();
        if let Some(problem) = self.above.problems.first().cloned() {
            self.is_wrong(problem, None);
        }
    }

    /// Where the file is as it was: does the machine's say what it said?
    pub(super) fn may_stand_under(&self, above: &Above) -> bool {
        self.sound && !above.is_shut() && above.good == self.above.good
    }

    /// `true` where nothing is wrong with the machine's any more.
    pub(super) fn stands_under(&mut self, above: Above) -> bool {
        let was_wrong = !self.above.problems.is_empty();
        let problem = above.problems.first().cloned();
        self.above = above;
        match problem {
            Some(problem) => self.is_wrong(problem, None),
            None if was_wrong => self.becomes(Condition::InForce),
            None => {}
        }
        was_wrong && self.above.problems.is_empty()
    }

    pub(super) fn wrong(&mut self, problems: Vec<ConfigProblem>, text: Option<String>) {
        self.is_wrong(problems.first().cloned().unwrap_or_default(), text.as_deref());
        self.problems = problems;
        self.sound = false;
        self.text = text.unwrap_or_else(|| std::mem::take(&mut self.text));
    }

    /// There is a machine's config, and none that could be held to: nothing is in force.
    pub(super) fn shut(&mut self, text: Option<String>) {
        self.nothing();
        self.text = text.unwrap_or_else(|| std::mem::take(&mut self.text));
        self.is_wrong(self.above.problems.first().cloned().unwrap_or_default(), None);
    }

    pub(super) fn absent(&mut self, path: &Path) {
        self.nothing();
        self.becomes(Condition::Absent { path: path.to_owned(), ids: self.ids.clone() });
    }

    /// What is wrong, with the machine's first.
    pub(super) fn problems(&self) -> Vec<ConfigProblem> {
        self.above.problems.iter().chain(&self.problems).cloned().collect()
    }

    /// Was there a file behind what is in force?
    pub(super) fn has_file(&self) -> bool {
        self.known && self.with_file
    }

    fn nothing(&mut self) {
        self.config = Arc::default();
        (self.known, self.sound) = (false, false);
        self.problems = Vec::new();
    }

    fn is_wrong(&mut self, problem: ConfigProblem, text: Option<&str>) {
        let (problem, ids) = (Box::new(problem), self.ids.clone());
        self.becomes(Condition::Wrong { problem, text: text.map(Arc::from), ids });
    }

    fn becomes(&mut self, condition: Condition) {
        self.config = Arc::new(Config { condition, ..Config::clone(&self.config) });
    }
}
