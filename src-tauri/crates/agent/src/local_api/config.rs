//! `PUT /v1/config` and `POST /v1/config/edit`: the whole text or some keys of it, taken or refused
//! whole; what it changes of where tokens go is told first.

use dagpass_client::wire::{ConfigEdit, ConfigProblem, ConfigPut};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::request::{Caller, SessionKey, Transport};

use super::reply::{self, Reply};
use super::{Api, Asked};
use crate::config::{Condition, Config, WriteFailure, Wrong};

pub(super) fn put(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let new: ConfigPut = asked.parse()?;
    let made_from = new.digest.as_deref();
    // Before anything is told of a change that would not be made.
    api.config.stands(made_from).map_err(|failure| refusal(api, &failure))?;
    let config = api.config.check(&new.text).map_err(|failure| refusal(api, &failure))?;
    names_a_program(&config, &api.config.current(), &asked.principal)?;
    writes_rules(&config, &api.config.current(), &asked.principal)?;
    prunes(&config, &api.config.current(), &asked.principal)?;
    api.tell_config(&config, asked.caller())?;
    let written = api.config.write(&new.text, made_from);
    in_force(api);
    written.map_err(|failure| refusal(api, &failure))?;
    Ok(reply::json(&api.config.reply()))
}

pub(super) fn edit(api: &Api, asked: &Asked) -> Result<Reply, Refusal> {
    let edit: ConfigEdit = asked.parse()?;
    api.config.stands(edit.digest.as_deref()).map_err(|failure| refusal(api, &failure))?;
    if !edit.dry_run {
        let shown = api.config.edit(&ConfigEdit { dry_run: true, ..edit.clone() });
        let shown = shown.map_err(|failure| refusal(api, &failure))?;
        let config = api.config.check(&shown.text).map_err(|failure| refusal(api, &failure))?;
        names_a_program(&config, &api.config.current(), &asked.principal)?;
        writes_rules(&config, &api.config.current(), &asked.principal)?;
        prunes(&config, &api.config.current(), &asked.principal)?;
        api.tell_config(&config, asked.caller())?;
    }
    let edited = api.config.edit(&edit);
    if !edit.dry_run {
        in_force(api);
    }
    Ok(reply::json(&edited.map_err(|failure| refusal(api, &failure))?))
}

/// A program that the agent is to run, and to whom goes what it prints, is named by whoever owns the machine, and
/// by nobody who reaches it from elsewhere.
fn names_a_program(new: &Config, now: &Config, principal: &Principal) -> Result<(), Refusal> {
    let wanted = new.ship.as_ref().filter(|ship| !ship.headers_command.is_empty());
    let is_here = principal.kind == Kind::Owner && !principal.caller.remote;
    if wanted.is_none() || wanted == now.ship.as_ref() || is_here {
        return Ok(());
    }
    let what =
        "only the agent's own machine names a program that it runs, and who gets what it prints";
    Err(Refusal::new(ErrorCode::AccessDenied, what)
        .because("`audit.ship` has a `headers-command` and would be another")
        .hint("set it in the config on that machine"))
}

/// What is pruned is gone: nobody who reaches the agent from elsewhere has the ledger kept for another time.
fn prunes(new: &Config, now: &Config, principal: &Principal) -> Result<(), Refusal> {
    if new.retain == now.retain || principal.is_at_hand() {
        return Ok(());
    }
    let what = "only the agent's own machine says how long the ledger is kept";
    Err(Refusal::new(ErrorCode::AccessDenied, what)
        .because("`audit.retain` would be another")
        .hint("set it in the config on that machine"))
}

/// By what is judged is written by the owner at the agent's own machine: nobody who reaches it from elsewhere
/// switches the policy off by another config. While what is there cannot be read, nobody knows its rules.
fn writes_rules(new: &Config, now: &Config, principal: &Principal) -> Result<(), Refusal> {
    let is_known = !matches!(now.condition, Condition::Wrong { .. });
    if principal.is_at_hand() || (is_known && new.policy.means_the_same(&now.policy)) {
        return Ok(());
    }
    let cause = match is_known {
        true => "`policy` would be another",
        false => "the config that is there is wrong, and may have rules",
    };
    Err(Refusal::new(ErrorCode::AccessDenied, "only the agent's own machine writes the policy")
        .because(cause)
        .hint("change the config on that machine"))
}

/// What came to be otherwise than it was told (a full disk, somebody else's edit in between) is told as it
/// is.
fn in_force(api: &Api) {
    if api.tell_own_config() {
        api.adopt_config();
    }
}

impl Api {
    /// What such a config changes of where tokens go, and by which way, is on the record before it is in
    /// force. The tray reads it there.
    pub(crate) fn tell_config(&self, config: &Config, caller: &Caller) -> Result<(), Refusal> {
        self.told.tell(config, |change| {
            let (session, what) = (SessionKey::of(&change.profile), change.to_string());
            let mut record = Record::new(Event::ConfigChange, Outcome::Ok, caller);
            record.session = Some(&session);
            record.reason = Some(&what);
            self.witness.record(&record).map(drop).map_err(|failure| not_recorded(&failure.0))
        })
    }

    /// Whoever spoils the machine's config is on the record for it.
    pub(crate) fn tell_managed_wrong(&self) {
        let above = self.config.above();
        let Some(problem) = above.problems.first() else { return };
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        let mut record = Record::new(Event::ConfigChange, Outcome::Failed, &caller);
        let what = format!("the machine's config is not as it has to be: {problem}");
        record.reason = Some(&what);
        if let Err(failure) = self.witness.record(&record) {
            tracing::error!(%failure, "not on the record");
        }
    }
}

fn not_recorded(cause: &str) -> Refusal {
    Refusal::new(
        ErrorCode::NotRecorded,
        "the config's change cannot be recorded, so it is not taken",
    )
    .because(cause)
    .hint("run `dagpass doctor`")
}

pub(super) fn refusal(api: &Api, failure: &WriteFailure) -> Refusal {
    const STAYS: &str = "what was there stays; mend the text and try again";
    let not_taken = || Refusal::new(ErrorCode::ConfigInvalid, "the config was not taken");
    match failure {
        WriteFailure::Problems(problems) => {
            let own = api.config.path().display().to_string();
            let at = |one: &ConfigProblem| match one.line {
                line if line != 0 && one.file == own => {
                    format!("line {line}: {}: {}", one.key, one.message)
                }
                _ => one.to_string(),
            };
            let first = problems.first();
            let cause = first.map_or_else(|| "it cannot be read".to_owned(), at);
            let hint = first.and_then(|one| one.hint.as_ref());
            let hint = hint.map(|hint| format!("{hint}; what was there stays"));
            not_taken().because(cause).hint(hint.unwrap_or_else(|| STAYS.to_owned()))
        }
        WriteFailure::Edit(wrong @ Wrong::Toml(_)) => {
            not_taken().because(wrong.to_string()).hint(STAYS)
        }
        WriteFailure::Edit(wrong @ Wrong::Key { .. }) => {
            Refusal::new(ErrorCode::InvalidRequest, "that cannot be edited")
                .because(wrong.to_string())
        }
        WriteFailure::Changed => {
            Refusal::new(ErrorCode::ConfigChanged, "another program changed the config meanwhile")
                .because("the change was made from a config that is there no more")
                .hint("nothing was written: do it again, on what is there now")
        }
        WriteFailure::Io(_) => {
            Refusal::new(ErrorCode::ServerError, "the config could not be written")
                .because(failure.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_the_agent_runs_is_named_on_its_own_machine_alone() {
        let at = |collector: &str, command: &str| {
            let text = format!("[audit.ship]\notlp = \"https://{collector}\"\n{command}\n");
            crate::config::parse(&text, Path::new("config.toml")).unwrap()
        };
        let of = |command: &str| at("c", command);
        let elsewhere = at("d", "headers-command = [\"sh\"]");
        let plain = at("d", "");
        let (none, pass, sh) =
            (of(""), of("headers-command = [\"pass\"]"), of("headers-command = [\"sh\"]"));
        for (kind, now, new, taken) in [
            (Kind::Owner, &none, &sh, true),
            (Kind::Owner, &pass, &sh, true),
            (Kind::Relay, &none, &sh, false),
            (Kind::Relay, &pass, &sh, false),
            (Kind::Relay, &sh, &sh, true),
            (Kind::Relay, &sh, &none, true),
            (Kind::Relay, &sh, &plain, true),
            (Kind::Relay, &sh, &elsewhere, false),
            (Kind::Owner, &sh, &elsewhere, true),
            (Kind::Forwarded("box".to_owned()), &none, &sh, false),
        ] {
            let principal = Principal::new(kind, Caller::default());
            assert_eq!(names_a_program(new, now, &principal).is_ok(), taken, "{principal:?}");
        }
        let far = Principal::new(Kind::Owner, Caller { remote: true, ..Caller::default() });
        assert!(names_a_program(&sh, &none, &far).is_err());
    }

    #[test]
    fn the_policy_is_written_on_its_own_machine_alone() {
        let of = |text: &str| crate::config::parse(text, Path::new("config.toml")).unwrap();
        const RULE: &str = "[[policy.rule]]\nwhen = { remote = true }\nthen = \"deny\"\n";
        let (none, rule) = (of(""), of(RULE));
        let moved = of(&format!("# a line more\n{RULE}"));
        let filed = of("[policy]\nfile = \"/tmp/p.cedar\"\n");
        let mut wrong = of("");
        wrong.condition = Condition::Wrong { problem: Box::default(), text: None, ids: None };
        let relay = || Kind::Relay;
        for (kind, remote, now, new, taken) in [
            (Kind::Owner, false, &rule, &none, true),
            (Kind::Owner, false, &wrong, &none, true),
            (Kind::Owner, true, &rule, &none, false),
            (relay(), true, &rule, &none, false),
            (relay(), true, &none, &filed, false),
            (relay(), true, &none, &rule, false),
            (relay(), true, &rule, &moved, true),
            (relay(), true, &none, &none, true),
            (relay(), true, &wrong, &none, false),
        ] {
            let principal = Principal::new(kind, Caller { remote, ..Caller::default() });
            assert_eq!(writes_rules(new, now, &principal).is_ok(), taken, "{principal:?}");
        }
    }
}
