//! Whether this agent shows an icon, and what is said where it cannot. The icon itself is a client
//! of our own socket: without it everything else works.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use dagpass_client::Agent;
use dagpass_tray::Host;

/// Shows the icon until serving ends; returns at once where there is no desktop.
pub(crate) fn attend(socket: &str, standing: Receiver<String>) {
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
    let shown = match Agent::find(Some(socket)) {
        Ok(agent) => dagpass_tray::attend(Arc::new(agent), standing).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = shown {
        tracing::warn!(error, "no tray icon");
    }
}
