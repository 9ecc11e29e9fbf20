//! How long the cores worked for a program and all that it started and saw end: what a time cannot tell where
//! others work too. Linux alone tells.

use std::cell::Cell;
use std::fs;
use std::process::Child;

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

/// The ticks of what this thread waited for since it was last asked.
pub(crate) fn taken() -> u64 {
    TICKS.replace(0)
}

/// Takes note of a child that has ended and was not waited for yet.
pub(super) fn note(child: &Child) {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()));
    let ended = stat.ok().and_then(|stat| ticks_of_the_ended(&stat));
    TICKS.set(TICKS.get() + ended.unwrap_or(0));
}

/// Its own ticks and those of its children; `None` where it runs still.
fn ticks_of_the_ended(stat: &str) -> Option<u64> {
    let fields = behind_the_name(stat)?;
    let mut fields = fields.split_whitespace();
    if fields.next()? != "Z" {
        return None;
    }
    fields.skip(10).take(4).map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Fields 16 and 17 of proc_pid_stat(5): of the children that have ended and were waited for.
pub(crate) fn ticks_of_children(stat: &str) -> Option<u64> {
    let mut fields = behind_the_name(stat)?.split_whitespace().skip(13);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// The second field, a name, may hold blanks and ends with the last `)`.
fn behind_the_name(stat: &str) -> Option<&str> {
    Some(stat.rsplit_once(')')?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_children_is_read_behind_a_name_with_blanks() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 50 60 700 8 20 0 1 0 99";
        assert_eq!(ticks_of_children(stat), Some(708));
        assert_eq!(ticks_of_children("7 (a) S 1"), None);
    }

    #[test]
    fn the_work_of_a_program_counts_once_it_has_ended() {
        let stat = "7 (a ) b) Z 1 7 7 0 -1 4194560 1 2 3 4 50 60 700 8 20 0 1 0 99";
        assert_eq!(ticks_of_the_ended(stat), Some(818));
        assert_eq!(ticks_of_the_ended(&stat.replace(" Z ", " S ")), None);
        assert_eq!(ticks_of_the_ended("7 (a) Z 1"), Some(0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_program_worked_is_taken_once() {
        taken();
        let count = "i=0; while test $i -lt 200000; do i=$((i+1)); done";
        crate::shell::Shell::new("sh").arg("-c").arg(count).run().expect("a shell that counts");
        assert!(taken() > 0);
        assert_eq!(taken(), 0);
    }
}
