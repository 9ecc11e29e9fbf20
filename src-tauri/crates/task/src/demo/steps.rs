//! What the demo does, a line a step with its seconds. What the programs say goes to one file, and is shown only
//! of the step that failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::house::House;
use crate::shell::{Failure, Shell, is_watched, say, say_over};

/// How often does a person who looks on see the seconds?
const TICK: Duration = Duration::from_millis(200);

pub(super) struct Steps {
    log: PathBuf,
}

impl Steps {
    pub(super) fn new(house: &House, name: &str) -> Result<Self, Failure> {
        let folder = house.target.join("demo");
        fs::create_dir_all(&folder).map_err(|e| Failure::at(&folder, &e))?;
        let log = folder.join(format!("{name}.log"));
        fs::write(&log, "").map_err(|e| Failure::at(&log, &e))?;
        Ok(Self { log })
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    pub(super) fn run(&self, what: &str, shell: &Shell) -> Result<(), Failure> {
        self.step(what, || shell.logged(&self.log))
    }

    pub(super) fn step<T>(
        &self,
        what: &str,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        if !is_watched() {
            let done = work();
            say(&line(started.elapsed(), what, done.is_ok()));
            return done;
        }
        let (end, ended) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while ended.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                    say_over(&format!("{} …", line(started.elapsed(), what, true)));
                }
            });
            let done = work();
            drop(end);
            done
        })
        .inspect(|_| over(started, what, true))
        .inspect_err(|_| over(started, what, false))
    }
}

fn over(started: Instant, what: &str, well: bool) {
    say_over(&line(started.elapsed(), what, well));
    say("");
}

fn line(took: Duration, what: &str, well: bool) -> String {
    format!("  {:>6.1} s  {what}{}", took.as_secs_f64(), if well { "" } else { ": FAILED" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_line_with_its_seconds() {
        let took = Duration::from_millis(12_340);
        assert_eq!(line(took, "signing in", true), "    12.3 s  signing in");
        assert_eq!(line(took, "signing in", false), "    12.3 s  signing in: FAILED");
    }
}
