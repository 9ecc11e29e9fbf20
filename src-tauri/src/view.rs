//! The window itself: made once, raised when asked for again. Decides what it looks like before its
//! page is there and where its page may lead, which is nowhere; never what the page shows.

use dagpass_client::panel::View;
use serde::Serialize;
use tauri::webview::NewWindowResponse;
use tauri::window::Color;
use tauri::{AppHandle, Emitter as _, Manager as _, Url, WebviewUrl, WebviewWindow};
use tauri::{WebviewWindowBuilder, WindowEvent};

use crate::{place, single};

const LABEL: &str = "main";
/// The narrowest and lowest that every view is drawn for, in logical pixels.
const LEAST: (f64, f64) = (360.0, 480.0);

/// Of the event `go`: the tray, or a second start, asked for that view.
#[derive(Clone, Serialize)]
struct Go {
    view: View,
}

/// Is there a screen? GTK asks for it once and for all, and Tauri would panic later.
pub(crate) fn desktop() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    if gtk::init().is_err() {
        let what = match ["WAYLAND_DISPLAY", "DISPLAY"].map(|name| std::env::var(name).ok()) {
            [None, None] => "there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)",
            _ => "the screen that DISPLAY or WAYLAND_DISPLAY names cannot be reached",
        };
        return Err(format!("{what}; `dagpass status` works without one"));
    }
    Ok(())
}

/// With no view asked for the page chooses: a welcome, where there is no profile yet.
pub(crate) fn open(app: &AppHandle, view: Option<View>) -> tauri::Result<()> {
    let fragment = view.map(|view| format!("#/{view}")).unwrap_or_default();
    let page = WebviewUrl::App(format!("index.html{fragment}").into());
    let kept = place::kept();
    let mut builder = WebviewWindowBuilder::new(app, LABEL, page)
        .title("dagpass")
        .inner_size(kept.width, kept.height)
        .min_inner_size(LEAST.0, LEAST.1)
        .maximized(kept.maximized)
        .background_color(if is_dark() {
            Color(16, 18, 21, 255)
        } else {
            Color(244, 245, 247, 255)
        })
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false);
    if let Some(folder) = place::web_folder() {
        builder = builder.data_directory(folder);
    }
    let window = builder.build()?;
    #[cfg(target_os = "linux")]
    draw_plainly(&window)?;
    place::restore(&window, &kept)?;
    let of_event = window.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { .. } = event {
            place::keep(&of_event);
            single::release();
        }
    });
    Ok(())
}

/// Without the graphics card, under X11: a page of text and bars gains nothing by it, and asking for
/// one, or for what stands in for it, takes longer than drawing the page. Wayland's windows stay empty
/// without it.
#[cfg(target_os = "linux")]
fn draw_plainly(window: &WebviewWindow) -> tauri::Result<()> {
    use gtk::prelude::ObjectExt as _;
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt as _, WebViewExt as _};
    let display = gtk::gdk::Display::default();
    if display.is_none_or(|display| display.type_().name() != "GdkX11Display") {
        return Ok(());
    }
    window.with_webview(|view| {
        if let Some(settings) = view.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// Brings the window to the front, and tells its page where to go.
pub(crate) fn raise(app: &AppHandle, view: Option<View>, token: Option<String>) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    if let Some(view) = view {
        // Only a page that has gone does not hear it.
        drop(app.emit("go", Go { view }));
    }
    let of_thread = window.clone();
    drop(window.run_on_main_thread(move || bring_to_front(&of_thread, token.as_deref())));
}

#[cfg(target_os = "linux")]
fn bring_to_front(window: &WebviewWindow, token: Option<&str>) {
    use gtk::prelude::GtkWindowExt as _;
    let Ok(window) = window.gtk_window() else { return };
    if let Some(token) = token {
        window.set_startup_id(token);
    }
    window.deiconify();
    window.present();
}

#[cfg(not(target_os = "linux"))]
fn bring_to_front(window: &WebviewWindow, _token: Option<&str>) {
    for step in [WebviewWindow::unminimize, WebviewWindow::show, WebviewWindow::set_focus] {
        // The next step may still help.
        drop(step(window));
    }
}

/// The page is the program's own, and nothing leads out of it.
fn is_ours(url: &Url) -> bool {
    matches!((url.scheme(), url.host_str()), ("tauri", Some("localhost")))
        || (cfg!(windows) && matches!(url.host_str(), Some("tauri.localhost")))
}

/// What is seen until the page is drawn, in its own `--ground`: a white flash hurts on a dark desktop.
#[cfg(target_os = "linux")]
fn is_dark() -> bool {
    use gtk::prelude::GtkSettingsExt as _;
    let by_name = |name: &str| {
        let name = name.to_lowercase();
        name.ends_with("dark") || name.ends_with(":dark")
    };
    if let Ok(theme) = std::env::var("GTK_THEME") {
        return by_name(&theme);
    }
    gtk::Settings::default().is_some_and(|settings| {
        settings.is_gtk_application_prefer_dark_theme()
            || settings.gtk_theme_name().is_some_and(|name| by_name(&name))
    })
}

#[cfg(not(target_os = "linux"))]
fn is_dark() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_anybody_else_is_no_place_to_go() {
        let ours = |url: &str| is_ours(&Url::parse(url).unwrap());
        assert!(ours("tauri://localhost/index.html#/sessions"));
        for url in [
            "https://corp.example/",
            "http://localhost/",
            "file:///etc/passwd",
            "about:blank",
            "data:text/html,x",
            "tauri://other/",
        ] {
            assert!(!ours(url), "{url}");
        }
    }
}
