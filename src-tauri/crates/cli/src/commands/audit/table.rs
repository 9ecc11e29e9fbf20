//! The ledger for a person: when, what, who, which DAG, task, connection and audience. One row a
//! line, and of a task one row for each kind of token it was served. At a terminal a row is as wide as that
//! and no wider.

mod fit;

use dagpass_client::ledger::record::{Person, Tie};
use dagpass_client::ledger::{Audience, Line, NOT_VISIBLE, words};

use crate::output::{self, columns, cut, padded, word as harmless};
use fit::{GAP, Wish};

const HEAD: [&str; COLUMNS] =
    ["TIME (UTC)", "WHAT", "WHO", "DAG", "TASK", "CONNECTION", "AUDIENCE", "TOKEN", "BY"];
const COLUMNS: usize = 9;
/// Which column says nothing if it is narrower?
const LEAST: [usize; COLUMNS] = [23, 16, 14, 8, 8, 12, 20, 16, 24];
/// And which goes first where there is no room?
const RANK: [usize; COLUMNS] = [0, 0, 1, 2, 3, 4, 5, 7, 6];
const WHAT: usize = 1;
const NOTHING: &str = "-";

type Row = [String; COLUMNS];

/// One row, or a line that is no record, as it stands.
enum Shown {
    Row { cells: Row, colour: Colour },
    Whole(String),
}

impl Shown {
    /// Does it say the same in each column that is shown?
    fn is_like(&self, other: &Self, widths: [usize; COLUMNS]) -> bool {
        match (self, other) {
            (Self::Row { cells, .. }, Self::Row { cells: others, .. }) => {
                (0..COLUMNS).all(|at| widths[at] == 0 || cells[at] == others[at])
            }
            (Self::Whole(_), _) | (_, Self::Whole(_)) => false,
        }
    }
}

/// What stands out, as a terminal has it (SGR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    Good = 32,
    Failed = 33,
    Denied = 31,
    Head = 1,
}

/// Widths never shrink, so that what follows stays in line.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// `None`: no terminal, and each cell is whole.
    room: Option<usize>,
    colours: bool,
    widest: [usize; COLUMNS],
    shown: Option<[usize; COLUMNS]>,
}

impl Table {
    /// For where stdout goes.
    pub(super) fn here() -> Self {
        let (room, colours) = (output::stdout_width(), output::stdout_has_colours());
        Self { room, colours, ..Self::default() }
    }

    pub(super) fn rows(&mut self, lines: &[String]) -> String {
        let rows: Vec<Vec<Shown>> = lines.iter().map(|line| self.of_line(line)).collect();
        for row in rows.iter().flatten() {
            let Shown::Row { cells, .. } = row else { continue };
            for (widest, cell) in self.widest.iter_mut().zip(cells) {
                *widest = (*widest).max(if cell == NOTHING { 0 } else { columns(cell) });
            }
        }
        let widths = self.widths();
        let is_other =
            |old: [usize; COLUMNS]| (0..COLUMNS).any(|at| (old[at] == 0) != (widths[at] == 0));
        let mut text = Vec::new();
        if self.shown.is_none_or(is_other) {
            text.push(self.drawn(&HEAD.map(str::to_owned), Colour::Head, widths));
        }
        self.shown = Some(widths);
        for mut of_line in rows {
            // What tells two of a task's tokens apart may be left out: then there is one row.
            of_line.dedup_by(|a, b| a.is_like(b, widths));
            text.extend(of_line.iter().map(|row| match row {
                Shown::Row { cells, colour } => self.drawn(cells, *colour, widths),
                Shown::Whole(text) => self.room.map_or(text.clone(), |room| cut(text, room)),
            }));
        }
        text.join("\n")
    }

    fn widths(&self) -> [usize; COLUMNS] {
        let widest = |at: usize| match self.widest[at] {
            0 if self.room.is_some() => 0,
            widest => widest.max(columns(HEAD[at])),
        };
        let wish = |at: usize| Wish { widest: widest(at), least: LEAST[at], rank: RANK[at] };
        match self.room {
            None => std::array::from_fn(widest),
            Some(room) => fit::widths(std::array::from_fn(wish), room),
        }
    }

    fn drawn(&self, cells: &Row, colour: Colour, widths: [usize; COLUMNS]) -> String {
        let mut row = String::new();
        let last = (0..COLUMNS).rev().find(|at| widths[*at] > 0);
        for at in (0..COLUMNS).filter(|at| widths[*at] > 0) {
            let cell = cut(&cells[at], widths[at]);
            let is_last = Some(at) == last;
            let cell = if is_last { cell } else { padded(&cell, widths[at] + GAP) };
            let stands_out = self.colours && (at == WHAT || colour == Colour::Head);
            match stands_out {
                true => row.push_str(&format!("\u{1b}[{}m{cell}\u{1b}[0m", colour as u8)),
                false => row.push_str(&cell),
            }
        }
        row.trim_end().to_owned()
    }

    fn of_line(&self, text: &str) -> Vec<Shown> {
        let Some(line) = Line::parse(text) else { return vec![Shown::Whole(harmless(text))] };
        let colour = match &*line.outcome {
            "denied" => Colour::Denied,
            "failed" => Colour::Failed,
            _ if line.run.as_ref().is_some_and(|run| run.state == "failed") => Colour::Failed,
            _ => Colour::Good,
        };
        let short = self.room.is_some_and(|room| room < WIDE);
        let rows = match line.run.as_ref().map(|run| run.tokens.as_slice()) {
            None | Some([]) => vec![row(&line, None, short)],
            Some(tokens) => tokens.iter().map(|tie| row(&line, Some(tie), short)).collect(),
        };
        let shown = |row: Row| Shown::Row { cells: row.map(|cell| harmless(&cell)), colour };
        rows.into_iter().map(shown).collect()
    }
}

/// From how many columns on has a time its year and milliseconds, and a person address and `sub`?
const WIDE: usize = 160;

/// `2026-11-24 19:28:51.000`, or `11-24 19:28:51`.
fn when(time: &str, short: bool) -> String {
    let time = time.replace('T', " ").trim_end_matches('Z').to_owned();
    let cut = time.get(5..19).filter(|_| short).map(str::to_owned);
    cut.unwrap_or(time)
}

fn row(line: &Line, tie: Option<&Tie>, short: bool) -> Row {
    let or_nothing =
        |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or(NOTHING.to_owned());
    let run = line.run.as_ref();
    let said = |name: &str| line.caller.context.get(name).cloned();
    let connection = tie.map_or(&line.connection, |tie| &tie.connection);
    let audience = match tie {
        Some(tie) => Some(&tie.audience),
        None => line.audience.as_ref(),
    };
    let token = tie.map_or_else(|| line.fingerprint.clone(), |tie| Some(used(tie)));
    let audience = audience.and_then(shown).or(token.as_ref().map(|_| NOT_VISIBLE.to_owned()));
    [
        or_nothing(Some(when(&line.time, short))),
        if short { words::short(line) } else { words::title(line) },
        or_nothing(who(line, short)),
        or_nothing(run.map(|run| run.dag_id.clone()).or_else(|| said("dag_id"))),
        or_nothing(run.map(|run| run.task_id.clone()).or_else(|| said("task_id"))),
        or_nothing(connection.clone()),
        or_nothing(audience),
        or_nothing(token),
        by(line),
    ]
}

/// `3e57aa0912bc45de x12, 90ab12cd34ef5678`: each of them, and how many more there were.
fn used(tie: &Tie) -> String {
    if tie.each.is_empty() {
        return times(&tie.fingerprint, tie.times);
    }
    let named = tie.each.iter().map(|used| times(&used.fingerprint, used.times));
    let mut all = named.collect::<Vec<_>>().join(", ");
    let more = (tie.tokens as usize).saturating_sub(tie.each.len());
    if more > 0 {
        all.push_str(&format!(", {more} more"));
    }
    all
}

fn times(fingerprint: &str, times: u32) -> String {
    match times {
        0 | 1 => fingerprint.to_owned(),
        times => format!("{fingerprint} x{times}"),
    }
}

/// Who asked Airflow, and whose sign-in it ran under.
fn who(line: &Line, short: bool) -> Option<String> {
    let run = line.run.as_ref();
    let asked = run.and_then(|run| run.triggering_user.clone());
    let told = run.and_then(|run| run.signed_in_as.clone());
    let person = match &line.subject {
        Some(subject) => Some(named(subject, told.as_deref(), short)),
        None => told.clone(),
    };
    let is_one = |asked: &String| {
        told.as_ref() == Some(asked)
            || line.subject.as_ref().is_some_and(|subject| {
                [Some(&subject.sub), subject.name.as_ref(), subject.email.as_ref()]
                    .contains(&Some(asked))
            })
    };
    match (asked, person) {
        (Some(asked), Some(person)) if !is_one(&asked) => Some(format!("{asked} as {person}")),
        (asked, person) => person.or(asked),
    }
}

/// `Alice Liddell <alice@corp.example> (7f3a)`: a person, and beside that what Ping calls them. An older
/// line of a run has one name, and it stands apart.
fn named(person: &Person, told: Option<&str>, short: bool) -> String {
    let Person { sub, name, email, .. } = person;
    let told = told.filter(|_| name.is_none() && email.is_none()).map(str::to_owned);
    let name = match (name.clone().or(told), email) {
        (Some(name), _) if short => return name,
        (Some(name), Some(email)) if name != *email => format!("{name} <{email}>"),
        (Some(name), _) => name,
        (None, Some(email)) => email.clone(),
        (None, None) => return sub.clone(),
    };
    if short || name == *sub { name } else { format!("{name} ({sub})") }
}

fn shown(audience: &Audience) -> Option<String> {
    match audience {
        Audience::Names(names) => (!names.is_empty()).then(|| names.join(",")),
        Audience::Text(text) => Some(text.to_string()),
    }
}

fn by(line: &Line) -> String {
    let text = |number: Option<u32>| number.map(|number| number.to_string());
    let run = line.run.as_ref();
    let proven = line.proof.as_ref().and_then(|proof| proof.id_token.as_ref());
    // Elsewhere the count stands with what it is of.
    let meanwhile = line.count.filter(|_| words::amount(line).is_none());
    let named = [
        ("for", line.caller.context.get("purpose").cloned()),
        ("profile", line.session.as_ref().map(|session| session.profile.clone())),
        ("try", text(run.and_then(|run| run.try_number).filter(|number| *number != 1))),
        ("map", text(run.and_then(|run| run.map_index))),
        ("pid", text(line.caller.pid)),
        ("by", line.caller.executable.clone()),
        ("lane", (!line.caller.lanes.is_empty()).then(|| line.caller.lanes.join(","))),
        ("env", line.env.clone()),
        ("acr", proven.and_then(|proven| proven.acr.clone())),
        ("amr", proven.map(|proven| proven.amr.join(",")).filter(|amr| !amr.is_empty())),
        ("error", line.error.clone()),
        ("door", line.door.clone()),
        ("denied", meanwhile.map(|count| count.to_string())),
        ("reason", line.reason.clone()),
        ("rules", (!line.rules.is_empty()).then(|| line.rules.join(","))),
    ];
    let said = named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    said.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
