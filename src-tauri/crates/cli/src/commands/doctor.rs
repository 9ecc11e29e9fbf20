//! `dagpass doctor`: the agent's findings, and what only this shell can see. Never asks Ping itself.

use std::process::ExitCode;

use dagpass_client::wire::{Finding, Status};
use dagpass_client::{Agent, ClientError};

use super::airflow::wiring;
use crate::exit::{CHECK_FAILED, Failure};
use crate::output;
use crate::world::World;

pub(crate) fn run(world: &World) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    match world.ask(look) {
        Ok((status, mut agents)) => {
            let shell = shell_proxy(|name| std::env::var(name).ok());
            findings.push(answers(&status));
            findings.push(version(&status.agent.version));
            findings.extend(proxy(shell.as_deref(), &agents));
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

fn look(agent: &Agent) -> Result<(Status, Vec<Finding>), ClientError> {
    Ok((agent.status()?, agent.doctor()?))
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

/// The agent keeps the proxy of its own start, so this shell's may be another one.
fn proxy(shell: Option<&str>, agents: &[Finding]) -> Option<Finding> {
    let shell = shell?;
    let known = agents.iter().any(|one| one.check == "proxy" && one.detail.contains(shell));
    if known {
        return None;
    }
    let detail = format!("this shell goes through {shell}, the agent does not say that it does");
    let hint = "set `proxy` in the config, or run `dagpass agent restart` in this shell";
    Some(Finding { hint: Some(hint.to_owned()), ..finding("proxy", "warning", detail) })
}

/// Host and port of this shell's proxy, without the password it may hold.
fn shell_proxy(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let url = names.into_iter().filter_map(variable).find(|value| !value.is_empty())?;
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.to_owned())
}

fn table(findings: &[Finding]) -> String {
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(one: &Finding) -> String {
    let profile = one.profile.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let hint =
        one.hint.as_ref().map(|hint| format!("\n{:<22}hint: {hint}", "")).unwrap_or_default();
    format!("{:<9}{:<13}{profile}{}{hint}", one.verdict, one.check, one.detail)
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
    fn a_proxys_password_is_not_shown() {
        let table = [
            ("http://ada:secret@proxy.corp.example:3128", "proxy.corp.example:3128"),
            ("proxy:3128", "proxy:3128"),
            ("http://proxy:3128/", "proxy:3128"),
        ];
        for (url, host) in table {
            let found = shell_proxy(|name| (name == "HTTPS_PROXY").then(|| url.to_owned()));
            assert_eq!(found.as_deref(), Some(host));
        }
        assert_eq!(shell_proxy(|_| None), None);
    }

    #[test]
    fn a_shell_with_another_proxy_than_the_agents_is_warned() {
        let agents = [finding("proxy", "ok", "through proxy:3128")];
        assert!(proxy(None, &agents).is_none());
        assert!(proxy(Some("proxy:3128"), &agents).is_none());
        let other = proxy(Some("other:1"), &agents).unwrap();
        assert_eq!(other.verdict, "warning");
    }

    #[test]
    fn another_version_is_a_warning_with_the_command() {
        assert_eq!(version(env!("CARGO_PKG_VERSION")).verdict, "ok");
        assert!(version("0.0.9").hint.unwrap().contains("dagpass agent restart"));
    }
}
