//! `dagpass airflow roles`: which Airflow roles a person gets and why, and whether the server maps the
//! same. The mapping is the agent's to read; here it is said.

use std::collections::BTreeMap;

use clap::Args;
use dagpass_client::wire::{
    ClientRoles, HereAndThere, PersonRoles, RolesAsk, RolesCheck, RolesReply,
};

use crate::exit::Failure;
use crate::world::World;
use crate::{output, time};

#[derive(Debug, Args)]
pub(crate) struct Roles {
    /// The deployment, `[airflow.NAME]`; the one with a roles file where absent
    name: Option<String>,
    /// What this group of Ping gives, instead of the groups of the person signed in; repeat for several
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Ask the server what it maps, and fail where the file says otherwise
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(world: &World, roles: Roles) -> Result<(), Failure> {
    let ask = RolesAsk {
        airflow: roles.name,
        groups: (!roles.groups.is_empty()).then_some(roles.groups),
        check: roles.check,
    };
    let reply = world.ask(|agent| agent.airflow_roles(&ask))?;
    if world.json {
        output::json(&reply)?
    } else {
        output::out(&text(&reply, time::now()))?
    }
    match &reply.check {
        Some(check) if !check.in_sync => Err(drifted(&reply)),
        Some(_) | None => Ok(()),
    }
}

fn drifted(reply: &RolesReply) -> Failure {
    let what = format!("Airflow deployment `{}` maps groups in another way", reply.airflow);
    let failure = Failure::new("drift", what);
    failure.because(format!("{} is not what {} uses", reply.file, reply.url)).hint(
        "put the file on the server, or take the server's, so that the preview says what happens",
    )
}

fn text(reply: &RolesReply, now: i64) -> String {
    let mut lines = vec![format!("{} at {}, by {}", reply.airflow, reply.url, reply.file)];
    lines.push(whose(&reply.person, now));
    lines.extend(given(&reply.person, &reply.mapped));
    lines.extend(services(&reply.clients));
    lines.extend(reply.check.iter().flat_map(compared));
    lines.join("\n")
}

fn whose(person: &PersonRoles, now: i64) -> String {
    let groups = match person.groups.len() {
        1 => "1 group".to_owned(),
        many => format!("{many} groups"),
    };
    let Some(who) = &person.who else { return format!("{groups}, as given") };
    let profile = person.profile.as_deref().unwrap_or_default();
    let since = person.signed_in_at.map_or_else(String::new, |at| {
        format!(
            ", signed in {}, groups as of then or of the last refresh that told",
            time::show(at, now)
        )
    });
    let source = person.source.replace('_', " ");
    format!("{who} of profile {profile}: {groups} from the {source}{since}")
}

fn given(person: &PersonRoles, mapped: &[String]) -> Vec<String> {
    let width = person.roles.keys().map(|role| output::columns(role)).max().unwrap_or_default();
    let roles = person.roles.iter();
    let mut lines: Vec<String> = roles
        .map(|(role, by)| {
            format!("  {}  because of {}", output::padded(role, width), by.join(", "))
        })
        .collect();
    if person.refused {
        lines.push("  refused: none of the groups is mapped".to_owned());
        lines.push(format!("  mapped are: {}", mapped.join(", ")));
    }
    if !person.unmapped.is_empty() {
        lines.push(format!("  nothing from: {}", person.unmapped.join(", ")));
    }
    lines
}

fn services(clients: &BTreeMap<String, ClientRoles>) -> Vec<String> {
    let told = clients.iter().map(|(name, client)| {
        format!("  service {name}: {}  by {}", client.roles.join(", "), client.by)
    });
    told.collect()
}

fn compared(check: &RolesCheck) -> Vec<String> {
    if check.in_sync {
        return vec![format!("in sync with the server (its digest {})", check.digest)];
    }
    let mut lines = vec!["not in sync with the server:".to_owned()];
    if let Some(claim) = &check.claim {
        lines.push(format!("  claim: here {}, there {}", claim.here, claim.there));
    }
    lines.extend(check.groups.iter().map(|(group, roles)| side_by_side(group, roles)));
    let services = check.clients.iter();
    lines.extend(services.map(|(name, roles)| side_by_side(&format!("service {name}"), roles)));
    lines
}

fn side_by_side(name: &str, roles: &HereAndThere<Vec<String>>) -> String {
    match (roles.here.as_slice(), roles.there.as_slice()) {
        (here, []) => format!("  only here: {name} -> {}", here.join(", ")),
        ([], there) => format!("  only there: {name} -> {}", there.join(", ")),
        (here, there) => format!("  {name}: here {}, there {}", here.join(", "), there.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply() -> RolesReply {
        RolesReply {
            airflow: "prod".into(),
            url: "https://airflow.example".into(),
            file: "/etc/roles.json".into(),
            claim: "groups".into(),
            digest: "d1".into(),
            person: PersonRoles {
                groups: vec!["data-eng".into(), "ops".into(), "everyone".into()],
                source: "id_token".into(),
                profile: Some("prod".into()),
                who: Some("ada@corp.example".into()),
                signed_in_at: Some(3_600),
                roles: BTreeMap::from([
                    ("Op".into(), vec!["data-eng".into(), "ops".into()]),
                    ("Viewer".into(), vec!["ops".into()]),
                ]),
                unmapped: vec!["everyone".into()],
                refused: false,
            },
            mapped: vec!["data-eng".into(), "ops".into()],
            clients: BTreeMap::new(),
            check: None,
        }
    }

    #[test]
    fn each_role_is_shown_with_the_groups_that_give_it_and_their_source() {
        assert_eq!(
            text(&reply(), 7_200),
            "prod at https://airflow.example, by /etc/roles.json\n\
             ada@corp.example of profile prod: 3 groups from the id token, signed in 01:00:00 UTC, \
             groups as of then or of the last refresh that told\n  \
             Op      because of data-eng, ops\n  \
             Viewer  because of ops\n  \
             nothing from: everyone"
        );
    }

    #[test]
    fn a_refusal_names_the_groups_that_would_have_counted() {
        let mut reply = reply();
        reply.person = PersonRoles {
            groups: vec!["everyone".into()],
            source: "given".into(),
            profile: None,
            who: None,
            signed_in_at: None,
            roles: BTreeMap::new(),
            unmapped: vec!["everyone".into()],
            refused: true,
        };
        let text = text(&reply, 0);
        let said: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            said,
            [
                "1 group, as given",
                "  refused: none of the groups is mapped",
                "  mapped are: data-eng, ops",
                "  nothing from: everyone"
            ]
        );
    }

    #[test]
    fn drift_names_each_side_and_in_sync_is_said_of_a_comparison_alone() {
        let sides = |here: &[&str], there: &[&str]| HereAndThere {
            here: here.iter().map(|role| (*role).to_owned()).collect(),
            there: there.iter().map(|role| (*role).to_owned()).collect(),
        };
        let mut check = RolesCheck {
            in_sync: false,
            claim: Some(HereAndThere { here: "groups".into(), there: "memberOf".into() }),
            groups: BTreeMap::from([
                ("a".into(), sides(&["Op"], &[])),
                ("b".into(), sides(&[], &["Admin"])),
                ("c".into(), sides(&["Op"], &["Op", "User"])),
            ]),
            clients: BTreeMap::from([("etl".into(), sides(&["Op", "for client_id x"], &[]))]),
            digest: "d2".into(),
            you: Vec::new(),
        };
        assert_eq!(
            compared(&check),
            [
                "not in sync with the server:",
                "  claim: here groups, there memberOf",
                "  only here: a -> Op",
                "  only there: b -> Admin",
                "  c: here Op, there Op, User",
                "  only here: service etl -> Op, for client_id x",
            ]
        );
        check.in_sync = true;
        assert_eq!(compared(&check), ["in sync with the server (its digest d2)"]);
        assert!(!text(&reply(), 0).contains("sync"));
        assert_eq!(drifted(&reply()).exit, 1);
    }
}
