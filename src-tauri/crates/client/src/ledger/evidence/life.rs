//! When the agent ran, by its own lines: it says when it starts and when it ends. Where it started again and
//! had not said that it ended, it was killed, or the power went.

use super::super::Line;
use super::period::millis;

/// Fed with every line of the ledger, in order.
#[derive(Clone, Debug, Default)]
pub struct Life {
    state: State,
    /// The newest record.
    last: Option<Told>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No line said that one started: an agent of before such lines, or the ledger begins here.
    #[default]
    Untold,
    Runs,
    Ended(Told),
}

/// One line: when, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub time: i64,
    pub seq: u64,
}

/// The agent did not run, or nobody knows whether it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Off {
    /// The line before, and whether it says that the agent ended.
    pub after: Told,
    pub announced: bool,
    /// The line that says that one started; `None` while none did.
    pub until: Option<Told>,
}

impl Life {
    /// What ended by this line.
    pub fn take(&mut self, line: &Line) -> Option<Off> {
        let told = Told { time: millis(&line.time)?, seq: line.seq };
        let off = match &*line.event {
            "agent-start" => {
                let off = self.now(Some(told));
                self.state = State::Runs;
                off
            }
            "agent-stop" => {
                self.state = State::Ended(told);
                None
            }
            _ => None,
        };
        self.last = Some(told);
        off
    }

    /// As it is behind the last line.
    pub fn rest(&self) -> Option<Off> {
        match self.state {
            State::Ended(_) => self.now(None),
            State::Untold | State::Runs => None,
        }
    }

    fn now(&self, until: Option<Told>) -> Option<Off> {
        match self.state {
            State::Ended(after) => Some(Off { after, announced: true, until }),
            State::Runs | State::Untold => {
                self.last.map(|after| Off { after, announced: false, until })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_off_between_its_end_and_the_next_start_and_since_its_last_line_where_it_was_killed()
     {
        let events = [
            "agent-start",
            "issue",
            "agent-stop",
            "agent-start",
            "issue",
            "agent-start",
            "agent-stop",
            "door-closed",
        ];
        let (mut life, mut found) = (Life::default(), Vec::new());
        for (seq, event) in (1..).zip(events) {
            let time = format!("2026-11-24T06:00:{seq:02}Z");
            let line = Line { seq, time, event: event.into(), ..Line::default() };
            found.extend(life.take(&line));
        }
        let told: Vec<_> = found
            .iter()
            .chain(&life.rest())
            .map(|off| (off.after.seq, off.announced, off.until.map(|until| until.seq)))
            .collect();
        assert_eq!(told, [(3, true, Some(4)), (5, false, Some(6)), (7, true, None)]);
    }
}
