//! One thing that happened to a DAG run or a task instance, parsed. A text that Airflow itself would
//! not take is refused, and nothing is kept of it.

use crate::error::{ErrorCode, Refusal};
use crate::time::Timestamp;

/// How long may an id be? Airflow's own columns take 250 characters.
const LONGEST_ID: usize = 250;
/// How long may a person's name be?
const LONGEST_NAME: usize = 128;

/// What happened, to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    pub happening: Happening,
    pub kind: RunKind,
    pub task: TaskKey,
    pub try_number: Option<u32>,
    /// Who asked Airflow for the run, as Airflow has it. Recorded, never decided on.
    pub triggering_user: Option<String>,
    /// When it happened by the caller's clock.
    pub at: Timestamp,
    /// When the run or task began by the caller's clock, where it knows.
    pub started_at: Option<Timestamp>,
}

/// Which task instance; of a DAG run `task_id` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskKey {
    pub dag_id: String,
    pub run_id: String,
    pub task_id: String,
    /// `None` where the task is not mapped.
    pub map_index: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    Task,
    Dag,
}

impl RunKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Dag => "dag",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Running,
    Success,
    Failed,
    Skipped,
    UpForRetry,
}

impl Happening {
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "running" => Self::Running,
            "success" => Self::Success,
            "failed" => Self::Failed,
            "skipped" => Self::Skipped,
            "up_for_retry" => Self::UpForRetry,
            _ => return None,
        })
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::UpForRetry => "up_for_retry",
        }
    }
}

impl RunEvent {
    /// Refuses what is too long, empty where it must not be, or no plain text.
    pub fn checked(self) -> Result<Self, Refusal> {
        let task = &self.task;
        let task_id_wanted = self.kind == RunKind::Task;
        let longest = [
            ("dag_id", task.dag_id.as_str(), LONGEST_ID, true),
            ("run_id", task.run_id.as_str(), LONGEST_ID, true),
            ("task_id", task.task_id.as_str(), LONGEST_ID, task_id_wanted),
            (
                "triggering_user",
                self.triggering_user.as_deref().unwrap_or_default(),
                LONGEST_NAME,
                false,
            ),
        ];
        for (name, text, most, wanted) in longest {
            if wanted && text.is_empty() {
                return Err(unfit(format!("`{name}` is missing")));
            }
            if text.chars().count() > most || text.chars().any(char::is_control) {
                return Err(unfit(format!("`{name}` is longer than {most} characters or no text")));
            }
        }
        if self.started_at.is_some_and(|started| started > self.at) {
            return Err(unfit("`started_at` is later than `at`".to_owned()));
        }
        Ok(self)
    }
}

fn unfit(cause: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, "the run event cannot be taken").because(cause)
}

#[cfg(test)]
pub(crate) fn event(happening: Happening, task_id: &str) -> RunEvent {
    RunEvent {
        happening,
        kind: if task_id.is_empty() { RunKind::Dag } else { RunKind::Task },
        task: TaskKey {
            dag_id: "etl".into(),
            run_id: "manual__1".into(),
            task_id: task_id.into(),
            map_index: None,
        },
        try_number: Some(1),
        triggering_user: None,
        at: Timestamp::from_secs(1_000),
        started_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_airflow_itself_would_not_take_is_refused() {
        type Change = fn(&mut RunEvent);
        let good = event(Happening::Running, "load");
        let changed = |change: Change| {
            let mut event = good.clone();
            change(&mut event);
            event.checked().is_ok()
        };
        let table: [(&str, Change, bool); 8] = [
            ("as it is", |_| {}, true),
            ("250 characters", |event| event.task.dag_id = "ü".repeat(250), true),
            ("251 characters", |event| event.task.dag_id = "x".repeat(251), false),
            ("no run", |event| event.task.run_id.clear(), false),
            ("a task event without a task", |event| event.task.task_id.clear(), false),
            ("a line break", |event| event.task.task_id = "a\nb".into(), false),
            ("a long name", |event| event.triggering_user = Some("x".repeat(129)), false),
            ("began later", |event| event.started_at = Some(Timestamp::from_secs(1_001)), false),
        ];
        for (case, change, taken) in table {
            assert_eq!(changed(change), taken, "{case}");
        }
    }

    #[test]
    fn every_word_of_the_wire_comes_back() {
        for word in ["running", "success", "failed", "skipped", "up_for_retry"] {
            assert_eq!(Happening::parse(word).map(Happening::as_str), Some(word));
        }
        assert_eq!(Happening::parse("queued"), None);
    }
}
