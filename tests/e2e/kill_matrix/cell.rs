//! One cell: set the stage, strike, let go on what was held, have an agent run again, judge. A row is its
//! cells on two threads, each thread with a provider of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;

use super::blows::Blow;
use super::provider::{Ground, Provider};
use super::stage::Stage;
use super::steps::Step;
use super::verdict::{self, Must, Outcome};
use super::{MATRIX, report};

/// How many cells of a row are played at once? They wait more than they work.
const AT_ONCE: usize = 2;

/// What came of a cell, or what did not hold.
type Played = Result<Outcome, String>;

pub(super) fn play_row(step: Step, ground: Ground) {
    let (_, musts) = MATRIX.iter().find(|(row, _)| *row == step).expect("a row of the matrix");
    let cells: Vec<(Blow, Must)> = Blow::ALL.into_iter().zip(*musts).collect();
    let played = play_all(&cells, step, ground);
    let mut wrong = Vec::new();
    let mut shown = Vec::new();
    for ((blow, _), played) in cells.iter().zip(played) {
        shown.push(match played {
            Ok(outcome) => outcome.name(),
            Err(text) => {
                wrong.push(format!("{blow:?}: {text}"));
                "WRONG"
            }
        });
    }
    report::write(ground, step, &shown);
    assert!(wrong.is_empty(), "{step:?} at {}:\n{}", ground.name(), wrong.join("\n\n"));
}

fn play_all(cells: &[(Blow, Must)], step: Step, ground: Ground) -> Vec<Played> {
    let next = Mutex::new(0..cells.len());
    let played: Mutex<Vec<Option<Played>>> = Mutex::new(cells.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut provider = None;
                loop {
                    let Some(at) = next.lock().unwrap().next() else { return };
                    let (blow, must) = cells[at];
                    let here = provider.take().unwrap_or_else(|| ground.start(step));
                    let start = Instant::now();
                    let cell = AssertUnwindSafe(|| play(step, (blow, must), here));
                    let outcome = match catch_unwind(cell) {
                        Ok((outcome, here)) => {
                            provider = Some(here);
                            Ok(outcome)
                        }
                        // What it left at its provider is nobody else's trouble.
                        Err(panic) => Err(words(&*panic)),
                    };
                    println!("{step:?} {blow:?} {:?}: {outcome:?}", start.elapsed());
                    played.lock().unwrap()[at] = Some(outcome);
                }
            });
        }
    });
    played.into_inner().unwrap().into_iter().map(|one| one.expect("played")).collect()
}

fn play(
    step: Step,
    (blow, must): (Blow, Must),
    provider: Box<dyn Provider>,
) -> (Outcome, Box<dyn Provider>) {
    let mut stage = Stage::set(step, blow, provider);
    let mut reached = step.reach(&mut stage);
    let struck = blow.strike(&stage, step, &mut reached);
    if blow == Blow::Suspend {
        // What is on its way lands first; who comes, comes to a machine that is awake.
        if step.in_flight() {
            step.go_on(&mut stage, &mut reached);
            blow.settle(&stage, struck);
        } else {
            blow.settle(&stage, struck);
            step.go_on(&mut stage, &mut reached);
        }
        verdict::asker(&stage, (step, blow), &mut reached);
    } else {
        step.go_on(&mut stage, &mut reached);
        verdict::asker(&stage, (step, blow), &mut reached);
        blow.settle(&stage, struck);
    }
    let outcome = verdict::judge(&stage, (step, blow), must);
    (outcome, stage.close())
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
