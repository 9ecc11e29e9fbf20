//! Questions and answers in words that a person can judge by. What a caller says of itself is marked as
//! that, and nothing in it reaches the terminal as it came.

use dagpass_client::wire::{ApprovalReply, Question, StandingApproval, Wanted};

use crate::output::word;
use crate::time;

/// How many digits of a program's SHA-256 are shown?
const DIGITS: usize = 16;

pub(super) fn question(question: &Question, now: i64) -> String {
    let mut text = format!("{}: {}", word(&question.id), facts(question, now));
    let how = match question.yours {
        true => format!("dagpass approve {} --{}", question.id, question.answers.join(" | --")),
        false => {
            "not from here: in the tray, the window, or a terminal that does not ask".to_owned()
        }
    };
    text += &row("answer", &word(&how));
    text
}

/// Without its name and how it is answered.
pub(super) fn facts(question: &Question, now: i64) -> String {
    let mut text = wanted(&question.wanted);
    let times =
        if question.times == 1 { "once".to_owned() } else { format!("{} times", question.times) };
    let until = time::show(question.expires_at, now);
    text += &row("asked", &format!("{times}, waits until {until}"));
    if let Some(why) = &question.uncounted {
        text += &row("not counted", &word(&format!("an answer: {why}")));
    }
    text
}

pub(super) fn standing(standing: &StandingApproval, now: i64) -> String {
    let said = match &*standing.answer {
        "no" => "refused",
        _ => "approved",
    };
    let until = time::show(standing.until, now);
    let how = span(&standing.answer);
    let mut text = format!("{}: {said} {how}: {}", word(&standing.id), wanted(&standing.wanted));
    text += &row("until", &until);
    text += &row("take back", &format!("dagpass approve revoke {}", word(&standing.id)));
    text
}

pub(super) fn given(given: &ApprovalReply, now: i64) -> String {
    let until = time::show(given.until, now);
    let said = match &*given.answer {
        "no" => format!("refused; asked again after {until}"),
        "once" => "approved once, for those that wait".to_owned(),
        answer => format!("approved {}, until {until} at the latest", span(answer)),
    };
    match (&given.re_authenticated, &given.not_re_authenticated) {
        (Some(who), _) => format!("{said}; {} had you prove who you are", word(who)),
        (None, Some(why)) => format!("{said}; nobody had you prove who you are: {}", word(why)),
        (None, None) => said,
    }
}

fn span(answer: &str) -> String {
    match answer {
        "no" => "for now".to_owned(),
        "once" => "once".to_owned(),
        "run" => "for this run".to_owned(),
        "today" => "for today".to_owned(),
        "always" => "for this program in this folder".to_owned(),
        other => word(other),
    }
}

fn wanted(wanted: &Wanted) -> String {
    let mut text = title(wanted);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text += &row(name, &value);
        }
    };
    let plain = |value: &Option<String>| value.as_deref().map(word);
    add("rule", Some(word(&wanted.rules.join(", "))));
    add("profile", plain(&wanted.profile));
    add("environment", plain(&wanted.env));
    add("audience", plain(&wanted.resource));
    let whole = (wanted.action == "token").then(|| "all that was granted".to_owned());
    add("scopes", plain(&wanted.scopes).or(whole));
    add("upstream", plain(&wanted.upstream));
    add("first request", plain(&wanted.request));
    add("program", Some(program(wanted)));
    add("started by", Some(word(&wanted.parents.join(" < "))));
    add("terminal", plain(&wanted.terminal));
    add("folder", plain(&wanted.cwd));
    add("run", plain(&wanted.run));
    add("came by", plain(&Some(wanted.door.clone())));
    for (name, value) in &wanted.says {
        add("says of itself", Some(format!("{} = {}", word(name), word(value))));
    }
    text
}

fn title(wanted: &Wanted) -> String {
    let what = match &*wanted.action {
        "token" => "a token".to_owned(),
        action => format!("to {}", word(&action.replace('-', " "))),
    };
    let whose = match (&wanted.connection, &wanted.deployment, &wanted.profile) {
        (Some(id), ..) => format!(" for connection {}", word(id)),
        (None, Some(name), _) => format!(" for Airflow deployment {}", word(name)),
        (None, None, Some(name)) => format!(" of profile {}", word(name)),
        (None, None, None) => String::new(),
    };
    what + &whose
}

fn program(wanted: &Wanted) -> String {
    let mut text = wanted.program.as_deref().map_or("not shown by the system".to_owned(), word);
    if let Some(pid) = wanted.pid {
        text += &format!(", process {pid}");
    }
    if let Some(digest) = wanted.sha256.as_deref().and_then(|digest| digest.get(..DIGITS)) {
        text += &format!(", SHA-256 {}…", word(digest));
    }
    text
}

fn row(name: &str, value: &str) -> String {
    format!("\n  {name:<16}{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Question {
        let says = [("dag_id", "etl\u{1b}[31m")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let wanted = Wanted {
            action: "token".into(),
            profile: Some("prod".into()),
            connection: Some("warehouse".into()),
            scopes: Some("warehouse:read".into()),
            rules: vec!["production".into()],
            program: Some("/usr/bin/python3".into()),
            sha256: Some("ab".repeat(32)),
            pid: Some(7),
            parents: vec!["/usr/bin/zsh".into(), "/usr/bin/tmux".into()],
            terminal: Some("/dev/pts/3".into()),
            cwd: Some("/srv/etl".into()),
            door: "socket".into(),
            says: says.into_iter().collect(),
            ..Wanted::default()
        };
        Question {
            id: "ap-1".into(),
            wanted,
            asked_at: 1_795_548_000,
            expires_at: 1_795_548_300,
            times: 3,
            answers: ["no", "once", "run"].map(str::to_owned).to_vec(),
            yours: true,
            ..Question::default()
        }
    }

    #[test]
    fn a_question_says_who_asks_for_what_by_which_rule_and_marks_what_nobody_checked() {
        let text = question(&asked(), 1_795_548_000);
        let (head, rows) = text.split_once('\n').unwrap();
        assert_eq!(head, "ap-1: a token for connection warehouse");
        for row in [
            "  rule            production",
            "  scopes          warehouse:read",
            "  program         /usr/bin/python3, process 7, SHA-256 abababababababab…",
            "  started by      /usr/bin/zsh < /usr/bin/tmux",
            "  terminal        /dev/pts/3",
            "  folder          /srv/etl",
            "  answer          dagpass approve ap-1 --no | --once | --run",
        ] {
            assert!(rows.lines().any(|line| line == row), "{row}\n{text}");
        }
        let said = rows.lines().find(|line| line.contains("says of itself")).unwrap();
        assert!(said.contains("dag_id = etl") && !text.contains('\u{1b}'), "{said}");
        let other = question(&Question { yours: false, ..asked() }, 0);
        assert!(other.contains("not from here") && !other.contains("--once"), "{other}");
        let unproved = Question { uncounted: Some("it was closed".into()), ..asked() };
        assert!(question(&unproved, 0).contains("not counted     an answer: it was closed"));
        let bare = Question { wanted: Wanted::default(), ..asked() };
        assert!(question(&bare, 0).contains("not shown by the system"));
    }

    #[test]
    fn an_answer_says_how_long_it_holds() {
        for (answer, expected) in [
            ("no", "refused; asked again after "),
            ("once", "approved once, for those that wait"),
            ("run", "approved for this run, until "),
            ("always", "approved for this program in this folder, until "),
        ] {
            let reply = ApprovalReply {
                id: "ap-1".into(),
                answer: answer.into(),
                until: 1_795_548_300,
                ..ApprovalReply::default()
            };
            assert!(given(&reply, 1_795_548_000).starts_with(expected), "{answer}");
            let by = ApprovalReply { re_authenticated: Some("polkit".into()), ..reply.clone() };
            assert!(given(&by, 1_795_548_000).ends_with("; polkit had you prove who you are"));
            let without = ApprovalReply { not_re_authenticated: Some("none".into()), ..reply };
            assert!(given(&without, 1_795_548_000).ends_with("had you prove who you are: none"));
            let held = StandingApproval {
                id: "ap-1".into(),
                answer: answer.into(),
                ..StandingApproval::default()
            };
            let text = standing(&held, 0);
            assert!(text.contains("dagpass approve revoke ap-1"), "{text}");
            assert_eq!(text.contains(": refused"), answer == "no", "{text}");
        }
    }
}
