//! In a gate, a test that failed is run once more by itself: what hangs on the clock of a busy machine costs no
//! whole run, and hides nowhere, since the report names it as not good. More than a few at once are no accident,
//! and whoever runs a verb by itself sees the first failure.

use std::sync::{Mutex, PoisonError};

use crate::builds::Builds;
use crate::house::House;
use crate::shell::{Failure, Shell, say, speaker};

/// How many tests of one run may be run once more?
const MOST: usize = 3;

/// What held only then.
static HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// cargo's tests: `words` are the harness's own. Those that failed are run alone, one after the other.
pub(crate) fn cargo(house: &House, cargo: &Shell, words: &str) -> Result<(), Failure> {
    let all = cargo.clone().arg("--").words(words);
    if house.builds == Builds::Everyday {
        return all.run();
    }
    let (ended, heard) = all.heard();
    let Err(failure) = ended else { return Ok(()) };
    let names = failed(&heard);
    if names.is_empty() || names.len() > MOST {
        return Err(failure);
    }
    say(&format!("\nonce more, each alone: {}", names.join(", ")));
    let alone = cargo.clone().words("-- --exact --nocapture --test-threads 1");
    let (ended, heard) = names.iter().fold(alone, |alone, name| alone.arg(*name)).heard();
    ended?;
    if passed(&heard) < names.len() {
        return Err(failure);
    }
    names.iter().for_each(|name| held(name));
    Ok(())
}

/// What tells no single test of its own: a part is run as a whole.
pub(crate) fn part<T>(
    house: &House,
    what: &str,
    run: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let first = run();
    let Err(failure) = &first else { return first };
    if house.builds == Builds::Everyday {
        return first;
    }
    say(&format!("{failure}\n\nonce more: {what}"));
    run().inspect(|_| held(what))
}

/// All that held only the second time, so far.
pub(crate) fn told() -> Vec<String> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn held(what: &str) {
    let what = speaker().map_or_else(|| what.to_owned(), |step| format!("{step}: {what}"));
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(what);
}

/// The names in the last list of failures of each test program, which stands above its result. None where one
/// began and told no result: what crashed or hung is no test's failure alone.
fn failed(heard: &[String]) -> Vec<&str> {
    let mut all = Vec::new();
    let mut list = Vec::new();
    let (mut begun, mut ended) = (0, 0);
    for line in heard {
        if is_begin(line) {
            begun += 1;
        } else if line == "failures:" {
            list.clear();
        } else if let Some(result) = line.strip_prefix("test result: ") {
            ended += 1;
            if result.starts_with("FAILED") {
                all.append(&mut list);
            }
            list.clear();
        } else if let Some(name) = line.strip_prefix("    ")
            && !name.contains(char::is_whitespace)
        {
            list.push(name);
        }
    }
    if begun == ended { all } else { Vec::new() }
}

/// `running 3 tests`
fn is_begin(line: &str) -> bool {
    let count = line.strip_prefix("running ").and_then(|rest| rest.split_once(" test"));
    count.is_some_and(|(count, _)| count.parse::<usize>().is_ok())
}

fn passed(heard: &[String]) -> usize {
    let results = heard.iter().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "
running 3 tests
test a::well ... ok
test a::badly ... FAILED

failures:

---- a::badly stdout ----
    in_the_middle_of_what_it_said

failures:
    a::badly
    b::worse

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.04s
running 2 tests
    a_line_that_a_test_printed
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
running 1 test
    a_line_that_a_test_printed
failures:
    c::too

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn those_that_failed_are_read_from_the_last_list_of_each_program() {
        assert_eq!(failed(&lines(SAID)), ["a::badly", "b::worse", "c::too"]);
        let crashed = format!("{SAID}\nrunning 7 tests\ntest d::aborts ... error: by a signal");
        for text in ["error: it did not build", &crashed] {
            assert_eq!(failed(&lines(text)), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn those_that_passed_are_counted_over_all_programs() {
        let said = "test result: ok. 0 passed; 0 failed\ntest result: ok. 2 passed; 0 failed";
        assert_eq!(passed(&lines(said)), 2);
    }

    #[cfg(unix)]
    mod runs {
        use super::*;
        use crate::shell::speaking_as;

        fn house(builds: Builds) -> House {
            let house = House::locate(Vec::new()).expect("these tests run in a clone");
            House { builds, ..house }
        }

        /// As cargo: fails the first time, and with `--exact` does what `again` says.
        fn tests(again: &str) -> Shell {
            let script = format!(
                "case \"$*\" in *--exact*) {again};; *) printf 'running 1 test\\nfailures:\\n    a::badly\\n\\n\
                 test result: FAILED. 0 passed\\n'; exit 101;; esac"
            );
            Shell::new("sh").arg("-c").arg(script).arg("cargo")
        }

        #[test]
        fn a_test_that_failed_is_run_once_more_in_a_gate_and_told() {
            let gate = house(Builds::Gate);
            let well = tests("test \"$6\" = a::badly && echo test result: ok. 1 passed");
            assert_eq!(speaking_as("on purpose: kept", || cargo(&gate, &well, "")), Ok(()));
            assert!(told().contains(&"on purpose: kept: a::badly".to_owned()), "{:?}", told());
            let none = tests("echo test result: ok. 0 passed");
            for (what, shell) in [("it fails again", tests("exit 101")), ("none ran", none)] {
                assert!(
                    speaking_as("on purpose: lost", || cargo(&gate, &shell, "")).is_err(),
                    "{what}"
                );
            }
            assert!(
                speaking_as("on purpose: lost", || cargo(&house(Builds::Everyday), &well, ""))
                    .is_err()
            );
            assert!(
                !told().iter().any(|what| what.starts_with("on purpose: lost")),
                "{:?}",
                told()
            );
        }

        #[test]
        fn many_that_fail_are_no_accident() {
            let list = "    a::b\\n".repeat(MOST + 1);
            let script = format!(
                "echo once >> \"$COUNT\"; printf 'running 9 tests\\nfailures:\\n{list}\\ntest result: FAILED. 0\\n'; exit 1"
            );
            let count = std::env::temp_dir().join(format!("dagpass-again-{}", std::process::id()));
            let shell = Shell::new("sh").arg("-c").arg(script).env("COUNT", &count);
            let ended = speaking_as("on purpose: many", || cargo(&house(Builds::Gate), &shell, ""));
            let runs = std::fs::read_to_string(&count).expect("a file of our own");
            std::fs::remove_file(&count).expect("a file of our own");
            assert!(ended.is_err());
            assert_eq!(runs, "once\n");
        }

        #[test]
        fn a_part_is_run_as_a_whole_and_what_it_ends_with_is_the_second_s() {
            let runs = std::cell::Cell::new(0);
            let second = || {
                runs.set(runs.get() + 1);
                if runs.get() == 2 { Ok(runs.get()) } else { Err(Failure::new("at first")) }
            };
            assert_eq!(
                part(&house(Builds::Everyday), "a part", second),
                Err(Failure::new("at first"))
            );
            runs.set(0);
            assert_eq!(part(&house(Builds::Gate), "a part", second), Ok(2));
            assert!(told().contains(&"a part".to_owned()), "{:?}", told());
        }
    }
}
