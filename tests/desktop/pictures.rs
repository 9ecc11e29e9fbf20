//! Every view in both themes and two widths, as pictures in `target/desktop` for people to look at, and
//! read by axe-core in the window itself.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::desk::Desk;
use crate::driver::Driver;

const VIEWS: [&str; 7] =
    ["sessions", "activity", "airflow", "approvals", "settings", "doctor", "welcome"];
const SIZES: [(u64, u64); 2] = [(1200, 800), (360, 740)];
const THEMES: [(&str, &str); 2] = [("light", "Adwaita"), ("dark", "Adwaita:dark")];

#[test]
fn every_view_is_drawn_in_both_themes_and_two_widths() {
    let desk = Desk::set();
    desk.scene.sign_in();
    for connection in ["warehouse_api", "lake", "lake"] {
        desk.scene.world.token(&["--connection", connection]).expect("signed in");
    }
    desk.scene.refreshed();
    for (theme, gtk) in THEMES {
        let window = Driver::open(&desk.scene.world, &[], &[("GTK_THEME", gtk)]);
        let dark = window.run("return matchMedia('(prefers-color-scheme: dark)').matches;");
        assert_eq!(dark, theme == "dark", "{gtk}");
        for (width, height) in SIZES {
            window.resize(width, height);
            for view in VIEWS {
                window.view(view);
                if view == "doctor" {
                    window.wait_for("[data-check]");
                }
                window.rest();
                let file = folder().join(format!("{view}-{width}-{theme}.png"));
                desk.screen.picture(desk.screen.panels()[0], &file);
                let wider = window.run("return document.documentElement.scrollWidth > innerWidth;");
                assert_eq!(wider, false, "{view} is wider than {width}");
                reads_well(&window, &format!("{view}, {width}, {theme}"));
            }
        }
        window.close();
    }
    desk.close();
}

/// What axe-core finds, by WCAG 2 A and AA.
fn reads_well(window: &Driver, what: &str) {
    if window.run("return typeof axe === 'object';") == false {
        window.load(&axe());
    }
    let found = window.run(
        "const found = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] });\
         return found.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', '));",
    );
    assert_eq!(found, Value::Array(Vec::new()), "{what}");
}

fn axe() -> String {
    let file = "tests/desktop/node_modules/axe-core/axe.min.js";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(file).expect("`npm ci` in tests/desktop, as `cargo task desktop` does")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("desktop")
}
