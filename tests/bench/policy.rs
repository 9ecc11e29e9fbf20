//! What a policy costs: the same agent asked for the same warm token without one, with 200 rules, and with 200
//! rules of which one has to be judged anew each time. One after another in every round, each by an agent that
//! was started with it.

use std::fs;
use std::time::Instant;

use crate::Outcome;
use crate::figures::Samples;
use crate::load::warm;
use crate::stage::Stage;

const ROUNDS: usize = 3;
/// How many tokens of each in a round?
const TOKENS: usize = 3_000;
const RULES: usize = 200;

#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) samples: Samples,
}

pub(crate) fn rounds(stage: &mut Stage) -> Outcome<Vec<Judged>> {
    const HOUR: &str = "forbid(principal, action, resource in Profile::\"night\") when { context.time.hour < 6 };\n";
    // Nobody can tell ahead when that turns.
    const MOVING: &str =
        "forbid(principal, action, resource) when { context.time.epoch * 2 == 7 };\n";
    let policies = [
        ("no policy", None),
        ("200 rules", Some(rules(RULES))),
        ("200 rules, one of the hour", Some(rules(RULES - 1) + HOUR)),
        ("200 rules, judged each time", Some(rules(RULES - 1) + MOVING)),
    ];
    let judged =
        |(name, _): &(&'static str, Option<String>)| Judged { name, samples: Samples::default() };
    let mut all: Vec<Judged> = policies.iter().map(judged).collect();
    let file = stage.home().join("policy.cedar");
    for _ in 0..ROUNDS {
        for ((_, text), row) in policies.iter().zip(&mut all) {
            stage.agent = None;
            match text {
                Some(text) => fs::write(&file, text)?,
                None if file.exists() => fs::remove_file(&file)?,
                None => {}
            }
            // What was kept of the one before is no policy of this round.
            let kept = stage.home().join(".local/state/dagpass/policy-last-good.json");
            if kept.exists() {
                fs::remove_file(kept)?;
            }
            stage.start_agent()?;
            stage.token()?;
            let mut ask = warm(stage)?;
            ask()?;
            for _ in 0..TOKENS {
                let started = Instant::now();
                ask()?;
                row.samples.add(started.elapsed());
            }
        }
    }
    stage.agent = None;
    if file.exists() {
        fs::remove_file(file)?;
    }
    stage.start_agent()?;
    Ok(all)
}

/// As many as that, of the kinds that people write.
fn rules(count: usize) -> String {
    let mut text = "permit(principal, action, resource);\n".to_owned();
    for number in 1..count {
        text += &match number % 4 {
            0 => format!(
                "forbid(principal, action in Action::\"tokens\", resource == Connection::\"c{number}\");\n"
            ),
            1 => format!(
                "forbid(principal is Container, action, resource) when {{ context has connection && context.connection like \"c{number}_*\" }};\n"
            ),
            2 => format!(
                "forbid(principal, action == Action::\"token\", resource) when {{ context has audience && context.audience == \"https://{number}.example\" }};\n"
            ),
            _ => format!(
                "forbid(principal, action, resource in Profile::\"p{number}\") unless {{ context.approved }};\n"
            ),
        };
    }
    text
}
