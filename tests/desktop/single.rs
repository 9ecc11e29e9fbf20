//! Fact: there is one window a desktop. A second start brings it to the front with the view that was
//! asked for; where there is no screen, or no window installed, that is said in words.

use std::fs;

use crate::desk::Desk;
use crate::memory;
use crate::wait::until;
use crate::world::{Process, World, program};

#[test]
fn a_second_start_raises_the_first_and_switches_its_view() {
    let desk = Desk::set();
    let window = desk.window("sessions");
    window.wait_for("main section[data-view=sessions]");
    let panel = until("the window", || desk.screen.panels().first().copied());
    let over = desk.screen.cover();
    assert_eq!(desk.screen.stacked().last(), Some(&over));

    desk.scene.world.cli(&["panel", "activity"]).expect(0);
    until("the window in front", || (desk.screen.stacked().last() == Some(&panel)).then_some(()));
    until("the keys with it", || (desk.screen.active() == Some(panel)).then_some(()));
    window.wait_for("main section[data-view=activity]");
    assert_eq!(desk.screen.panels(), [panel], "a second window");
    let family = memory::family(window.process.pid());
    assert_eq!(memory::named("dagpass-panel", &family).len(), 1);
    window.close();
    desk.scene.world.close();
}

#[test]
fn it_comes_back_where_it_stood_and_as_large() {
    let desk = Desk::set();
    let window = desk.window("sessions");
    window.wait_for("main section[data-view=sessions]");
    window.resize(720, 540);
    let panel = until("the window", || desk.screen.panels().first().copied());
    let (_, _, width, height) = desk.screen.place(panel);
    desk.screen.close(panel);
    until("its end", || desk.screen.panels().is_empty().then_some(()));
    until("the size on disk", || fs::metadata(desk.scene.world.state().join("panel.json")).ok());
    window.close();

    desk.scene.world.cli(&["panel"]).expect(0);
    let panel = until("the window", || desk.screen.panels().first().copied());
    until("its old size", || {
        let (_, _, now_wide, now_high) = desk.screen.place(panel);
        ((now_wide, now_high) == (width, height)).then_some(())
    });
    desk.screen.close(panel);
    until("its end", || desk.screen.panels().is_empty().then_some(()));
    desk.scene.world.close();
}

#[test]
fn without_a_screen_or_without_the_program_it_says_so() {
    let world = World::with_bus();
    let failed = world.cli(&["panel"]).expect(1);
    assert!(failed.stderr.contains("there is no screen"), "{}", failed.stderr);
    assert!(failed.stderr.contains("dagpass status"), "{}", failed.stderr);
    world.set("DISPLAY", ":4711");
    let failed = world.cli(&["panel", "doctor"]).expect(1);
    assert!(failed.stderr.contains("cannot be reached"), "{}", failed.stderr);

    let alone = world.root().join("dagpass");
    program::copied(env!("CARGO_BIN_EXE_dagpass"), &alone);
    let ended = Process::spawn("dagpass panel", world.command(&alone).arg("panel")).ended();
    let failed = ended.expect(1);
    assert!(failed.stderr.contains("the window is not installed"), "{}", failed.stderr);
    fs::remove_file(alone).unwrap();
    world.cli(&["panel", "nowhere"]).expect(2);
    world.close();
}
