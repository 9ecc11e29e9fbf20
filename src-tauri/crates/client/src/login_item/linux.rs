//! Linux: a unit of the user's systemd, else an autostart entry of the desktop (XDG Autostart). A
//! desktop that systemd does not run never reaches `graphical-session.target`, and `default.target`
//! comes before there is a display: such a desktop gets the entry though systemd is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{AT_LOGIN, remove_file};
use crate::wire::LoginItem;
use crate::{limited, owner};

const UNIT: &str = "systemd/user/dagpass.service";
const ENTRY: &str = "autostart/dagpass.desktop";
/// Both targets that the unit may be wanted by.
const TARGETS: [&str; 2] = ["graphical-session.target", "default.target"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Wanted by the target of that number.
    Systemd(usize),
    Autostart,
}

pub(super) fn look() -> LoginItem {
    let Some(config) = config_dir() else {
        return LoginItem {
            how: "autostart".to_owned(),
            reason: Some("there is no home folder".to_owned()),
            ..LoginItem::default()
        };
    };
    let (unit, entry) = (config.join(UNIT), config.join(ENTRY));
    let enabled_by = match (unit.exists(), entry.exists()) {
        (true, _) => Some("systemd"),
        (false, true) => Some("autostart"),
        (false, false) => None,
    };
    let way = way(&Facts::here());
    let reason = "neither a desktop nor a systemd of this user starts programs at login here";
    let how = enabled_by.unwrap_or(match way {
        Some(Way::Systemd(_)) => "systemd",
        Some(Way::Autostart) | None => "autostart",
    });
    LoginItem {
        enabled: enabled_by.is_some(),
        how: how.to_owned(),
        path: if how == "systemd" { &unit } else { &entry }.display().to_string(),
        available: way.is_some(),
        reason: way.is_none().then(|| reason.to_owned()),
    }
}

pub(super) fn enable(program: &str) -> io::Result<()> {
    let (Some(config), Some(way)) = (config_dir(), way(&Facts::here())) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    // One way alone: two would start two, and the second would find the first.
    remove()?;
    match way {
        Way::Autostart => write(&config.join(ENTRY), &entry(program)),
        Way::Systemd(target) => {
            let file = config.join(UNIT);
            write(&file, &unit(program, TARGETS[target]))?;
            let link = wants(&config, TARGETS[target]);
            make_folder(&link)?;
            std::os::unix::fs::symlink("../dagpass.service", &link)
                .map_err(|error| owner::named(&link, error))?;
            reload();
            Ok(())
        }
    }
}

pub(super) fn remove() -> io::Result<Vec<String>> {
    let mut gone = Vec::new();
    let Some(config) = config_dir() else { return Ok(gone) };
    for target in TARGETS {
        remove_file(&wants(&config, target), &mut Vec::new())?;
    }
    remove_file(&config.join(UNIT), &mut gone)?;
    if !gone.is_empty() {
        reload();
    }
    remove_file(&config.join(ENTRY), &mut gone)?;
    Ok(gone)
}

/// What decides the way.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The user's systemd runs.
    systemd: bool,
    /// There is a display.
    desktop: bool,
    /// The desktop is run by systemd.
    graphical_session: bool,
}

impl Facts {
    fn here() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let systemd = set("XDG_RUNTIME_DIR")
            .is_some_and(|folder| PathBuf::from(folder).join("systemd/private").exists());
        let active = ["--user", "--quiet", "is-active", TARGETS[0]];
        Self {
            systemd,
            desktop: set("DISPLAY").or_else(|| set("WAYLAND_DISPLAY")).is_some(),
            graphical_session: systemd && systemctl(&active),
        }
    }
}

fn way(facts: &Facts) -> Option<Way> {
    match (facts.systemd, facts.desktop) {
        (true, _) if facts.graphical_session => Some(Way::Systemd(0)),
        (_, true) => Some(Way::Autostart),
        (true, false) => Some(Way::Systemd(1)),
        (false, false) => None,
    }
}

fn config_dir() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.config_dir().to_owned())
}

fn wants(config: &Path, target: &str) -> PathBuf {
    config.join(format!("systemd/user/{target}.wants/dagpass.service"))
}

/// A systemd that does not answer reads its files at the next login anyway.
fn reload() {
    systemctl(&["--user", "daemon-reload"]);
}

fn systemctl(args: &[&str]) -> bool {
    let mut command = Command::new("systemctl");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    crate::descriptors::give_back(&mut command);
    limited::status(&mut command, limited::SERVICE_LIMIT).is_ok_and(|status| status.success())
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    make_folder(file)?;
    fs::write(file, text).map_err(|error| owner::named(file, error))
}

fn make_folder(of: &Path) -> io::Result<()> {
    let Some(folder) = of.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|error| owner::named(folder, error))
}

/// An end by its own exit code (another agent runs already) is not tried again.
fn unit(program: &str, target: &str) -> String {
    let args = AT_LOGIN.join(" ");
    let program = program.replace('\\', r"\\").replace('"', "\\\"");
    let program = program.replace('%', "%%").replace('$', "$$");
    let part = if target == TARGETS[0] {
        format!("PartOf={target}\nAfter={target}\n")
    } else {
        String::new()
    };
    format!(
        "[Unit]\nDescription=dagpass: keeps your sign-in and hands out fresh tokens\n{part}\n\
         [Service]\nExecStart=\"{program}\" {args}\nRestart=on-abnormal\n\n\
         [Install]\nWantedBy={target}\n"
    )
}

/// Quoted twice: as an argument of `Exec`, and as a string of the file (Desktop Entry Specification).
fn entry(program: &str) -> String {
    let mut quoted = String::new();
    for c in program.chars() {
        match c {
            '"' | '`' | '$' => quoted.extend(["\\\\", c.encode_utf8(&mut [0; 4])]),
            '\\' => quoted.push_str(r"\\\\"),
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    let args = AT_LOGIN.join(" ");
    format!(
        "[Desktop Entry]\nType=Application\nName=dagpass\n\
         Comment=Keeps your sign-in and hands out fresh tokens\n\
         Exec=\"{quoted}\" {args}\nIcon=dagpass\nTerminal=false\nNoDisplay=true\n\
         X-GNOME-Autostart-enabled=true\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_the_one_that_will_see_the_display() {
        let facts =
            |systemd, desktop, graphical_session| Facts { systemd, desktop, graphical_session };
        for (case, facts, expected) in [
            ("GNOME by systemd", facts(true, true, true), Some(Way::Systemd(0))),
            ("Xfce beside systemd", facts(true, true, false), Some(Way::Autostart)),
            ("a desktop without systemd", facts(false, true, false), Some(Way::Autostart)),
            ("a server", facts(true, false, false), Some(Way::Systemd(1))),
            ("a container", facts(false, false, false), None),
        ] {
            assert_eq!(way(&facts), expected, "{case}");
        }
    }

    #[test]
    fn a_path_is_quoted_as_each_file_wants_it() {
        let path = r#"/opt/my "$tools" 100%\x/dagpass-agent"#;
        let unit = unit(path, "default.target");
        let exec = r#"ExecStart="/opt/my \"$$tools\" 100%%\\x/dagpass-agent" run --at-login"#;
        assert!(unit.contains(exec), "{unit}");
        assert!(!unit.contains("PartOf"), "{unit}");
        let entry = entry(path);
        let exec = r#"Exec="/opt/my \\"\\$tools\\" 100%%\\\\x/dagpass-agent" run --at-login"#;
        assert!(entry.contains(exec), "{entry}");
    }
}
