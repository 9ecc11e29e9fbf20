//! Which of the tokens that were served belong to a task. By what the provider said when it asked;
//! else by the process, where the system shows it; else by the run's capability, where only one
//! task of it can be meant. Never by a guess.

use crate::request::SessionKey;
use crate::runs::TaskKey;
use crate::time::Timestamp;

/// How many kinds of token may one line of the ledger name?
pub const MOST_TIES: usize = 16;

/// One token that was served, as often as the same asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub session: SessionKey,
    pub connection: Option<String>,
    /// `None`: not visible.
    pub audience: Option<Vec<String>>,
    pub fingerprint: String,
    /// The task that the request named, where it named one.
    pub task: Option<TaskKey>,
    /// The process that asked, and those it descends from, as far as they could be seen.
    pub processes: Vec<u32>,
    /// The capability it came with, where one task alone was running under it.
    pub capability: Option<String>,
    pub last: Timestamp,
    pub times: u32,
}

/// The task's own end of it.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    pub key: &'a TaskKey,
    pub pid: Option<u32>,
    pub capability: Option<&'a str>,
    /// Since when it runs, by our clock; `None` where we did not see it begin.
    pub since: Option<Timestamp>,
}

/// How we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tied {
    /// The request named the task.
    Context,
    /// The same process asked, or one that it started, while the task ran.
    Process,
    /// The same `dagpass run` asked, while this was its one task.
    Run,
}

impl Tied {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Process => "process",
            Self::Run => "run",
        }
    }
}

/// What a task was served of one kind: session, connection, audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    pub session: SessionKey,
    pub connection: Option<String>,
    /// `None`: not visible.
    pub audience: Option<Vec<String>>,
    /// Each by itself, the newest last.
    pub tokens: Vec<Used>,
    pub by: Tied,
}

/// One token, and how often it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub fingerprint: String,
    pub times: u32,
}

impl Tie {
    /// How often tokens of this kind were asked for.
    pub fn times(&self) -> u32 {
        self.tokens.iter().fold(0, |sum, used| sum.saturating_add(used.times))
    }

    /// Several processes may have been served the same.
    fn add(&mut self, served: &Served) {
        let known = self.tokens.iter().position(|used| used.fingerprint == served.fingerprint);
        let mut used = match known {
            Some(at) => self.tokens.remove(at),
            None => Used { fingerprint: served.fingerprint.clone(), times: 0 },
        };
        used.times = used.times.saturating_add(served.times);
        self.tokens.push(used);
    }
}

/// The tokens of one task, by kind, the newest kind last.
pub fn of_task<'a>(task: Task<'_>, served: impl IntoIterator<Item = &'a Served>) -> Vec<Tie> {
    let mut ties: Vec<Tie> = Vec::new();
    for one in served {
        let Some(by) = tied(task, one) else { continue };
        let kind = |tie: &&mut Tie| {
            tie.session == one.session
                && tie.connection == one.connection
                && tie.audience == one.audience
        };
        if let Some(tie) = ties.iter_mut().find(kind) {
            tie.add(one);
        } else if ties.len() < MOST_TIES {
            ties.push(Tie {
                session: one.session.clone(),
                connection: one.connection.clone(),
                audience: one.audience.clone(),
                tokens: vec![Used { fingerprint: one.fingerprint.clone(), times: one.times }],
                by,
            });
        }
    }
    ties
}

fn tied(task: Task<'_>, served: &Served) -> Option<Tied> {
    if let Some(named) = &served.task {
        return (named == task.key || may_be(task, named, served)).then_some(Tied::Context);
    }
    // Served before the task began: the process was doing something else.
    if task.since.is_none_or(|since| served.last < since) {
        return None;
    }
    if task.pid.is_some_and(|pid| served.processes.contains(&pid)) {
        return Some(Tied::Process);
    }
    let same_run = task.capability.is_some() && served.capability.as_deref() == task.capability;
    same_run.then_some(Tied::Run)
}

/// Airflow's own variables name a mapped task without its index: then the process must be the same.
fn may_be(task: Task<'_>, named: &TaskKey, served: &Served) -> bool {
    let same = TaskKey { map_index: None, ..task.key.clone() } == *named;
    same && task.pid.is_some_and(|pid| served.processes.contains(&pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(task_id: &str) -> TaskKey {
        TaskKey {
            dag_id: "etl".into(),
            run_id: "r".into(),
            task_id: task_id.into(),
            map_index: None,
        }
    }

    fn served(task: Option<&str>) -> Served {
        Served {
            session: SessionKey::of("prod"),
            connection: Some("warehouse".into()),
            audience: None,
            fingerprint: "f1".into(),
            task: task.map(key),
            processes: vec![70, 7],
            capability: Some("run-a".into()),
            last: Timestamp::from_secs(100),
            times: 1,
        }
    }

    #[test]
    fn a_token_belongs_to_the_task_that_was_named_else_to_the_process_else_to_the_one_task_of_the_run()
     {
        let load = key("load");
        let task = |pid, capability, since: Option<i64>| Task {
            key: &load,
            pid,
            capability,
            since: since.map(Timestamp::from_secs),
        };
        let table = [
            ("named", served(Some("load")), task(None, None, None), Some(Tied::Context)),
            ("another was named", served(Some("x")), task(Some(70), Some("run-a"), Some(0)), None),
            ("same process", served(None), task(Some(70), None, Some(100)), Some(Tied::Process)),
            ("its child", served(None), task(Some(7), None, Some(50)), Some(Tied::Process)),
            ("before it began", served(None), task(Some(70), None, Some(101)), None),
            ("its beginning was not seen", served(None), task(Some(70), Some("run-a"), None), None),
            (
                "the run's one task",
                served(None),
                task(None, Some("run-a"), Some(0)),
                Some(Tied::Run),
            ),
            ("one of several", served(None), task(Some(8), None, Some(0)), None),
            ("another run", served(None), task(Some(8), Some("run-b"), Some(0)), None),
        ];
        for (case, one, task, expected) in table {
            let ties = of_task(task, [&one]);
            assert_eq!(ties.first().map(|tie| tie.by), expected, "{case}");
        }
    }

    #[test]
    fn one_of_a_mapped_task_s_instances_is_meant_only_where_its_process_asked() {
        let third = TaskKey { map_index: Some(3), ..key("load") };
        for (pid, tied) in [(70, true), (71, false)] {
            let task = Task { key: &third, pid: Some(pid), capability: None, since: None };
            assert_eq!(of_task(task, [&served(Some("load"))]).len(), usize::from(tied), "{pid}");
        }
    }

    #[test]
    fn forty_tokens_of_one_kind_are_one() {
        let many: Vec<Served> = (0..40)
            .map(|n| Served { fingerprint: format!("f{n}"), times: 5, ..served(Some("load")) })
            .collect();
        let visible =
            Served { audience: Some(vec!["https://lake".into()]), ..served(Some("load")) };
        let load = key("load");
        let task = Task { key: &load, pid: None, capability: None, since: None };
        let ties = of_task(task, many.iter().chain([&visible]));
        assert_eq!((ties.len(), ties[0].tokens.len(), ties[0].times()), (2, 40, 200));
        assert_eq!(ties[0].tokens[39], Used { fingerprint: "f39".into(), times: 5 });
        assert_eq!((&ties[0].audience, &ties[1].audience), (&None, &visible.audience));
    }

    #[test]
    fn each_token_is_named_with_its_count_however_many_processes_asked_for_it() {
        let one = |fingerprint: &str, pid, times| Served {
            fingerprint: fingerprint.into(),
            processes: vec![pid],
            times,
            ..served(Some("load"))
        };
        let load = key("load");
        let task = Task { key: &load, pid: None, capability: None, since: None };
        let all = [one("f1", 7, 2), one("f2", 7, 1), one("f1", 8, 10), one("f3", 8, 1)];
        let ties = of_task(task, &all);
        let told: Vec<_> =
            ties[0].tokens.iter().map(|used| (used.fingerprint.as_str(), used.times)).collect();
        assert_eq!((ties.len(), told), (1, vec![("f2", 1), ("f1", 12), ("f3", 1)]));
    }

    #[test]
    fn a_task_with_a_hundred_connections_names_the_first_sixteen() {
        let many: Vec<Served> = (0..100)
            .map(|n| Served { connection: Some(format!("c{n}")), ..served(Some("load")) })
            .collect();
        let load = key("load");
        let task = Task { key: &load, pid: None, capability: None, since: None };
        assert_eq!(of_task(task, &many).len(), MOST_TIES);
    }
}
