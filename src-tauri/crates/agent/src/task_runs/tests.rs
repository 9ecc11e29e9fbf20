//! The room as a whole: what was served is tied to its task, what ran is remembered across restarts,
//! and neither a flood nor a broken file costs more than itself.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use dagpass_core::audit::{Event, Outcome};
use dagpass_core::fakes::FakeClock;
use dagpass_core::principal::Kind;
use dagpass_core::request::Caller;
use dagpass_core::runs::{TaskKey, Tied};
use dagpass_core::time::Timestamp;

const BEGAN: i64 = 1_795_000_000;

struct Stage {
    state: tempfile::TempDir,
    clock: Arc<FakeClock>,
}

impl Stage {
    fn new() -> Self {
        Self { state: tempfile::tempdir().unwrap(), clock: FakeClock::at(BEGAN) }
    }

    fn runs(&self) -> TaskRuns {
        TaskRuns::open(self.state.path(), self.clock.clone())
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.state.path().join(name)
    }
}

fn event(happening: Happening, run_id: &str, task_id: &str) -> RunEvent {
    RunEvent {
        happening,
        kind: if task_id.is_empty() { RunKind::Dag } else { RunKind::Task },
        task: TaskKey {
            dag_id: "etl".into(),
            run_id: run_id.into(),
            task_id: task_id.into(),
            map_index: None,
        },
        try_number: Some(1),
        triggering_user: None,
        at: Timestamp::from_secs(BEGAN),
        started_at: None,
    }
}

fn process(pid: u32) -> Caller {
    Caller { pid: Some(pid), ..Caller::default() }
}

fn serve(runs: &TaskRuns, caller: &Caller, token: &str) {
    let session = SessionKey::of("prod");
    let mut record = Record::new(Event::Issue, Outcome::Ok, caller);
    record.session = Some(&session);
    record.connection = Some("warehouse");
    record.fingerprint = Some(token);
    runs.served(&record);
}

fn owner(caller: &Caller) -> Principal {
    Principal::new(Kind::Owner, caller.clone())
}

fn take(runs: &TaskRuns, event: &RunEvent, caller: &Caller) -> Taken {
    runs.take(event, &owner(caller)).expect("no flood")
}

/// One task of one DAG run, `seconds` long, by `caller`.
fn play(stage: &Stage, runs: &TaskRuns, run_id: &str, seconds: i64) {
    let caller = process(70);
    assert!(take(runs, &event(Happening::Running, run_id, "load"), &caller).opens);
    serve(runs, &caller, "f1");
    stage.clock.jump(seconds);
    take(runs, &event(Happening::Success, run_id, "load"), &caller);
    take(runs, &event(Happening::Success, run_id, ""), &caller);
}

#[test]
fn a_token_is_tied_to_the_task_of_its_process_and_goes_with_it() {
    let (stage, caller) = (Stage::new(), process(70));
    let runs = stage.runs();
    serve(&runs, &caller, "before");
    stage.clock.jump(1);
    take(&runs, &event(Happening::Running, "r1", "load"), &caller);
    serve(&runs, &caller, "f1");
    serve(&runs, &caller, "f1");
    serve(&runs, &process(71), "of another");
    let ties = take(&runs, &event(Happening::Success, "r1", "load"), &caller).ties;
    assert_eq!(ties.len(), 1);
    let used = &ties[0].tokens[0];
    assert_eq!((used.fingerprint.as_str(), used.times, ties[0].by), ("f1", 2, Tied::Process));
    stage.clock.jump(1);
    take(&runs, &event(Happening::Running, "r1", "next"), &caller);
    let next = take(&runs, &event(Happening::Success, "r1", "next"), &caller);
    assert_eq!(next.ties, [], "the first task's tokens are not the next one's");
}

#[cfg(target_os = "linux")]
#[test]
fn a_token_that_a_program_of_the_task_asked_for_is_the_task_s() {
    let (stage, task) = (Stage::new(), process(std::process::id()));
    let runs = stage.runs();
    take(&runs, &event(Happening::Running, "r1", "load"), &task);
    // As a `BashOperator` runs `dagpass token`.
    let mut program = std::process::Command::new("sleep").arg("30").spawn().unwrap();
    serve(&runs, &process(program.id()), "f1");
    program.kill().unwrap();
    program.wait().unwrap();
    let ties = take(&runs, &event(Happening::Success, "r1", "load"), &task).ties;
    assert_eq!(ties.iter().map(|tie| tie.by).collect::<Vec<_>>(), [Tied::Process]);
}

#[test]
fn a_token_for_a_template_is_the_task_s_though_it_was_served_before_the_task_was_told_of() {
    let (stage, caller) = (Stage::new(), process(70));
    let runs = stage.runs();
    stage.clock.jump(3);
    serve(&runs, &caller, "f1");
    stage.clock.jump(1);
    let began = Some(Timestamp::from_secs(BEGAN + 2));
    let running = RunEvent { started_at: began, ..event(Happening::Running, "r1", "load") };
    assert_eq!(take(&runs, &running, &caller).ties.len(), 1);
}

#[test]
fn a_look_up_at_parse_time_is_tied_to_nothing() {
    let (stage, mut caller) = (Stage::new(), process(70));
    let runs = stage.runs();
    take(&runs, &event(Happening::Running, "r1", "load"), &caller);
    caller.context = BTreeMap::from([("purpose".to_owned(), "dag-parse".to_owned())]);
    serve(&runs, &caller, "f1");
    assert_eq!(take(&runs, &event(Happening::Success, "r1", "load"), &process(70)).ties, []);
}

#[test]
fn two_tasks_under_one_capability_leave_an_unnamed_token_to_neither() {
    let stage = Stage::new();
    let runs = stage.runs();
    let of_run = |pid| Caller { capability: Some("run-a".into()), ..process(pid) };
    take(&runs, &event(Happening::Running, "r1", "a"), &of_run(70));
    take(&runs, &event(Happening::Running, "r1", "b"), &of_run(80));
    serve(&runs, &of_run(90), "f1");
    for (task, pid) in [("a", 70), ("b", 80)] {
        let ties = take(&runs, &event(Happening::Success, "r1", task), &of_run(pid)).ties;
        assert_eq!(ties, [], "{task}");
    }
    stage.clock.jump(1);
    take(&runs, &event(Happening::Running, "r1", "c"), &of_run(80));
    serve(&runs, &of_run(90), "f2");
    let ties = take(&runs, &event(Happening::Success, "r1", "c"), &of_run(80)).ties;
    assert_eq!(ties.iter().map(|tie| tie.by).collect::<Vec<_>>(), [Tied::Run]);
}

#[test]
fn how_long_a_dag_took_and_in_which_session_outlives_the_agent() {
    let stage = Stage::new();
    let runs = stage.runs();
    assert!(runs.past("etl").is_none(), "no record, no claim");
    play(&stage, &runs, "r1", 600);
    play(&stage, &runs, "r2", 300);
    runs.keep();
    let (past, sessions) = stage.runs().past("etl").unwrap();
    assert_eq!((past.longest.as_secs(), past.runs), (600, 2));
    assert_eq!(sessions, ["prod"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(stage.file("dag-runs.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_run_that_failed_and_one_of_an_old_logical_date_say_nothing_of_how_long_it_takes() {
    let stage = Stage::new();
    let runs = stage.runs();
    take(&runs, &event(Happening::Running, "r1", "load"), &process(70));
    stage.clock.jump(5);
    take(&runs, &event(Happening::Failed, "r1", ""), &process(70));
    let years = RunEvent {
        started_at: Some(Timestamp::from_secs(1_500_000_000)),
        ..event(Happening::Success, "r2", "")
    };
    take(&runs, &years, &process(70));
    assert!(runs.past("etl").is_none());
    let told = RunEvent {
        started_at: Some(Timestamp::from_secs(BEGAN - 90)),
        ..event(Happening::Success, "r3", "")
    };
    take(&runs, &told, &process(70));
    assert_eq!(runs.past("etl").unwrap().0.longest.as_secs(), 90, "by the caller's clock");
}

#[test]
fn fifty_runs_a_dag_are_kept_and_the_rest_forgotten() {
    let stage = Stage::new();
    let runs = stage.runs();
    play(&stage, &runs, "r0", 9_000);
    for n in 1..=50 {
        play(&stage, &runs, &format!("r{n}"), 60);
    }
    let (past, _) = runs.past("etl").unwrap();
    assert_eq!((past.longest.as_secs(), past.runs), (60, 50));
}

#[test]
fn a_broken_file_is_put_aside_and_costs_nothing_else() {
    let stage = Stage::new();
    let ended = EndedSession {
        issuer: "https://idp.example".into(),
        client_id: "agent".into(),
        ended_at: BEGAN,
        lasted: 28_800,
    };
    let runs = stage.runs();
    play(&stage, &runs, "r1", 600);
    for day in 0..3 {
        let ended = EndedSession { ended_at: BEGAN + day * 86_400, ..ended.clone() };
        lock(&runs.past).note_end("prod", ended);
    }
    runs.keep();
    fs::write(stage.file("dag-runs.json"), b"{\"version\":1,\"kept\":{\"etl\":[{").unwrap();
    let again = stage.runs();
    assert!(again.past("etl").is_none());
    let profile = dagpass_core::fakes::profile();
    let learned = again.learned(&SessionKey::of("prod"), &profile);
    assert_eq!(learned, Some(Duration::from_secs(28_800)));
    assert!(stage.file("dag-runs.json.unreadable").exists());
    play(&stage, &again, "r2", 60);
    again.keep();
    assert_eq!(stage.runs().past("etl").unwrap().0.runs, 1);
}

#[test]
fn another_client_s_sessions_teach_nothing() {
    let stage = Stage::new();
    let runs = stage.runs();
    let profile = dagpass_core::fakes::profile();
    let ended = EndedSession {
        issuer: profile.issuer.as_str().to_owned(),
        client_id: "another".into(),
        ended_at: BEGAN,
        lasted: 60,
    };
    for client_id in ["another", "another", "another", profile.client_id.as_str()] {
        let ended = EndedSession { client_id: client_id.to_owned(), ..ended.clone() };
        lock(&runs.past).note_end("prod", ended);
    }
    assert_eq!(runs.learned(&SessionKey::of("prod"), &profile), None);
}

#[test]
fn a_flood_changes_nothing_and_is_counted() {
    let stage = Stage::new();
    let runs = stage.runs();
    let running = event(Happening::Running, "r1", "load");
    let taken = (0..3_000).filter(|_| runs.take(&running, &owner(&process(70))).is_some()).count();
    assert_eq!((taken, runs.untold()), (1_000, 2_000));
    assert_eq!(runs.untold(), 0, "told once");
}
