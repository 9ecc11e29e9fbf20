//! `dagpass approve`: what waits for a person, and the answer. Decides how it is said and asked; whose an
//! answer is to give, and what it is good for, is the agent's.

mod textual;
pub(crate) mod wait;
mod words;

use clap::{Args, Subcommand};

use dagpass_client::wire::{ApprovalList, Question};

use self::textual::Textual;
use crate::exit::Failure;
use crate::world::World;
use crate::{output, time};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Approve {
    /// Which question, by its id; all that wait where absent
    id: Option<String>,
    #[command(flatten)]
    answer: Answer,
    #[command(subcommand)]
    deed: Option<Deed>,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Answer {
    /// Those that wait get what they asked for, one time
    #[arg(long, requires = "id")]
    once: bool,
    /// Until the run or its terminal's programs end, 12 hours at most; a locked screen does not end it
    #[arg(long, requires = "id")]
    run: bool,
    /// The same, until midnight
    #[arg(long, requires = "id")]
    today: bool,
    /// Whenever this program asks for it from this folder, for 90 days
    #[arg(long, requires = "id")]
    always: bool,
    /// It is not given
    #[arg(long, requires = "id")]
    no: bool,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// What waits, and the answers that hold
    List,
    /// Take an answer back: the next request asks again
    Revoke {
        /// Which, by its id
        id: String,
    },
}

pub(crate) fn run(world: &World, args: Approve) -> Result<(), Failure> {
    match (args.deed, args.id) {
        (Some(Deed::List), _) => list(world, true),
        (Some(Deed::Revoke { id }), _) => revoke(world, &id),
        (None, None) => list(world, false),
        (None, Some(id)) => match word(&args.answer) {
            Some(word) => answer(world, &id, word),
            None => ask(world, &id),
        },
    }
}

fn word(answer: &Answer) -> Option<&'static str> {
    let Answer { once, run, today, always, no } = answer;
    let words = [(once, "once"), (run, "run"), (today, "today"), (always, "always"), (no, "no")];
    words.into_iter().find(|(given, _)| **given).map(|(_, word)| word)
}

fn list(world: &World, whole: bool) -> Result<(), Failure> {
    let list = world.ask_running(|agent| agent.approvals())?;
    if world.json {
        return output::json(&list);
    }
    let text = lines(&list, whole);
    if text.is_empty() {
        output::say(match whole {
            true => "nothing waits for an approval, and none holds",
            false => "nothing waits for an approval; `dagpass approve list` shows what holds",
        });
        return Ok(());
    }
    output::out(&text)
}

fn lines(list: &ApprovalList, whole: bool) -> String {
    let now = time::now();
    let pending = list.pending.iter().map(|question| words::question(question, now));
    let standing = list.standing.iter().filter(|_| whole).map(|one| words::standing(one, now));
    pending.chain(standing).collect::<Vec<_>>().join("\n\n")
}

fn answer(world: &World, id: &str, word: &str) -> Result<(), Failure> {
    let _asks = shows_polkit(world, id, word)?.then(Textual::begin);
    let given = world.ask_running(|agent| agent.answer_approval(id, word))?;
    if world.json {
        return output::json(&given);
    }
    output::say(&words::given(&given, time::now()));
    Ok(())
}

/// Is somebody there to whom polkit's question can be shown here, and is there one?
fn shows_polkit(world: &World, id: &str, word: &str) -> Result<bool, Failure> {
    if !cfg!(target_os = "linux") || !output::stdin_is_terminal() || !output::stderr_is_terminal() {
        return Ok(false);
    }
    let list = world.ask_running(|agent| agent.approvals())?;
    let proved = |one: &Question| one.id == id && one.proves.iter().any(|answer| answer == word);
    Ok(list.pending.iter().any(proved))
}

/// Shows it, and reads the answer where somebody sits there.
fn ask(world: &World, id: &str) -> Result<(), Failure> {
    let list = world.ask_running(|agent| agent.approvals())?;
    let found = list.pending.iter().find(|question| question.id == id);
    let Some(question) = found else {
        return Err(Failure::new("not_found", format!("no question `{id}` waits"))
            .hint("`dagpass approve` shows what does"));
    };
    if world.json {
        return output::json(question);
    }
    output::out(&words::question(question, time::now()))?;
    if !output::stdin_is_terminal() || !question.yours {
        return Ok(());
    }
    match read(question)? {
        Some(word) => answer(world, id, word),
        None => {
            output::say("not answered: it goes on waiting");
            Ok(())
        }
    }
}

/// Nothing but a whole word is an answer.
fn read(question: &Question) -> Result<Option<&'static str>, Failure> {
    output::ask(&format!("your answer ({}; nothing leaves it): ", question.answers.join(", ")));
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::new("io", "no answer could be read").because(error))?;
    let typed = line.trim().to_lowercase();
    if typed.is_empty() {
        return Ok(None);
    }
    let known = ["once", "run", "today", "always", "no"].into_iter().find(|word| *word == typed);
    known.map(Some).ok_or_else(|| Failure::usage("that is none of the answers"))
}

fn revoke(world: &World, id: &str) -> Result<(), Failure> {
    world.ask_running(|agent| agent.revoke_approval(id))?;
    if world.json {
        return output::json(&serde_json::json!({ "id": id, "revoked": true }));
    }
    output::say(&format!("{id} holds no longer: the next request asks again"));
    Ok(())
}
