//! Which lines of the ledger are wanted. All that is asked for must hold; what a line does not say
//! is not wanted.

use jiff::Timestamp;

use super::record::{Audience, Line, Run, Tie};

/// What is asked for; empty wants everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of a name, an address or a `sub`, in any case: who signed in, or who asked Airflow.
    pub person: Option<String>,
    pub dag: Option<String>,
    pub task: Option<String>,
    /// An Airflow connection.
    pub connection: Option<String>,
    /// Part of whom a token is for, in any case.
    pub audience: Option<String>,
    pub profile: Option<String>,
    /// The calling program: its pid, its path or its name alone.
    pub process: Option<String>,
    /// A lane that the caller is in, or may be; `?` of whom nobody sees the origin.
    pub lane: Option<String>,
    /// Any of these; empty wants each.
    pub events: Vec<String>,
    /// `ok`, `denied` or `failed`.
    pub outcome: Option<String>,
    /// A rule of a policy that decided, by its `@id`.
    pub rule: Option<String>,
    pub since: Option<Timestamp>,
    /// Only what is older than that.
    pub until: Option<Timestamp>,
    /// Only those whose `seq` is lower.
    pub before: Option<u64>,
}

/// Is this line wanted, and need one look further back?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wanted,
    NotWanted,
    /// It is from before what is asked for, and so is all above it.
    TooOld,
}

impl Filter {
    pub fn judge(&self, text: &str) -> Verdict {
        if *self == Self::default() {
            return Verdict::Wanted;
        }
        // Whoever looks back from the end has to know where to stop: that is no matter of words.
        if self.since.is_none() && !self.may_hold(text) {
            return Verdict::NotWanted;
        }
        Line::parse(text).map_or(Verdict::NotWanted, |line| self.judge_line(&line))
    }

    /// Is it worth reading what a line says? A text without a backslash holds each word as it is.
    pub fn may_hold(&self, text: &str) -> bool {
        let Self { dag, task, connection, profile, outcome, rule, lane, .. } = self;
        let words = [dag, task, connection, profile, outcome, rule, lane];
        text.contains('\\') || words.into_iter().flatten().all(|word| text.contains(word.as_str()))
    }

    pub fn judge_line(&self, line: &Line) -> Verdict {
        if self.since.is_some() || self.until.is_some() {
            let Ok(time) = line.time.parse::<Timestamp>() else { return Verdict::NotWanted };
            if self.since.is_some_and(|since| time < since) {
                return Verdict::TooOld;
            }
            if self.until.is_some_and(|until| time >= until) {
                return Verdict::NotWanted;
            }
        }
        let holds = self.before.is_none_or(|before| line.seq < before) && self.words_hold(line);
        if holds { Verdict::Wanted } else { Verdict::NotWanted }
    }

    fn words_hold(&self, line: &Line) -> bool {
        let run = line.run.as_ref();
        let ties = run.map_or(&[][..], |run| run.tokens.as_slice());
        let context = |name: &str| line.caller.context.get(name);
        let session = line.session.as_ref();
        let is = |asked: &Option<String>, said: &[Option<&String>]| {
            asked.as_ref().is_none_or(|asked| said.contains(&Some(asked)))
        };
        let of_ties = |said: fn(&Tie) -> Option<&String>, asked: &Option<String>| {
            ties.iter().any(|tie| said(tie).is_some() && said(tie) == asked.as_ref())
        };
        (self.events.is_empty() || self.events.iter().any(|event| *event == line.event))
            && self.outcome.as_ref().is_none_or(|asked| *asked == line.outcome)
            && self.rule.as_ref().is_none_or(|asked| line.rules.contains(asked))
            && is(&self.dag, &[run.map(|run| &run.dag_id), context("dag_id")])
            && is(&self.task, &[run.map(|run| &run.task_id), context("task_id")])
            && (is(
                &self.connection,
                &[line.connection.as_ref(), session.and_then(|of| of.connection.as_ref())],
            ) || of_ties(|tie| tie.connection.as_ref(), &self.connection))
            && (is(&self.profile, &[session.map(|session| &session.profile)])
                || of_ties(|tie| Some(&tie.session.profile), &self.profile))
            && self.lane.as_ref().is_none_or(|asked| line.caller.lanes.contains(asked))
            && self.process.as_ref().is_none_or(|wanted| is_process(line, wanted))
            && self.person.as_ref().is_none_or(|asked| is_person(line, run, asked))
            && self.audience.as_ref().is_none_or(|asked| is_for(line, ties, asked))
    }
}

fn is_process(line: &Line, wanted: &str) -> bool {
    let path = line.caller.executable.as_deref().unwrap_or_default();
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let pid = line.caller.pid.map(|pid| pid.to_string());
    [path, name].contains(&wanted) || pid.as_deref() == Some(wanted)
}

fn is_person(line: &Line, run: Option<&Run>, asked: &str) -> bool {
    let subject = line.subject.as_ref();
    let said = [
        subject.map(|who| &who.sub),
        subject.and_then(|who| who.name.as_ref()),
        subject.and_then(|who| who.email.as_ref()),
        run.and_then(|run| run.triggering_user.as_ref()),
        run.and_then(|run| run.signed_in_as.as_ref()),
    ];
    said.into_iter().flatten().any(|said| has_part(said, asked))
}

fn is_for(line: &Line, ties: &[Tie], asked: &str) -> bool {
    let names = |audience: &Audience| match audience {
        Audience::Names(names) => names.iter().any(|name| has_part(name, asked)),
        Audience::Text(name) => has_part(name, asked),
    };
    line.audience.iter().chain(ties.iter().map(|tie| &tie.audience)).any(names)
        || line.resource.as_ref().is_some_and(|resource| has_part(resource, asked))
}

/// Upper and lower case are one.
fn has_part(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &str = r#"{"seq":7,"time":"2026-11-24T08:00:00.000Z","event":"issue","connection":"lake",
        "session":{"profile":"prod"},"audience":["https://Lake.corp"],"subject":{"sub":"7f3a","name":"Alice Liddell","email":"alice@corp.example"},"outcome":"ok","rules":["base","lake only"],"caller":{"pid":71,"lanes":["other","agent"],"executable":"/opt/py/bin/airflow","context":{"dag_id":"etl","task_id":"load"}}}"#;
    const RUN: &str = r#"{"seq":8,"time":"2026-11-24T09:00:00.000Z","event":"run","session":{"profile":"dev","connection":"own"},"outcome":"denied","run":{"dag_id":"etl",
        "triggering_user":"ada","signed_in_as":"bob@corp.example","task_id":"load","tokens":[{"session":{"profile":"dev"},"connection":"warehouse","audience":"not visible"}]}}"#;

    #[test]
    fn all_that_is_asked_for_must_hold_on_the_line_or_on_one_of_its_tokens() {
        let text = |text: &str| Some(text.to_owned());
        let all = Filter::default;
        let table: [(&str, Filter, [bool; 2]); 28] = [
            ("nothing", Filter::default(), [true, true]),
            ("dag", Filter { dag: text("etl"), ..Filter::default() }, [true, true]),
            ("another dag", Filter { dag: text("et"), ..Filter::default() }, [false, false]),
            ("task", Filter { task: text("load"), ..Filter::default() }, [true, true]),
            ("connection", Filter { connection: text("lake"), ..Filter::default() }, [true, false]),
            (
                "connection of a session",
                Filter { connection: text("own"), ..Filter::default() },
                [false, true],
            ),
            (
                "connection of a token",
                Filter { connection: text("warehouse"), dag: text("etl"), ..Filter::default() },
                [false, true],
            ),
            ("profile", Filter { profile: text("dev"), ..Filter::default() }, [false, true]),
            ("pid", Filter { process: text("71"), ..Filter::default() }, [true, false]),
            ("name", Filter { process: text("airflow"), ..Filter::default() }, [true, false]),
            (
                "path",
                Filter { process: text("/opt/py/bin/airflow"), ..Filter::default() },
                [true, false],
            ),
            ("before", Filter { before: Some(8), ..Filter::default() }, [true, false]),
            ("name in any case", Filter { person: text("LIDDELL"), ..all() }, [true, false]),
            ("address", Filter { person: text("corp.example"), ..all() }, [true, true]),
            ("sub", Filter { person: text("7f3"), ..all() }, [true, false]),
            ("who asked Airflow", Filter { person: text("ada"), ..all() }, [false, true]),
            ("audience", Filter { audience: text("lake.CORP"), ..all() }, [true, false]),
            ("of a token", Filter { audience: text("not visible"), ..all() }, [false, true]),
            ("event", Filter { events: vec!["run".into()], ..all() }, [false, true]),
            (
                "events",
                Filter { events: vec!["run".into(), "issue".into()], ..all() },
                [true, true],
            ),
            ("outcome", Filter { outcome: text("denied"), ..all() }, [false, true]),
            ("rule", Filter { rule: text("lake only"), ..all() }, [true, false]),
            ("lane", Filter { lane: text("agent"), ..all() }, [true, false]),
            ("part of a lane", Filter { lane: text("age"), ..all() }, [false, false]),
            ("part of a rule", Filter { rule: text("lake"), ..all() }, [false, false]),
            ("a quote", Filter { dag: text("e\"tl"), ..all() }, [false, false]),
            (
                "both",
                Filter { outcome: text("denied"), person: text("alice"), ..all() },
                [false, false],
            ),
            ("another", Filter { process: text("py"), ..Filter::default() }, [false, false]),
        ];
        for (case, filter, wanted) in table {
            let got = [ISSUE, RUN].map(|line| filter.judge(line) == Verdict::Wanted);
            assert_eq!(got, wanted, "{case}");
        }
    }

    #[test]
    fn a_time_before_the_one_asked_for_ends_the_search() {
        let since = "2026-11-24T08:30:00Z".parse().unwrap();
        let filter = Filter { since: Some(since), ..Filter::default() };
        assert_eq!(filter.judge(ISSUE), Verdict::TooOld);
        assert_eq!(filter.judge(RUN), Verdict::Wanted);
        assert_eq!(filter.judge("half a li"), Verdict::NotWanted);
        let filter = Filter { until: Some(since), ..Filter::default() };
        assert_eq!(
            [ISSUE, RUN].map(|line| filter.judge(line)),
            [Verdict::Wanted, Verdict::NotWanted]
        );
        let at = Filter { until: Some("2026-11-24T08:00:00Z".parse().unwrap()), ..filter };
        assert_eq!(at.judge(ISSUE), Verdict::NotWanted, "the end is not in it");
        for unread in [r#"{"seq":9}"#, r#"{"seq":9,"time":"yesterday"}"#] {
            for (since, until) in [(Some(since), None), (None, Some(since))] {
                let filter = Filter { since, until, ..Filter::default() };
                assert_eq!(filter.judge(unread), Verdict::NotWanted, "{unread} {filter:?}");
            }
        }
    }

    /// The look at the text alone never keeps a line out that says what is asked for.
    #[test]
    fn a_word_is_found_however_a_line_writes_it() {
        for written in [r"caf\u00e9", "caf\u{e9}", r"\u0063af\u00E9"] {
            let line = format!(r#"{{"event":"run","run":{{"dag_id":"{written}"}}}}"#);
            let filter = Filter { dag: Some("caf\u{e9}".into()), ..Filter::default() };
            assert_eq!(filter.judge(&line), Verdict::Wanted, "{line}");
        }
        let quoted = r#"{"event":"run","run":{"dag_id":"a\"b\\c"}}"#;
        let filter = Filter { dag: Some(r#"a"b\c"#.into()), ..Filter::default() };
        assert_eq!(filter.judge(quoted), Verdict::Wanted);
    }
}
