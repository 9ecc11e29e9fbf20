//! What a class asks for besides: who, by which program, from where, for what.

use serde_json::{Value, json};

use super::class::Class;
use crate::ledger::record::{Audience, Caller, IdToken, Line, Person};
use crate::ledger::words::title;

const AGENT: &str = "dagpass-agent";

pub(super) fn of(line: &Line, class: Class, uid: &str, time: i64) -> Value {
    match class {
        Class::Base => json!({}),
        Class::Finding => json!({
            "is_alert": true,
            "finding_info": {
                "uid": uid, "title": title(line), "desc": line.reason, "created_time": time,
                "types": ["Ledger integrity"],
            },
        }),
        Class::Authentication => authentication(line),
        Class::Entity if line.event == "ledger-pruned" => json!({
            "actor": actor(line), "src_endpoint": from(&line.caller), "comment": line.reason,
            "entity": { "type_id": 99, "type": "Ledger", "name": "ledger.jsonl" },
        }),
        Class::Entity => json!({
            "actor": actor(line), "src_endpoint": from(&line.caller), "comment": line.reason,
            "entity": {
                "type_id": 99, "type": "Configuration", "name": "config.toml",
                "data": line.session.as_ref().map(|session| json!({"profile": session.profile})),
            },
        }),
        Class::Access => json!({
            "actor": actor(line), "src_endpoint": from(&line.caller), "user": user(line),
            "privileges": privileges(line), "resources": resources(line),
        }),
        Class::Lifecycle => {
            let version = line.reason.as_ref().and_then(|reason| reason.strip_prefix("version "));
            json!({"app": agent(version)})
        }
        Class::Api => api(line),
    }
}

pub(super) fn agent(version: Option<&str>) -> Value {
    json!({"name": AGENT, "vendor_name": "dagpass", "version": version})
}

fn authentication(line: &Line) -> Value {
    let proof = line.proof.as_ref();
    let id_token = proof.and_then(|proof| proof.id_token.as_ref());
    let oauth = matches!(&*line.event, "refresh" | "exchange");
    let token = match (&*line.event, id_token) {
        // None was sent for a client's own.
        ("refresh", _) if line.subject.as_ref().is_some_and(|who| who.client) => Value::Null,
        ("refresh", _) => json!({"type_id": 4, "type": "Refresh Token"}),
        (_, Some(_)) => json!({"type_id": 3, "type": "Identity Token"}),
        (_, None) => Value::Null,
    };
    let endpoint = proof.and_then(|proof| proof.endpoint.as_deref()).and_then(host);
    json!({
        "actor": actor(line), "src_endpoint": from(&line.caller), "user": user(line),
        "service": {"name": service(line)},
        "dst_endpoint": endpoint.map(|host| json!({"hostname": host})),
        "auth_protocol_id": if oauth { 6 } else { 4 },
        "auth_protocol": if oauth { "OAUTH 2.0" } else { "OpenID" },
        "authentication_token": token,
        "is_mfa": id_token.map(is_mfa).filter(|is_mfa| *is_mfa),
        "session": id_token.map(|token| json!({
            "issuer": token.iss, "uid": token.sid,
            "created_time": token.auth_time.map(|seconds| seconds.saturating_mul(1000)),
        })),
    })
}

/// Where it does not say so, it is not known.
fn is_mfa(token: &IdToken) -> bool {
    token.amr.iter().any(|method| method == "mfa")
}

/// Who was asked.
fn service(line: &Line) -> String {
    let issuer = line.subject.as_ref().map(|who| who.iss.clone()).filter(|iss| !iss.is_empty());
    let deployment = line.deployment.as_ref().map(|name| format!("airflow {name}"));
    let profile = line.session.as_ref().map(|session| format!("profile {}", session.profile));
    deployment.or(issuer).or(profile).unwrap_or_else(|| "unknown".to_owned())
}

/// Of `https://HOST:PORT/…`; what stands before the host is a login.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (_, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = match place.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => place.split(':').next()?,
    };
    Some(host).filter(|host| !host.is_empty())
}

/// Whose sign-in it is; an older line of a run has one name.
fn user(line: &Line) -> Value {
    let told = line.run.as_ref().and_then(|run| run.signed_in_as.as_ref());
    match (&line.subject, told) {
        (Some(person), _) => of_person(person),
        (None, Some(name)) => json!({"name": name, "type_id": 1, "type": "User"}),
        (None, None) => json!({"name": "unknown", "type_id": 0, "type": "Unknown"}),
    }
}

fn of_person(person: &Person) -> Value {
    let Person { sub, name, email, client, .. } = person;
    let (type_id, kind) = if *client { (4, "Service") } else { (1, "User") };
    let named = name.as_ref().or(email.as_ref()).unwrap_or(sub);
    json!({
        "uid": sub, "name": named, "full_name": name, "type_id": type_id, "type": kind,
        "email_addr": email.as_deref().filter(|email| is_address(email)),
    })
}

/// As `email_t` wants it; any other claim stands on the line.
pub(super) fn is_address(text: &str) -> bool {
    let local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let Some((name, place)) = text.split_once('@') else { return false };
    let Some((first, rest)) = place.split_once('.') else { return false };
    !name.is_empty()
        && name.chars().all(local)
        && !first.is_empty()
        && first.chars().all(|c| host(c) && c != '.')
        && !rest.is_empty()
        && rest.chars().all(host)
}

/// Who did it: the person, by a program, with a capability.
fn actor(line: &Line) -> Value {
    let Caller { pid, executable, executable_bytes: _, uid, capability, transport, .. } =
        &line.caller;
    let program = executable.as_deref().map(program);
    let process = pid.map(|pid| {
        json!({
            "pid": pid, "name": program, "path": executable,
            "user": uid.map(|uid| json!({"uid": uid.to_string(), "type_id": 1, "type": "User"})),
        })
    });
    let app = match (program, &**transport) {
        (Some(program), _) => program,
        (None, "agent") => AGENT,
        (None, "") => "unknown",
        (None, transport) => transport,
    };
    let issuer = line.subject.as_ref().map(|who| who.iss.as_str()).filter(|iss| !iss.is_empty());
    json!({
        "process": process,
        "app_name": app,
        "app_uid": capability,
        "user": line.subject.as_ref().map(of_person),
        "idp": issuer.map(|issuer| json!({"uid": issuer, "name": issuer, "issuer": issuer})),
    })
}

fn program(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// Nobody asks over a network; what runs on another machine comes through a door.
fn from(caller: &Caller) -> Value {
    let name = if caller.remote { "another machine" } else { "this machine" };
    let by = Some(&caller.transport).filter(|transport| !transport.is_empty());
    json!({"name": name, "interface_name": by})
}

fn privileges(line: &Line) -> Vec<String> {
    match (&*line.event, &line.scopes) {
        (_, Some(scopes)) if !scopes.is_empty() => scopes.clone(),
        ("revocation", _) => vec!["token".to_owned()],
        (_, _) => vec!["door".to_owned()],
    }
}

fn api(line: &Line) -> Value {
    let action = line.action.as_deref();
    let operation = match &*line.event {
        "run" => "tell-of-run",
        "refused" => line.door.as_deref().unwrap_or("unknown"),
        _ => action.unwrap_or("token"),
    };
    let (action_id, action, disposition_id, disposition) = match &*line.outcome {
        "ok" => (1, "Allowed", 1, "Allowed"),
        "denied" => (2, "Denied", 2, "Blocked"),
        "failed" => (99, "Failed", 27, "Error"),
        _ => (0, "Unknown", 0, "Unknown"),
    };
    let response = (line.outcome != "ok").then(
        || json!({"error": line.error, "error_message": line.reason, "message": title(line)}),
    );
    json!({
        "actor": actor(line), "src_endpoint": from(&line.caller), "resources": resources(line),
        "api": {"operation": operation, "service": {"name": AGENT}, "response": response},
        "action_id": action_id, "action": action,
        "disposition_id": disposition_id, "disposition": disposition,
        "policy": line.policy.as_ref().map(|digest| json!({"uid": digest})),
        "authorizations": authorizations(line),
    })
}

/// One for each rule that decided. `null` where no policy did.
fn authorizations(line: &Line) -> Value {
    let decision = if line.outcome == "denied" { "denied" } else { "allowed" };
    let rule =
        |id: &String| json!({"decision": decision, "policy": {"uid": id, "version": line.policy}});
    let all: Vec<Value> = line.rules.iter().map(rule).collect();
    if all.is_empty() { Value::Null } else { Value::Array(all) }
}

/// What the token was for, and in which task. `null` where nothing is known of it.
fn resources(line: &Line) -> Value {
    let run = line.run.as_ref();
    let ties = run.map_or(&[][..], |run| run.tokens.as_slice());
    let said = |name: &str| line.caller.context.get(name).map(String::as_str);
    let mut told = vec![
        ("dag", run.map(|run| run.dag_id.as_str()).or(said("dag_id"))),
        ("task", run.map(|run| run.task_id.as_str()).or(said("task_id"))),
        ("run", run.map(|run| run.run_id.as_str()).or(said("run_id"))),
        ("airflow deployment", line.deployment.as_deref()),
        ("resource", line.resource.as_deref()),
        ("connection", line.connection.as_deref()),
        ("upstream", line.upstream.as_ref().map(|upstream| upstream.name.as_str())),
    ];
    told.extend(ties.iter().map(|tie| ("connection", tie.connection.as_deref())));
    let audiences = line.audience.iter().chain(ties.iter().map(|tie| &tie.audience));
    told.extend(audiences.flat_map(names).map(|name| ("audience", Some(name.as_str()))));
    let mut all: Vec<(&str, &str)> = Vec::new();
    for (kind, name) in told {
        let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
        if !all.contains(&(kind, name)) {
            all.push((kind, name));
        }
    }
    let all: Vec<Value> =
        all.into_iter().map(|(kind, name)| json!({"type": kind, "name": name})).collect();
    if all.is_empty() { Value::Null } else { Value::Array(all) }
}

fn names(audience: &Audience) -> &[String] {
    match audience {
        Audience::Names(names) => names,
        Audience::Text(_) => &[],
    }
}
