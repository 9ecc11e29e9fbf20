//! Fact: under Wayland the window is drawn too. (Without the graphics card, as it is drawn under X11, it
//! would stay empty there.) The compositor is Weston, which draws on no screen.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::desk::program;
use crate::wait::{until, within};
use crate::world::{Process, World};

/// `--ink` of the light theme (`ui/styles/tokens.css`): letters have it, and no frame of a window.
const INK: &str = "#16191D";
const SOCKET: &str = "wayland-of-a-test";
const OPTIONS: [&str; 4] = [
    "--backend=headless-backend.so",
    "--use-pixman",
    // Else it lets nobody take a picture.
    "--debug",
    "--no-config",
];

#[test]
fn the_window_is_drawn_under_wayland() {
    let world = World::new();
    let mut weston = world.command("weston");
    weston.args(OPTIONS).arg(format!("--socket={SOCKET}")).stdin(Stdio::null());
    let _compositor = Process::spawn("weston", &mut weston);
    until("Weston", || world.root().join("run").join(SOCKET).exists().then_some(()));
    world.set("WAYLAND_DISPLAY", SOCKET);
    world.set("GDK_BACKEND", "wayland");
    world.set("NO_AT_BRIDGE", "1");
    let mut panel = Process::spawn("dagpass-panel", &mut world.command(program()));
    panel.stdout.wait_for("word that it is open", |text| text.contains("open").then_some(()));
    until("a drawn page", || colours(&world).contains(INK).then_some(()));
    panel.kill();
    world.close();
}

/// The colours of a picture of the screen; none where none could be taken.
fn colours(world: &World) -> String {
    let folder = world.root().join("tmp/wayland");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let mut camera = world.command("weston-screenshooter");
    let mut camera = Process::spawn("weston-screenshooter", camera.current_dir(&folder));
    // It waits for ever where the compositor has nothing to show yet.
    if within(Duration::from_secs(5), || camera.is_over().then_some(())).is_none() {
        camera.kill();
        return String::new();
    }
    let Some(picture) = fs::read_dir(&folder).unwrap().flatten().next() else {
        return String::new();
    };
    let mut count = world.command("convert");
    count.arg(picture.path()).args(["-format", "%c", "histogram:info:"]);
    Process::spawn("convert", &mut count).ended().expect(0).stdout
}
