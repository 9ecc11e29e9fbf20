//! Where the window stood and how large it was, kept from one time to the next. Decides what is kept;
//! a window is never put where no screen is.

use std::path::PathBuf;

use dagpass_client::place;
use serde::{Deserialize, Serialize};
use tauri::{LogicalPosition, WebviewWindow};

/// In logical pixels, so that another screen's scale changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Absent where the desktop does not tell, as Wayland's do not.
    pub(crate) at: Option<(f64, f64)>,
    pub(crate) maximized: bool,
}

impl Default for Kept {
    fn default() -> Self {
        Self { width: 960.0, height: 680.0, at: None, maximized: false }
    }
}

pub(crate) fn kept() -> Kept {
    let text = file().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| sound(&text)).unwrap_or_default()
}

/// Nothing, where the numbers are no window's.
fn sound(text: &str) -> Option<Kept> {
    let kept: Kept = serde_json::from_str(text).ok()?;
    let side = 200.0..=20_000.0;
    (side.contains(&kept.width) && side.contains(&kept.height)).then_some(kept)
}

/// The next start finds the usual size where this cannot be written.
pub(crate) fn keep(window: &WebviewWindow) {
    if let (Some(file), Ok(kept)) = (file(), seen(window))
        && let Ok(text) = serde_json::to_string(&kept)
    {
        drop(std::fs::write(file, text));
    }
}

fn seen(window: &WebviewWindow) -> tauri::Result<Kept> {
    let scale = window.scale_factor()?;
    let maximized = window.is_maximized()?;
    if maximized {
        return Ok(Kept { maximized, ..kept() });
    }
    let size = window.inner_size()?.to_logical::<f64>(scale);
    let at = window.outer_position().ok().map(|at| at.to_logical::<f64>(scale));
    let at = at.map(|at| (at.x, at.y));
    Ok(Kept { width: size.width, height: size.height, at, maximized })
}

pub(crate) fn restore(window: &WebviewWindow, kept: &Kept) -> tauri::Result<()> {
    let Some((x, y)) = kept.at.filter(|_| !kept.maximized) else { return Ok(()) };
    // The title bar's middle has to be on a screen, else nobody could move it.
    let scale = window.scale_factor()?;
    let (middle, top) = ((x + kept.width / 2.0) * scale, (y + 10.0) * scale);
    if window.monitor_from_point(middle, top)?.is_some() {
        window.set_position(LogicalPosition::new(x, y))?;
    }
    Ok(())
}

fn file() -> Option<PathBuf> {
    Some(place::state_dir().ok()?.join("panel.json"))
}

/// What WebKit itself keeps: a cache, nothing that counts.
pub(crate) fn web_folder() -> Option<PathBuf> {
    Some(place::cache_dir().ok()?.join("panel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_window_s_are_forgotten() {
        let kept = Kept { width: 500.0, at: Some((-20.0, 3.0)), ..Kept::default() };
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(sound(&text), Some(kept));
        for wrong in ["", "{\"width\":1}", "{\"height\":1e9}", "7"] {
            assert_eq!(sound(wrong), None, "{wrong}");
        }
        assert_eq!(sound("{}"), Some(Kept::default()));
    }
}
