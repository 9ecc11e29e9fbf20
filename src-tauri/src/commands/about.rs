//! What the page cannot know or do by itself: where things lie, a QR code's squares, the clipboard.

use std::sync::{Mutex, PoisonError};

use arboard::Clipboard;
use dagpass_client::wire::ErrorReply;
use dagpass_client::{Agent, place};
use qrcode::{Color, QrCode};
use serde::Serialize;
use tauri::{AppHandle, Manager as _};

use super::{Answer, aside};
use crate::refusal::reply;

/// How much may be copied at once? Commands and codes are short.
const LONGEST_COPY: usize = 4096;
/// How much goes into a code that a telephone still reads?
const LONGEST_QR: usize = 1024;

#[derive(Debug, Serialize)]
pub(crate) struct About {
    version: &'static str,
    config_path: String,
    socket: String,
}

#[tauri::command]
pub(crate) async fn about() -> Answer<About> {
    let nowhere = |error: place::PlaceError| reply("no_place", error.to_string());
    let config_path = place::config_path().map_err(nowhere)?.display().to_string();
    let agent = Agent::find(None).map_err(crate::refusal::refused)?;
    let socket = agent.places().first().map(ToString::to_string).unwrap_or_default();
    Ok(About { version: env!("CARGO_PKG_VERSION"), config_path, socket })
}

/// Row by row, `1` is dark.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Squares {
    size: usize,
    modules: String,
}

#[tauri::command]
pub(crate) async fn qr(text: String) -> Answer<Squares> {
    squares(&text).ok_or_else(|| reply("invalid_request", "that is too long for a QR code"))
}

fn squares(text: &str) -> Option<Squares> {
    let code = QrCode::new(text).ok().filter(|_| text.len() <= LONGEST_QR)?;
    let modules = code.to_colors().into_iter().map(|one| match one {
        Color::Dark => '1',
        Color::Light => '0',
    });
    Some(Squares { size: code.width(), modules: modules.collect() })
}

/// The clipboard while we fill it: on X11 and Wayland it is served by whoever filled it.
#[derive(Default)]
pub(crate) struct Copied(Mutex<Option<Clipboard>>);

#[tauri::command]
pub(crate) async fn copy(app: AppHandle, text: String) -> Answer<()> {
    if text.len() > LONGEST_COPY {
        return Err(reply("invalid_request", "that is too long for the clipboard"));
    }
    aside(move || {
        let failed = |error: arboard::Error| ErrorReply {
            cause: Some(error.to_string()),
            ..reply("no_clipboard", "the clipboard cannot be used")
        };
        let copied = app.state::<Copied>();
        let mut held = copied.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clipboard = match held.as_mut() {
            Some(clipboard) => clipboard,
            None => held.insert(Clipboard::new().map_err(failed)?),
        };
        clipboard.set_text(text).map_err(failed)
    })
    .await
}

/// At the end: dropping it offers what was copied to the desktop's clipboard manager.
pub(crate) fn hand_over(app: &AppHandle) {
    let copied = app.state::<Copied>();
    drop(copied.0.lock().unwrap_or_else(PoisonError::into_inner).take());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_square_of_squares_with_its_three_corners() {
        let code = squares("https://p.example/device?user_code=BVKV-2GZ2").unwrap();
        assert_eq!(code.modules.len(), code.size * code.size);
        let row = |number: usize| &code.modules[number * code.size..][..code.size];
        assert!(row(0).starts_with("11111110") && row(0).ends_with("01111111"));
        assert!(row(code.size - 1).starts_with("11111110"));
        assert_eq!(squares(&"x".repeat(LONGEST_QR + 1)), None);
    }
}
