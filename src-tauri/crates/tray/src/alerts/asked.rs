//! The notice of a question: who wants what by which rule, and the answers that one click gives. Told once,
//! withdrawn as soon as it is answered somewhere or has expired; never where the agent says that this tree
//! is to be left alone.

use std::collections::HashSet;

use dagpass_client::harmful::is_harmful;
use dagpass_client::panel::View;
use dagpass_client::wire::{Question, Wanted};

use super::Deed;
use crate::menu::Action;
use crate::notice::{Choice, Key, Notice};

pub(super) fn seen(told: &mut HashSet<String>, waiting: &[Question]) -> Vec<Deed> {
    let waits = |id: &String| waiting.iter().any(|question| question.id == *id);
    let gone: Vec<String> = told.iter().filter(|id| !waits(id)).cloned().collect();
    told.retain(waits);
    let mut deeds: Vec<Deed> =
        gone.into_iter().map(|id| Deed::Withdraw(Key::Approval { id })).collect();
    for question in waiting.iter().filter(|question| !question.quiet) {
        if told.insert(question.id.clone()) {
            deeds.push(Deed::Show(notice(question)));
        }
    }
    deeds
}

fn notice(question: &Question) -> Notice {
    let id = &question.id;
    let wanted = &question.wanted;
    let answer = |answer| Action::Answer { id: id.clone(), answer };
    // The first is what a click on the notice itself means: that is no yes.
    let choices = vec![
        Choice { label: "Show…", action: Action::OpenPanel { view: Some(View::Approvals) } },
        Choice { label: "Once", action: answer("once") },
        Choice { label: "No", action: answer("no") },
    ];
    Notice {
        key: Key::Approval { id: id.clone() },
        title: format!("{} wants {}", program(wanted), what(wanted)),
        text: text(wanted),
        choices,
    }
}

/// Its name without the folder.
fn program(wanted: &Wanted) -> String {
    let path = wanted.program.as_deref().unwrap_or_default();
    match path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()) {
        Some(name) => plain(name),
        None => "A program".to_owned(),
    }
}

fn what(wanted: &Wanted) -> String {
    if wanted.action != "token" {
        return format!("to {}", plain(&wanted.action.replace('-', " ")));
    }
    match (&wanted.connection, &wanted.deployment, &wanted.profile) {
        (Some(id), ..) => format!("a token for {}", plain(id)),
        (None, Some(name), _) => format!("a token for Airflow {}", plain(name)),
        (None, None, Some(name)) => format!("a token of {}", plain(name)),
        (None, None, None) => "a token".to_owned(),
    }
}

fn text(wanted: &Wanted) -> String {
    let mut lines = vec![format!("Rule: {}", plain(&wanted.rules.join(", ")))];
    let mut add = |name: &str, value: Option<&String>| {
        lines.extend(value.map(|value| format!("{name}: {}", plain(value))));
    };
    // The title names what is nearest to the request; a connection's session is somebody's, too.
    let is_titled =
        wanted.action == "token" && wanted.connection.is_none() && wanted.deployment.is_none();
    add("Profile", wanted.profile.as_ref().filter(|_| !is_titled));
    add("Environment", wanted.env.as_ref());
    add("Audience", wanted.resource.as_ref());
    let whole = (wanted.action == "token").then(|| "all that was granted".to_owned());
    add("Scopes", wanted.scopes.as_ref().or(whole.as_ref()));
    add("Upstream", wanted.upstream.as_ref());
    add("First request", wanted.request.as_ref());
    add("Program", wanted.program.as_ref());
    let digest = wanted.sha256.as_deref().and_then(|digest| digest.get(..DIGITS));
    add("SHA-256", digest.map(|digest| format!("{digest}…")).as_ref());
    add("Started by", wanted.parents.first());
    add("Terminal", wanted.terminal.as_ref());
    add("Folder", wanted.cwd.as_ref());
    if wanted.door != "socket" && wanted.door != "pipe" {
        add("Came by", Some(&wanted.door));
    }
    let says: Vec<String> = wanted
        .says
        .iter()
        .map(|(name, value)| format!("{} {}", plain(name), plain(value)))
        .collect();
    if !says.is_empty() {
        lines.push(format!("It says of itself: {}", says.join(", ")));
    }
    lines.join("\n")
}

/// How much of a word of somebody else's is shown?
const LONGEST: usize = 120;

/// How many digits of a program's SHA-256 are shown? As many as on the command line.
const DIGITS: usize = 16;

/// One line of it, written from left to right, so that nobody writes a line that looks like ours.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_harmful(*c)).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: &str, quiet: bool) -> Question {
        let says = [("dag_id".to_owned(), "etl\n\u{2028}Rule:\u{202e} none".to_owned())];
        let wanted = Wanted {
            action: "token".into(),
            connection: Some("warehouse".into()),
            profile: Some("prod".into()),
            env: Some("live".into()),
            sha256: Some("ab".repeat(32)),
            program: Some("/usr/bin/python3".into()),
            rules: vec!["production".into()],
            cwd: Some("/srv/etl".into()),
            door: "socket".into(),
            says: says.into_iter().collect(),
            ..Wanted::default()
        };
        Question { id: id.into(), quiet, wanted, ..Question::default() }
    }

    #[test]
    fn a_question_is_told_once_and_withdrawn_when_it_waits_no_longer() {
        let mut told = HashSet::new();
        let (one, quiet) = (question("ap-1", false), question("ap-2", true));
        let first = seen(&mut told, &[one.clone(), quiet.clone()]);
        let [Deed::Show(notice)] = first.as_slice() else { panic!("{first:?}") };
        assert_eq!(notice.title, "python3 wants a token for warehouse");
        assert_eq!(
            notice.text,
            "Rule: production\nProfile: prod\nEnvironment: live\nScopes: all that was granted\n\
             Program: /usr/bin/python3\nSHA-256: abababababababab…\nFolder: /srv/etl\n\
             It says of itself: dag_id etlRule: none",
            "nobody writes a line of ours"
        );
        let labels: Vec<&str> = notice.choices.iter().map(|choice| choice.label).collect();
        assert_eq!(labels, ["Show…", "Once", "No"], "a click on the notice itself is no yes");
        assert_eq!(seen(&mut told, &[one, quiet.clone()]), []);
        let gone = Deed::Withdraw(Key::Approval { id: "ap-1".into() });
        assert_eq!(seen(&mut told, &[quiet]), [gone]);
        assert_eq!(seen(&mut told, &[]), []);
    }

    #[test]
    fn what_is_wanted_is_said_whatever_the_system_shows() {
        for (wanted, title) in [
            (Wanted { action: "token".into(), ..Wanted::default() }, "A program wants a token"),
            (
                Wanted { action: "open-door".into(), ..Wanted::default() },
                "A program wants to open door",
            ),
            (
                Wanted {
                    action: "token".into(),
                    program: Some("C:\\Python\\python.exe".into()),
                    deployment: Some("prod".into()),
                    ..Wanted::default()
                },
                "python.exe wants a token for Airflow prod",
            ),
        ] {
            let told = notice(&Question { wanted, ..Question::default() });
            assert_eq!(told.title, title);
        }
    }
}
