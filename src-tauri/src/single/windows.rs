//! One window a desktop, by Tauri's own plugin: a named mutex says who is first, and a second start
//! sends what was typed to the first one's hidden window.

use dagpass_client::panel::View;
use tauri::{AppHandle, Builder, Wry};

use crate::line::{self, Asked};
use crate::view;

pub(crate) enum Claim {
    /// The plugin finds out by itself, and ends a second start.
    Unknown,
    #[expect(
        dead_code,
        reason = "what the other systems answer; the plugin ends the program itself"
    )]
    Raised,
}

pub(crate) fn claim(_view: Option<View>) -> Result<Claim, String> {
    Ok(Claim::Unknown)
}

pub(crate) fn plugged(builder: Builder<Wry>) -> Builder<Wry> {
    builder.plugin(tauri_plugin_single_instance::init(|app, args, _folder| {
        let view = match line::parse(args.into_iter().map(Into::into)) {
            Ok(Asked::Window(view)) => view,
            Ok(Asked::Text(_)) | Err(_) => None,
        };
        view::raise(app, view, None);
    }))
}

pub(crate) fn attend(_app: &AppHandle, claim: Claim) -> std::io::Result<()> {
    match claim {
        Claim::Unknown | Claim::Raised => Ok(()),
    }
}

pub(crate) fn release() {}
