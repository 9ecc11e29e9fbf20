//! The window's own part of the build: its page is put into the program, and each command that the
//! page may call gets a permission that `capabilities/window.json` grants by name.

/// The same names stand in `src/lib.rs` and in the capability: a name that is missing in one is refused.
const COMMANDS: [&str; 31] = [
    "about",
    "activity",
    "airflow_connections",
    "answer_approval",
    "approvals",
    "cancel_sign_in",
    "config",
    "copy",
    "discover",
    "doctor",
    "edit_config",
    "leases",
    "login_item",
    "open_sign_in_page",
    "paste_callback",
    "pause",
    "qr",
    "resume",
    "revoke_approval",
    "revoke_lease",
    "roles",
    "save_config",
    "set_login_item",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "start_agent",
    "start_sandbox",
    "status",
    "try_it",
    "unlock",
];

fn main() {
    let commands = tauri_build::AppManifest::new().commands(&COMMANDS);
    let attributes = tauri_build::Attributes::new().app_manifest(commands);
    if let Err(error) = tauri_build::try_build(attributes) {
        panic!("{error:#}");
    }
}
