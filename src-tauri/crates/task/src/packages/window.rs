//! The window from its package, as a newcomer meets it: installed with WebKit into a bare Debian, opened
//! on a screen that nobody sees, and two clicks: start the agent, and "Try it without a tenant". Ends
//! with a token from the sandbox, and with a picture.

use std::ffi::OsString;
use std::path::Path;

use super::Issue;
use super::root::{Root, STORE, USER};
use crate::house::House;
use crate::shell::{Failure, Shell, say};

/// What the everyday run leaves out, and why.
pub(super) const LEFT_OUT: &str = "left out: the window is not run from its package, for which WebKit's 230 packages are fetched \
     (`cargo task packages --release` does)";

/// What the try needs beside the packages themselves; the first is what `apt-get` installs unasked.
const STAGE: &str = "ca-certificates webkit2gtk-driver xvfb curl";

/// The person's part: a screen, the window, two clicks; by WebDriver, as the tests of the window do.
const TRIED: &str = r#"
export NO_AT_BRIDGE=1 LIBGL_ALWAYS_SOFTWARE=1 TAURI_WEBVIEW_AUTOMATION=true
Xvfb -displayfd 3 -fbdir . -nolisten tcp -screen 0 1200x900x24 3>display 2>/dev/null &
until test -s display; do sleep 0.1; done
export DISPLAY=:$(cat display)
port=$(shuf -i 20000-29000 -n 1)
WebKitWebDriver --port=$port &
until curl -sf http://127.0.0.1:$port/status >/dev/null; do sleep 0.1; done
ask() { curl -sf -X "$1" -H 'content-type: application/json' ${3:+-d "$3"} "http://127.0.0.1:$port/session$2"; }
session=$(ask POST '' '{"capabilities":{"alwaysMatch":{"webkitgtk:browserOptions":{"binary":"/usr/bin/dagpass-panel","args":[]}}}}' | grep -o '"sessionId":"[^"]*' | cut -d '"' -f 4)
click() {
    find="{\"using\":\"css selector\",\"value\":\"[data-action=$1]\"}"
    until button=$(ask POST /$session/element "$find" | grep -o '"element-[^"]*":"[^"]*' | cut -d '"' -f 4) && ask POST /$session/element/$button/click '{}'; do sleep 0.3; done
}
click start-agent
click sandbox
until dagpass status --json | grep -q '"signed_in"'; do sleep 0.3; done
dagpass token sandbox | wc -c
sleep 2
cp Xvfb_screen0 window.xwd
ask DELETE /$session ''
dagpass agent stop
"#;

pub(super) fn run(house: &House, issue: &Issue, debs: &[&Path]) -> Result<(), Failure> {
    say("\nthe window from its package in a bare Debian: opened, and the sandbox tried");
    let root = Root::fresh(house, issue)?;
    let places = debs.iter().map(|deb| root.brought(deb)).collect::<Result<Vec<_>, _>>()?.join(" ");
    let install = "apt-get -o Dpkg::Use-Pty=0 install --quiet --yes --no-install-recommends";
    root.inside(&format!("{install} {places} {STAGE}")).run()?;
    root.as_user(&format!("{STORE}{TRIED}")).run()?;
    let picture = issue.out.join("window.png");
    let mut seen = OsString::from("xwd:");
    seen.push(root.folder.join("home").join(USER).join("window.xwd"));
    Shell::new("convert").arg(seen).arg(&picture).run()?;
    say(&format!("as it was seen: {}", picture.display()));
    Ok(())
}
