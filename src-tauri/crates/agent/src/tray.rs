//! Whether this agent shows an icon, whether somebody sees it, and what is said where nobody does. The icon
//! itself is a client of our own socket: without it everything else works.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dagpass_client::Agent;
use dagpass_tray::{Host, Wishes};

use crate::config::{ConfigFile, Notifications};

/// How long is what was seen of the desktop believed?
const FRESH: Duration = Duration::from_secs(5);

/// Serving began: what the icon needs of it.
#[derive(Debug)]
pub(crate) struct Stands {
    pub(crate) socket: String,
    pub(crate) config: Arc<ConfigFile>,
    pub(crate) icon: Arc<Icon>,
}

/// What is known of who shows it.
#[derive(Debug)]
pub(crate) struct Icon {
    wanted: bool,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    host: Option<Host>,
    at: Option<Instant>,
}

impl Icon {
    pub(crate) fn of_this_process() -> Self {
        let off = std::env::var("DAGPASS_TRAY").is_ok_and(|wish| wish.eq_ignore_ascii_case("off"));
        Self { wanted: !off, seen: Mutex::default() }
    }

    /// Asks the desktop, which may take its time.
    pub(crate) fn look(&self) -> Host {
        let host = if self.wanted { dagpass_tray::host() } else { Host::NoDesktop };
        *self.seen() = Seen { host: Some(host), at: Some(Instant::now()) };
        host
    }

    /// As it was seen last; one that was seen long ago is looked for anew, and nobody waits for that.
    pub(crate) fn last(self: &Arc<Self>) -> Host {
        let mut seen = self.seen();
        if seen.at.is_none_or(|at| at.elapsed() > FRESH) {
            seen.at = Some(Instant::now());
            let icon = Arc::clone(self);
            std::thread::spawn(move || icon.look());
        }
        seen.host.unwrap_or(Host::NoDesktop)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wire's word.
pub(crate) const fn word(host: Host) -> &'static str {
    match host {
        Host::Present => "shown",
        Host::Absent => "unseen",
        Host::NoDesktop => "none",
    }
}

/// What has GNOME show icons, by the system's own tool for packages; other desktops have a panel for it.
pub(crate) fn remedy(exists: impl Fn(&Path) -> bool) -> String {
    const PACKAGE: &str = "gnome-shell-extension-appindicator";
    const USUAL: &str = "appindicatorsupport@rgcjonas.gmail.com";
    let tools = [
        ("/usr/bin/apt", "apt install", "ubuntu-appindicators@ubuntu.com"),
        ("/usr/bin/dnf", "dnf install", USUAL),
        ("/usr/bin/zypper", "zypper install", USUAL),
        ("/usr/bin/pacman", "pacman -S", USUAL),
    ];
    let tool = tools.into_iter().find(|(program, ..)| exists(Path::new(program)));
    let (first, extension) = match tool {
        Some((_, install, extension)) => (format!("run `sudo {install} {PACKAGE}`"), extension),
        None => (format!("install the extension {PACKAGE}"), USUAL),
    };
    format!(
        "on GNOME {first}, sign in to the desktop anew and run `gnome-extensions enable {extension}`; \
         `dagpass panel` shows the same without it"
    )
}

/// Shows the icon until serving ends; returns at once where there is no desktop.
pub(crate) fn attend(stands: Stands, standing: Receiver<Stands>) {
    let Stands { socket, config, icon } = stands;
    match icon.look() {
        Host::NoDesktop => return,
        Host::Absent => {
            let hint = remedy(Path::exists);
            tracing::warn!(hint, "this desktop shows no tray icons");
        }
        Host::Present => {}
    }
    let shown = match Agent::find(Some(&socket)) {
        Ok(agent) => {
            let wishes = Box::new(move || wishes(config.current().notifications));
            dagpass_tray::attend(Arc::new(agent), standing, wishes).map_err(|e| e.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = shown {
        tracing::warn!(error, "no tray icon");
    }
}

fn wishes(Notifications { sign_in, session_end }: Notifications) -> Wishes {
    Wishes { sign_in, session_end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_shows_icons_is_the_system_s_own() {
        for (there, said) in [
            (
                "/usr/bin/apt",
                "on GNOME run `sudo apt install gnome-shell-extension-appindicator`, sign in to the desktop anew and run `gnome-extensions enable ubuntu-appindicators@ubuntu.com`; `dagpass panel` shows the same without it",
            ),
            (
                "/usr/bin/dnf",
                "on GNOME run `sudo dnf install gnome-shell-extension-appindicator`, sign in to the desktop anew and run `gnome-extensions enable appindicatorsupport@rgcjonas.gmail.com`; `dagpass panel` shows the same without it",
            ),
            (
                "",
                "on GNOME install the extension gnome-shell-extension-appindicator, sign in to the desktop anew and run `gnome-extensions enable appindicatorsupport@rgcjonas.gmail.com`; `dagpass panel` shows the same without it",
            ),
        ] {
            assert_eq!(remedy(|path| path == Path::new(there)), said);
        }
    }
}
