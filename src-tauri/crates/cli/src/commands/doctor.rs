//! `dagpass doctor`: the agent's findings, and what only this shell can see. Never asks Ping itself.

use std::process::ExitCode;

use dagpass_client::wire::{DoctorAsk, Finding, Status};
use dagpass_client::{Agent, ClientError};

use super::airflow::wiring;
use crate::exit::{CHECK_FAILED, Failure};
use crate::output;
use crate::world::World;

pub(crate) fn run(world: &World) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    let ask = DoctorAsk::of(|name| std::env::var(name).ok());
    match world.ask(|agent| look(agent, &ask)) {
        Ok((status, mut agents)) => {
            findings.push(answers(&status));
            findings.push(version(&status.agent.version));
            findings.append(&mut agents);
        }
        Err(failure) => findings.push(away(failure)),
    }
    findings.push(wiring::finding());
    if world.json {
        output::json(&findings)?;
    } else {
        output::out(&table(&findings))?;
    }
    let bad = findings.iter().any(|finding| finding.verdict == "problem");
    Ok(if bad { ExitCode::from(CHECK_FAILED) } else { ExitCode::SUCCESS })
}

fn look(agent: &Agent, ask: &DoctorAsk) -> Result<(Status, Vec<Finding>), ClientError> {
    Ok((agent.status()?, agent.doctor(ask)?))
}

fn finding(check: &str, verdict: &str, detail: impl Into<String>) -> Finding {
    Finding {
        check: check.to_owned(),
        profile: None,
        verdict: verdict.to_owned(),
        detail: detail.into(),
        hint: None,
    }
}

fn answers(status: &Status) -> Finding {
    let agent = &status.agent;
    let detail = format!("the agent (pid {}) answers at {}", agent.pid, agent.socket);
    finding("agent", "ok", detail)
}

fn version(running: &str) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    if running == own {
        return finding("version", "ok", format!("agent and command line are {own}"));
    }
    let detail = format!("the agent is {running}, the command line is {own}");
    let hint = Some("run `dagpass agent restart`, which keeps the sessions".to_owned());
    Finding { hint, ..finding("version", "warning", detail) }
}

fn away(failure: Failure) -> Finding {
    let reply = failure.reply;
    let cause = reply.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let detail = format!("{}{cause}", reply.error_description);
    Finding { hint: reply.hint, ..finding("agent", "problem", detail) }
}

/// One finding a line, its hint below.
pub(crate) fn table(findings: &[Finding]) -> String {
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(one: &Finding) -> String {
    let profile = one.profile.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let hint =
        one.hint.as_ref().map(|hint| format!("\n{:<22}hint: {hint}", "")).unwrap_or_default();
    let detail = output::word(&one.detail);
    format!("{:<9}{:<13}{profile}{detail}{hint}", one.verdict, one.check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_hint_another() {
        let findings = [
            finding("clock", "ok", "0 s apart"),
            Finding {
                profile: Some("prod".into()),
                hint: Some("set `ca-file`".into()),
                ..finding("discovery", "problem", "the certificate is not trusted")
            },
        ];
        assert_eq!(
            table(&findings),
            "ok       clock        0 s apart\n\
             problem  discovery    prod: the certificate is not trusted\n\
             \u{20}                     hint: set `ca-file`"
        );
    }

    #[test]
    fn the_agent_is_told_this_shells_proxies_and_nothing_else() {
        let variable =
            |name: &str| name.to_ascii_lowercase().contains("https").then(|| "p:1".into());
        let names: Vec<String> = DoctorAsk::of(variable).proxies.into_keys().collect();
        assert_eq!(names, ["HTTPS_PROXY", "https_proxy"]);
    }

    #[test]
    fn another_version_is_a_warning_with_the_command() {
        assert_eq!(version(env!("CARGO_PKG_VERSION")).verdict, "ok");
        assert!(version("0.0.9").hint.unwrap().contains("dagpass agent restart"));
    }
}
