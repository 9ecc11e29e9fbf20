//! What the agent says of its policy, for a person.

use dagpass_client::wire::{
    ConfigProblem, PolicyCheckReply, PolicyFinding, PolicyReply, PolicySimulated, PolicyWhy,
};

use crate::output;

pub(super) fn policy(policy: &PolicyReply) -> String {
    let mut lines = vec![match policy.state.as_str() {
        "none" => format!(
            "// no policy: what the built-in rules permit is permitted; one would stand at {}",
            policy.path
        ),
        "shut" => "// a policy that does not load, and none that did: no token leaves".to_owned(),
        "outdated" => {
            format!("// the last good policy {}: what stands on disk does not load", digest(policy))
        }
        _ => format!("// policy {}", digest(policy)),
    }];
    lines.extend(policy.problems.iter().map(|one| format!("// {one}")));
    for layer in &policy.layers {
        lines.push(format!("\n// layer {}", layer.name));
        for text in &layer.texts {
            lines.push(format!("// {}\n{}", text.file, text.text.trim_end()));
        }
    }
    lines.join("\n")
}

fn digest(policy: &PolicyReply) -> &str {
    policy.digest.as_deref().unwrap_or_default()
}

pub(super) fn checked(checked: &PolicyCheckReply) -> String {
    match checked.files.as_slice() {
        [] => "there is no policy: what the built-in rules permit is permitted".to_owned(),
        files => format!("{} is right", files.join(" and ")),
    }
}

pub(super) fn problems(problems: &[ConfigProblem]) -> String {
    let told = |one: &ConfigProblem| {
        let hint = one.hint.as_ref().map(|hint| format!("\n  hint: {}", output::word(hint)));
        format!("{}{}", output::word(&one.to_string()), hint.unwrap_or_default())
    };
    problems.iter().map(told).collect::<Vec<_>>().join("\n")
}

pub(super) fn why(why: &PolicyWhy) -> String {
    let mut lines = vec![match why.reason.as_str() {
        "" => why.verdict.clone(),
        reason => format!("{}: {}", why.verdict, output::word(reason)),
    }];
    for rule in &why.deciders {
        lines.push(format!("\nrule {} ({}, {})", output::word(&rule.id), rule.layer, rule.place));
        lines.extend(rule.text.trim().lines().map(|line| format!("  {}", output::word(line))));
    }
    lines.push("\nfacts".to_owned());
    let fact = |(word, value): (&String, &String)| format!("  {word:<14}{}", output::word(value));
    lines.extend(why.facts.iter().map(fact));
    lines.push(String::new());
    lines.push(match (&why.change, &why.turned) {
        (Some(change), Some(turned)) => format!("{turned} where {}", output::word(change)),
        _ => "no change of one fact or two turns it: only another policy does".to_owned(),
    });
    lines.extend(why.note.iter().map(|note| format!("note: {}", output::word(note))));
    lines.join("\n")
}

pub(super) fn simulated(rows: &[PolicySimulated]) -> String {
    if rows.is_empty() {
        return "no connection of the config is named there".to_owned();
    }
    let name = |row: &PolicySimulated| match &row.env {
        Some(env) => format!("{} ({env})", row.connection),
        None => row.connection.clone(),
    };
    let wide = rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0).max(10);
    let mut lines =
        vec![format!("{:<wide$}  {:<11} {:<8} rules", "connection", "action", "verdict")];
    lines.extend(rows.iter().map(|row| {
        let line = format!(
            "{:<wide$}  {:<11} {:<8} {}",
            output::word(&name(row)),
            row.action,
            row.verdict,
            output::word(&row.rules.join(", "))
        );
        line.trim_end().to_owned()
    }));
    lines.join("\n")
}

pub(super) fn findings(found: &[PolicyFinding]) -> String {
    if found.is_empty() {
        return "nothing found".to_owned();
    }
    let told = |one: &PolicyFinding| {
        let place = match (&one.rule, &one.place) {
            (Some(rule), Some(place)) if rule != place => format!("{place}: `{rule}`: "),
            (_, Some(place)) => format!("{place}: "),
            (_, None) => String::new(),
        };
        let hint = one.hint.as_ref().map(|hint| format!("\n{:<22}hint: {hint}", ""));
        let (message, hint) = (output::word(&one.message), hint.unwrap_or_default());
        format!("{:<9}{:<13}{}{message}{hint}", one.verdict, one.check, output::word(&place))
    };
    found.iter().map(told).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_force_is_cedar_that_can_be_read_again() {
        let mut reply: PolicyReply = serde_json::from_value(serde_json::json!({
            "state": "in_force", "digest": "0a", "path": "/c/policy.cedar",
            "layers": [{"name": "policy.cedar", "texts": [{"file": "/c/policy.cedar", "text": "permit(principal, action, resource);\n"}]}]
        }))
        .unwrap();
        assert_eq!(
            policy(&reply),
            "// policy 0a\n\n// layer policy.cedar\n// /c/policy.cedar\npermit(principal, action, resource);"
        );
        reply = PolicyReply {
            state: "none".into(),
            path: "/c/policy.cedar".into(),
            ..Default::default()
        };
        assert!(policy(&reply).starts_with("// no policy"));
    }

    #[test]
    fn an_answer_is_told_with_its_rule_its_facts_and_what_would_turn_it() {
        let told: PolicyWhy = serde_json::from_value(serde_json::json!({
            "verdict": "deny", "reason": "the rule `no` of policy.cedar forbids it",
            "deciders": [{"id": "no", "layer": "policy.cedar", "place": "/c/policy.cedar:2", "text": "forbid(principal,\naction, resource);"}],
            "facts": {"action": "token", "hour": "22"},
            "change": "`hour` is `17`", "turned": "permit", "note": "when line 3 was written, no policy was in force"
        }))
        .unwrap();
        assert_eq!(
            why(&told),
            "deny: the rule `no` of policy.cedar forbids it\n\nrule no (policy.cedar, /c/policy.cedar:2)\n  forbid(principal,\n  action, resource);\n\nfacts\n  action        token\n  hour          22\n\npermit where `hour` is `17`\nnote: when line 3 was written, no policy was in force"
        );
    }

    #[test]
    fn a_simulation_is_a_table_and_a_finding_a_line_with_its_hint() {
        let row = |action: &str, verdict: &str, rules: &[&str]| PolicySimulated {
            connection: "lake".into(),
            env: Some("live".into()),
            action: action.into(),
            verdict: verdict.into(),
            rules: rules.iter().map(|one| (*one).to_owned()).collect(),
        };
        assert_eq!(
            simulated(&[row("connection", "ask", &["a", "b"]), row("token", "permit", &[])]),
            "connection   action      verdict  rules\nlake (live)  connection  ask      a, b\nlake (live)  token       permit"
        );
        let found = PolicyFinding {
            verdict: "problem".into(),
            check: "program".into(),
            rule: Some("x".into()),
            place: Some("policy.cedar:3".into()),
            message: "`run.py` is a script".into(),
            hint: Some("name another".into()),
        };
        assert_eq!(
            findings(&[found]),
            "problem  program      policy.cedar:3: `x`: `run.py` is a script\n                      hint: name another"
        );
    }
}
