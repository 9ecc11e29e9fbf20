//! What a door's rules must be before it is opened, and what it is called. Decides from the question
//! and the config alone; opens nothing.

use std::net::IpAddr;
use std::path::Path;

use dagpass_client::wire::{ContainerAsk, ContainerPort};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::principal::Narrowing;
use dagpass_core::profile::ProfileName;
use sha2::{Digest, Sha256};

use crate::config::Config;

/// Whom do Airflow's own images run as?
const AIRFLOW_UID: u32 = 50_000;
/// What Linux shows for every uid that has no number in our user namespace (`overflowuid`).
const UNMAPPED: u32 = 65_534;
/// What the engines call the machine they run on.
const ENGINE_HOSTS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];
/// How much of a project's name is part of the door's? A socket's path may have 107 bytes.
const NAME_LENGTH: usize = 24;

const CONTAINER: &str = "container-";
const REMOTE: &str = "ssh-";

/// The rules with all defaults filled in, or what is wrong with them.
pub(super) fn check(ask: ContainerAsk, config: &Config) -> Result<ContainerAsk, Refusal> {
    let named =
        if ask.remote { is_host(&ask.project) } else { Path::new(&ask.project).is_absolute() };
    if !named {
        return Err(wrong("whose door is it?", "a project is an absolute path, a machine a name"));
    }
    for profile in &ask.profiles {
        config.profile(Some(profile))?;
    }
    let known = config.connection_ids();
    if let Some(unknown) = ask.connections.iter().find(|id| !known.contains(id)) {
        let what = format!("there is no connection `{unknown}`");
        return Err(Refusal::new(ErrorCode::NotFound, what).hint("see `dagpass config show`"));
    }
    let uids = uids(&ask)?;
    let port = match ask.port {
        Some(_) if ask.remote => {
            return Err(wrong("a forwarded socket has no port", "leave `port` out"));
        }
        port => port.map(listening).transpose()?,
    };
    Ok(ContainerAsk { uids, port, ..ask })
}

/// `NAME-HASH`: readable, one folder, and the same for the same project.
pub(super) fn id(ask: &ContainerAsk) -> String {
    let last =
        Path::new(&ask.project).file_name().map(|name| name.to_string_lossy().to_lowercase());
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = last.unwrap_or_default().chars().map(plain).take(NAME_LENGTH).collect();
    let digest = Sha256::digest(format!("{}{}", prefix(ask), ask.project).as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}-{hash}")
}

/// What the ledger calls a caller that came through this door.
pub(super) fn holder(ask: &ContainerAsk) -> String {
    format!("{}{}", prefix(ask), id(ask))
}

pub(super) fn narrowing(ask: &ContainerAsk) -> Narrowing {
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let profiles = some(&ask.profiles)
        .map(|names| names.iter().map(|name| ProfileName::new(name.as_str())).collect());
    Narrowing { profiles, connections: some(&ask.connections) }
}

/// For the ledger and for whoever reads it.
pub(super) fn sentence(ask: &ContainerAsk) -> String {
    let uids: Vec<String> = ask.uids.iter().map(ToString::to_string).collect();
    let mut text = format!("{}: a socket for uid {}", holder(ask), uids.join(", "));
    if let Some(port) = &ask.port {
        let place = std::net::SocketAddr::new(port.bind, port.port);
        text += &format!("; port {place} for {}", port.hosts.join(", "));
        if !port.bind.is_loopback() {
            text += ", beyond loopback";
        }
    }
    text
}

fn prefix(ask: &ContainerAsk) -> &'static str {
    if ask.remote { REMOTE } else { CONTAINER }
}

fn uids(ask: &ContainerAsk) -> Result<Vec<u32>, Refusal> {
    let own = crate::system::own_uid();
    if ask.remote {
        return Ok(own.into_iter().collect());
    }
    if ask.uids.contains(&UNMAPPED) {
        return Err(wrong(
            "uid 65534 would let in everybody whom this machine cannot number",
            "every uid without a number in our user namespace is shown as 65534",
        ));
    }
    let mut uids = ask.uids.clone();
    if uids.is_empty() {
        uids = own.into_iter().chain([AIRFLOW_UID]).collect();
    }
    uids.sort_unstable();
    uids.dedup();
    Ok(uids)
}

fn listening(port: ContainerPort) -> Result<ContainerPort, Refusal> {
    let reach = match port.bind {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    };
    if !reach {
        let what = format!("a door is never opened on {}", port.bind);
        let why = "it takes loopback, or the private address of one bridge; never all of them";
        return Err(wrong(&what, why));
    }
    if let Some(bad) = port.hosts.iter().find(|host| !is_host(host)) {
        return Err(wrong(
            &format!("`{bad}` is no host"),
            "give names or addresses without a port",
        ));
    }
    let mut hosts = port.hosts;
    if hosts.is_empty() {
        hosts.extend(ENGINE_HOSTS.map(str::to_owned));
        if !port.bind.is_loopback() {
            hosts.push(match port.bind {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
    }
    Ok(ContainerPort { hosts, ..port })
}

fn is_host(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:@".contains(&byte);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(sound)
}

fn wrong(what: &str, why: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, what).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(path: &str) -> ContainerAsk {
        // What begins with a slash is absolute on Windows only with a drive before it.
        let drive = if cfg!(windows) && path.starts_with('/') { "C:" } else { "" };
        ContainerAsk { project: format!("{drive}{path}"), ..ContainerAsk::default() }
    }

    fn on(bind: &str) -> ContainerAsk {
        let port = ContainerPort { bind: bind.parse().unwrap(), port: 0, hosts: Vec::new() };
        ContainerAsk { port: Some(port), ..project("/home/ada/etl") }
    }

    #[test]
    fn every_address_but_loopback_and_a_private_one_is_refused() {
        for (bind, taken) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("172.17.0.1", true),
            ("fd00::1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("203.0.113.7", false),
            ("2001:db8::7", false),
            ("169.254.169.254", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::ffff:0.0.0.0", false),
        ] {
            assert_eq!(check(on(bind), &Config::default()).is_ok(), taken, "{bind}");
        }
    }

    #[test]
    fn a_bridge_may_be_called_by_its_address_and_loopback_by_the_engines_names_alone() {
        let hosts = |bind| check(on(bind), &Config::default()).unwrap().port.unwrap().hosts;
        assert_eq!(hosts("127.0.0.1"), ENGINE_HOSTS);
        assert_eq!(hosts("172.17.0.1").last().unwrap(), "172.17.0.1");
        assert_eq!(hosts("fd00::1").last().unwrap(), "[fd00::1]");
    }

    #[test]
    fn a_door_is_for_those_named_else_for_airflow_s_user_and_our_own() {
        let uids = |ask: ContainerAsk| check(ask, &Config::default()).unwrap().uids;
        let own = crate::system::own_uid();
        let named = ContainerAsk { uids: vec![7, 3, 7], ..project("/p") };
        assert_eq!(uids(named), [3, 7]);
        let usual = uids(project("/p"));
        assert!(usual.contains(&50_000) && own.is_none_or(|own| usual.contains(&own)), "{usual:?}");
        let far = ContainerAsk { remote: true, uids: vec![7], ..project("box") };
        assert_eq!(uids(far), own.into_iter().collect::<Vec<_>>(), "forwarded: our own alone");
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let far = |project_name: &str| ContainerAsk { remote: true, ..project(project_name) };
        let refused = [
            project(""),
            project("relative"),
            far(""),
            far("a b"),
            ContainerAsk { remote: true, ..on("127.0.0.1") },
            ContainerAsk { uids: vec![UNMAPPED], ..project("/p") },
            ContainerAsk { profiles: vec!["nowhere".to_owned()], ..project("/p") },
            ContainerAsk { connections: vec!["nowhere".to_owned()], ..project("/p") },
        ];
        for ask in refused {
            assert!(check(ask.clone(), &Config::default()).is_err(), "{ask:?}");
        }
    }

    #[test]
    fn a_door_s_name_is_one_short_folder_and_tells_projects_of_the_same_name_apart() {
        let long = project("/home/ada/Ünser großes Projekt mit einem sehr langen Namen/../x");
        for ask in [project("/a/Etl"), project("/b/Etl"), project("/"), long] {
            let id = id(&ask);
            assert!(id.len() <= NAME_LENGTH + 9, "{id}");
            assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{id}");
            assert!(holder(&ask).starts_with(CONTAINER));
        }
        assert_ne!(id(&project("/a/etl")), id(&project("/b/etl")));
    }
}
