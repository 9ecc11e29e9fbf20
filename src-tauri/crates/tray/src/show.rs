//! Puts a view on the desktop and tells which item was clicked. Runs on the thread that calls it
//! until the views end: on macOS and Windows that has to be the program's first.

use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use tray_icon::menu::{IsMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem, Submenu};
use tray_icon::{Icon, TrayIcon, TrayIconBuilder};

use crate::desktop;
use crate::menu::{Action, Entry};
use crate::picture::{Picture, Theme};
use crate::view::View;

/// Why there is no icon.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("the tray takes no icon: {0}")]
    Tray(#[from] tray_icon::Error),
    #[error("the menu cannot be made: {0}")]
    Menu(#[from] tray_icon::menu::Error),
    #[error("a thread did not start: {0}")]
    Thread(std::io::Error),
    #[error("the loop that the icon needs has failed: {0}")]
    Loop(std::io::Error),
    #[error("a picture cannot be used: {0}")]
    Picture(String),
}

/// Whether anything shows icons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    Present,
    /// No program on this desktop shows them (GNOME without its extension is the common case). One
    /// that comes later finds the icon.
    Absent,
    /// No desktop at all: a server, an ssh session.
    NoDesktop,
}

/// Whom a click is told.
pub(crate) type OnAction = Box<dyn Fn(Action) + Send + Sync>;

/// Is there anything that would show an icon? Asks the session bus on Linux.
pub fn host() -> Host {
    desktop::host()
}

/// Shows each view as it comes. Returns when the sender is gone.
pub(crate) fn run(views: Receiver<View>, act: OnAction) -> Result<(), Failed> {
    desktop::run(views, act)
}

/// The icon as it stands.
pub(crate) struct Tray {
    icon: TrayIcon,
    actions: Arc<Mutex<HashMap<String, Action>>>,
    shown: View,
    theme: Theme,
}

impl std::fmt::Debug for Tray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tray").field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl Tray {
    pub(crate) fn new(view: View, act: OnAction) -> Result<Self, Failed> {
        let theme = desktop::theme();
        let (menu, named) = menu(&view.menu)?;
        let actions = Arc::new(Mutex::new(named));
        let known = Arc::clone(&actions);
        MenuEvent::set_event_handler(Some(move |event: MenuEvent| {
            let clicked = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(action) = clicked.get(event.id.as_ref()).cloned() {
                drop(clicked);
                act(action);
            }
        }));
        let icon = TrayIconBuilder::new()
            .with_id("dagpass")
            .with_title("dagpass")
            .with_tooltip(&view.tooltip)
            .with_menu(Box::new(menu))
            .build()?;
        draw(&icon, view.picture, theme)?;
        Ok(Self { icon, actions, shown: view, theme })
    }

    /// Changes what is different and nothing else: a menu that is open stays open.
    pub(crate) fn show(&mut self, view: View) -> Result<(), Failed> {
        let theme = desktop::theme();
        if view.picture != self.shown.picture || theme != self.theme {
            draw(&self.icon, view.picture, theme)?;
            self.theme = theme;
        }
        if view.tooltip != self.shown.tooltip {
            self.icon.set_tooltip(Some(&view.tooltip))?;
        }
        if view.menu != self.shown.menu {
            let (menu, named) = menu(&view.menu)?;
            *self.actions.lock().unwrap_or_else(PoisonError::into_inner) = named;
            self.icon.set_menu(Some(Box::new(menu)));
        }
        self.shown = view;
        Ok(())
    }
}

fn draw(on: &TrayIcon, picture: Picture, theme: Theme) -> Result<(), Failed> {
    let pixels = picture.pixels(theme).map_err(|error| Failed::Picture(error.to_string()))?;
    let icon = Icon::from_rgba(pixels.rgba, pixels.width, pixels.height)
        .map_err(|error| Failed::Picture(error.to_string()))?;
    desktop::set_icon(on, icon).map_err(Failed::from)
}

/// The desktop's menu, and what each of its items means by the item's name.
fn menu(entries: &[Entry]) -> Result<(Menu, HashMap<String, Action>), Failed> {
    let menu = Menu::new();
    let mut actions = HashMap::new();
    for item in items(entries, &mut actions)? {
        menu.append(&*item)?;
    }
    Ok((menu, actions))
}

fn items(
    entries: &[Entry],
    actions: &mut HashMap<String, Action>,
) -> Result<Vec<Box<dyn IsMenuItem>>, Failed> {
    let mut items: Vec<Box<dyn IsMenuItem>> = Vec::with_capacity(entries.len());
    for entry in entries {
        items.push(match entry {
            Entry::Line => Box::new(PredefinedMenuItem::separator()),
            Entry::Text(text) => Box::new(MenuItem::new(text, false, None)),
            Entry::Item { label, action } => {
                Box::new(MenuItem::with_id(named(action, actions), label, true, None))
            }
            Entry::Menu { label, entries } => {
                let submenu = Submenu::new(label, true);
                for item in self::items(entries, actions)? {
                    submenu.append(&*item)?;
                }
                Box::new(submenu)
            }
        });
    }
    Ok(items)
}

/// Items that mean the same are numbered: a name stands once in a menu.
fn named(action: &Action, actions: &mut HashMap<String, Action>) -> String {
    let name = action.name();
    let mut id = name.clone();
    let mut number = 1;
    while actions.contains_key(&id) {
        number += 1;
        id = format!("{name} {number}");
    }
    actions.insert(id.clone(), action.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::menu::Way;

    #[test]
    fn a_name_means_one_action_whatever_stands_above_it_and_stands_once() {
        let prod = || "prod".to_owned();
        let all = [
            Action::SignIn { profile: prod(), way: Way::Browser },
            Action::SignIn { profile: prod(), way: Way::Code },
            Action::SignOut { profile: prod() },
            Action::SignOut { profile: "prod/reports".to_owned() },
            Action::CopyToken { profile: prod() },
            Action::CopyCode { code: "WDJB-MJHT".to_owned() },
            Action::Pause,
            Action::Resume,
            Action::OpenPanel { view: None },
            Action::OpenPanel { view: Some(dagpass_client::panel::View::Activity) },
            Action::Quit,
        ];
        let names = |all: &[Action]| {
            let mut actions = HashMap::new();
            all.iter().for_each(|action| drop(named(action, &mut actions)));
            actions
        };
        let whole = names(&all);
        assert_eq!(whole.len(), all.len());
        for first in 0..all.len() {
            for (name, action) in names(&all[first..]) {
                assert_eq!(whole.get(&name), Some(&action), "{name}");
            }
        }
        let twice = names(&[Action::Pause, Action::Pause]);
        assert_eq!(
            (twice.len(), twice.values().filter(|one| **one == Action::Pause).count()),
            (2, 2)
        );
    }
}
