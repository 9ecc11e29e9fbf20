//! Fact: a real panel shows the icon, another one for each state, and our menu under it. Writes what it
//! saw to `target/desktop`, for people to look at: `tray-<state>.png` and `tray-menu.png`.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::display::Display;
use crate::idp::{Family, Setting};
use crate::scene::{Scene, user_code};
use crate::tray_menu::beside_a_panel;
use crate::wait::until;
use crate::watcher::Item;
use crate::world::{Process, World};

/// Where the one icon stands: the right end of a bar at the top, 32 pixels high.
const ICON: &str = "40x32+984+0";
const BAR: &str = "320x32+704+0";
const WITH_MENU: &str = "460x330+564+0";

const PANEL: &str = r#"<channel name="xfce4-panel" version="1.0"><property name="configver" type="int" value="2"/>
 <property name="panels" type="array"><value type="int" value="1"/><property name="panel-1" type="empty">
  <property name="position" type="string" value="p=6;x=0;y=0"/><property name="length" type="uint" value="100"/>
  <property name="size" type="uint" value="32"/><property name="position-locked" type="bool" value="true"/>
  <property name="background-style" type="uint" value="1"/><property name="background-rgba" type="array">
   <value type="double" value="RED"/><value type="double" value="RED"/><value type="double" value="RED"/><value type="double" value="1"/></property>
  <property name="plugin-ids" type="array"><value type="int" value="1"/><value type="int" value="2"/><value type="int" value="3"/></property></property></property>
 <property name="plugins" type="empty"><property name="plugin-1" type="string" value="tasklist"/>
  <property name="plugin-2" type="string" value="separator"><property name="expand" type="bool" value="true"/></property>
  <property name="plugin-3" type="string" value="systray"><property name="square-icons" type="bool" value="true"/></property></property></channel>"#;

/// A desktop: an X server, a window manager, a panel of this brightness.
struct Desk {
    display: Display,
    _programs: Vec<Process>,
}

impl Desk {
    fn start(world: &World, brightness: &str) -> Self {
        let display = Display::start();
        world.set("DISPLAY", &display.name);
        world.set("NO_AT_BRIDGE", "1");
        world.set("LIBGL_ALWAYS_SOFTWARE", "1");
        let channels = world.home().join(".config/xfce4/xfconf/xfce-perchannel-xml");
        fs::create_dir_all(&channels).unwrap();
        fs::write(channels.join("xfce4-panel.xml"), PANEL.replace("RED", brightness)).unwrap();
        // The world's bus starts nothing by itself.
        let settings = "/usr/lib/x86_64-linux-gnu/xfce4/xfconf/xfconfd";
        let start = |program: &str, args: &[&str]| {
            Process::spawn(program, world.command(program).args(args).stdin(Stdio::null()))
        };
        let mut programs = vec![start(settings, &[])];
        start("gdbus", &["wait", "--session", "--timeout", "20", "org.xfce.Xfconf"])
            .ended()
            .expect(0);
        programs.push(start("xfwm4", &["--compositor=off"]));
        programs.push(start("xfce4-panel", &["--disable-wm-check"]));
        let watcher = "org.kde.StatusNotifierWatcher";
        start("gdbus", &["wait", "--session", "--timeout", "30", watcher]).ended().expect(0);
        Self { display, _programs: programs }
    }

    /// Part of the screen as a picture's bytes.
    fn look(&self, world: &World, part: &str) -> Vec<u8> {
        let file = world.root().join("tmp/look.ppm");
        let mut command = world.command("import");
        command.args(["-display", &self.display.name, "-window", "root", "-crop", part]);
        command.args(["+repage", "-depth", "8"]).arg(&file).stdin(Stdio::null());
        Process::spawn("import", &mut command).ended().expect(0);
        fs::read(file).unwrap()
    }

    /// Waits until the icon is drawn and other than all before, and keeps a picture of it.
    fn keep(&self, world: &World, state: &str, before: &mut Vec<Vec<u8>>) {
        let mut last = Vec::new();
        let icon = until(&format!("another icon for {state}"), || {
            let now = self.look(world, ICON);
            let still = now == last;
            last.clone_from(&now);
            (still && !before.contains(&now)).then_some(now)
        });
        before.push(icon);
        self.picture(world, &format!("tray-{state}"), BAR);
    }

    fn picture(&self, world: &World, name: &str, part: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("desktop");
        fs::create_dir_all(&folder).unwrap();
        let mut command = world.command("import");
        command.args(["-display", &self.display.name, "-window", "root", "-crop", part]);
        command.arg("+repage").arg(folder.join(format!("{name}.png"))).stdin(Stdio::null());
        Process::spawn("import", &mut command).ended().expect(0);
    }

    fn mouse(&self, world: &World, words: &[&str]) {
        Process::spawn("xdotool", world.command("xdotool").args(words)).ended().expect(0);
    }
}

/// Is anything in it as red as no other badge is? The pixels of a PPM stand at its end, three bytes each.
fn is_red(picture: &[u8]) -> bool {
    let pixels = &picture[picture.len() - 40 * 32 * 3..];
    pixels.chunks(3).any(|pixel| pixel[0] > 150 && pixel[1] < 90 && pixel[2] < 90)
}

fn state(scene: &Scene) -> String {
    let status = scene.world.api("GET", "/v1/status", &Value::Null).json();
    status["profiles"][0]["state"].as_str().unwrap_or_default().to_owned()
}

fn every_state_is_seen(bar: &str, brightness: &str) {
    let world = World::new();
    let desk = Desk::start(&world, brightness);
    let setting = Setting { access: 300, ..Setting::of(Family::PingOne) };
    let mut scene = Scene::in_world(world, setting, "session-lifetime = \"8h\"");
    let named = |state: &str| format!("{bar}-{state}");
    let mut seen = vec![desk.look(&scene.world, ICON)];
    // With a window beside it, so that the menu is whole.
    let agent = beside_a_panel(&scene.world);
    scene.world.start_agent_by(scene.world.command(agent).arg("run"));
    desk.keep(&scene.world, &named("needs-sign-in"), &mut seen);

    let mut login = scene.world.cli_start(&["login", "--device"]);
    let code = login.stderr.wait_for("user code", user_code);
    desk.keep(&scene.world, &named("refreshing"), &mut seen);
    scene.idp.approve(&code);
    scene.world.keep("dagpass login", login.ended().expect(0));
    desk.keep(&scene.world, &named("signed-in"), &mut seen);
    for task in ["extract", "load", "report"] {
        let context = json!({ "context": { "dag_id": "etl", "task_id": task } });
        assert_eq!(scene.ask(&context).status, 200);
    }
    let item = Item::at_a_panel(&scene.world.bus_address());
    until("the requests in the menu", || {
        let labels = item.labels();
        labels.iter().any(|label| label.contains("etl.report")).then_some(())
    });
    let closed = desk.look(&scene.world, WITH_MENU);
    desk.mouse(&scene.world, &["mousemove", "1008", "16", "click", "3"]);
    let mut last = Vec::new();
    until("the menu", || {
        let now = desk.look(&scene.world, WITH_MENU);
        let still = now == last;
        last.clone_from(&now);
        (still && now != closed).then_some(())
    });
    desk.picture(&scene.world, &format!("tray-{bar}-menu"), WITH_MENU);
    let mut away = 0;
    until("the menu to close", || {
        // Again and again: a menu that is drawn need not have the keyboard yet.
        desk.mouse(&scene.world, &["key", "Escape"]);
        // Away, so that no button of the panel is lit: what is moved while the menu holds the mouse
        // is not seen by the panel.
        away += 1;
        desk.mouse(&scene.world, &["mousemove", "400", &format!("{}", 500 + away % 2)]);
        (desk.look(&scene.world, ICON) == seen[3]).then_some(())
    });

    scene.world.api("POST", "/v1/agent/pause", &json!({}));
    desk.keep(&scene.world, &named("paused"), &mut seen);
    scene.world.api("POST", "/v1/agent/resume", &json!({}));
    until("the icon as it was", || (desk.look(&scene.world, ICON) == seen[3]).then_some(()));

    let rejecting = scene.rejecting();
    scene.idp.give_secrets(&scene.world);
    scene.idp.stop();
    scene.ask(&rejecting);
    until("offline", || (state(&scene) == "offline").then_some(()));
    desk.keep(&scene.world, &named("offline"), &mut seen);

    scene.world.stop_agent();
    scene.world.bus().lock();
    scene.world.start_agent();
    until("locked", || (state(&scene) == "keychain_locked").then_some(()));
    // The panel draws the empty place in its own time, and not always as it was: the badge tells.
    until("the red badge", || is_red(&desk.look(&scene.world, ICON)).then_some(()));
    desk.keep(&scene.world, &named("keychain-locked"), &mut seen);
    scene.world.close();
}

#[test]
fn on_a_dark_bar() {
    every_state_is_seen("dark", "0.13");
}

#[test]
fn on_a_light_bar() {
    every_state_is_seen("light", "0.93");
}
