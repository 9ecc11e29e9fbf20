//! Whether this agent shows an icon, and what is said where it cannot. The icon itself is a client
//! of our own socket: without it everything else works.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use dagpass_client::Agent;
use dagpass_tray::{Host, Wishes};

use crate::config::{ConfigFile, Notifications};

/// Serving began: what the icon needs of it.
#[derive(Debug)]
pub(crate) struct Stands {
    pub(crate) socket: String,
    pub(crate) config: Arc<ConfigFile>,
}

/// Shows the icon until serving ends; returns at once where there is no desktop.
pub(crate) fn attend(stands: Stands, standing: Receiver<Stands>) {
    if std::env::var("DAGPASS_TRAY").is_ok_and(|wish| wish.eq_ignore_ascii_case("off")) {
        return;
    }
    match dagpass_tray::host() {
        Host::NoDesktop => return,
        Host::Absent => tracing::warn!(
            hint = "on GNOME install the AppIndicator extension; `dagpass` does all that the menu does",
            "this desktop shows no tray icons"
        ),
        Host::Present => {}
    }
    let Stands { socket, config } = stands;
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
