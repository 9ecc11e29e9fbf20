//! The doors for containers: whether they stand, who knocked in vain, and which of them listens beyond
//! loopback. Decides nothing: it says what the agent knows.

use dagpass_client::wire::{Container, Finding};

use super::{hint, ok, problem, warning};

pub(super) fn doors(containers: &[Container]) -> Vec<Finding> {
    containers.iter().flat_map(door).collect()
}

fn door(container: &Container) -> Vec<Finding> {
    let (id, project) = (&container.id, &container.rules.project);
    if let Some(why) = &container.problem {
        let found = problem("container", None, format!("the door of {project} is shut: {why}"));
        return vec![hint(
            found,
            format!("mend that, or forget it: `dagpass container down {id}`"),
        )];
    }
    let mut findings = Vec::new();
    if let Some(bind) = container.beyond_loopback() {
        let detail = format!("the door of {project} listens on {bind}, beyond loopback");
        let fix = format!("close it when it is not needed: `dagpass container down {id}`");
        findings.push(hint(warning("container", None, detail), fix));
    }
    for stranger in &container.refused {
        let (uid, times) = (stranger.uid, stranger.times);
        let detail = format!("uid {uid} was turned away {times} times at the door of {project}");
        let fix = "if it is your container (user namespaces renumber), name it with `--uid`";
        findings.push(hint(warning("container", None, detail), fix));
    }
    if findings.is_empty() {
        findings.push(ok("container", None, format!("{project}: {}", container.folder)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_client::wire::{ContainerAsk, ContainerPort, RefusedUid};

    fn verdicts(change: impl FnOnce(&mut Container)) -> Vec<(String, bool)> {
        let mut container = Container {
            id: "etl-0a1b2c3d".to_owned(),
            folder: "/state/containers/etl-0a1b2c3d".to_owned(),
            socket: None,
            problem: None,
            rules: ContainerAsk { project: "/etl".to_owned(), ..ContainerAsk::default() },
            refused: Vec::new(),
        };
        change(&mut container);
        let found = doors(&[container]);
        found.into_iter().map(|one| (one.verdict, one.hint.is_some())).collect()
    }

    #[test]
    fn a_port_beyond_loopback_is_always_warned_of_and_a_shut_door_is_a_problem() {
        let on = |bind: &str| {
            let bind = bind.parse().unwrap();
            Some(ContainerPort { bind, port: 21_300, hosts: Vec::new() })
        };
        let warned = [("warning".to_owned(), true)];
        assert_eq!(verdicts(|_| {}), [("ok".to_owned(), false)]);
        assert_eq!(verdicts(|door| door.rules.port = on("127.0.0.1")), [("ok".to_owned(), false)]);
        assert_eq!(verdicts(|door| door.rules.port = on("172.17.0.1")), warned);
        assert_eq!(verdicts(|door| door.refused = vec![RefusedUid { uid: 9, times: 2 }]), warned);
        let shut = verdicts(|door| door.problem = Some("taken".to_owned()));
        assert_eq!(shut, [("problem".to_owned(), true)]);
    }
}
