//! Fact: where no agent runs the window says so and starts one; where there is no tenant the sandbox
//! takes a newcomer to a signed-in session.

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::driver::Driver;
use crate::screen::Screen;
use crate::wait::until;
use crate::world::World;

#[test]
fn an_agent_that_is_away_is_told_and_found_again() {
    let desk = Desk::set();
    let window = desk.window("sessions");
    window.wait_for("section[data-view=sessions] [data-profile=prod]");
    window.run(
        "window.stood = []; await window.__TAURI__.event.listen('agent', (e) => stood.push(e.payload.state));",
    );
    desk.scene.world.stop_agent();
    until("word of its end", || (window.run("return stood.at(-1);") == "down").then_some(()));
    let refused = window.invoke("status", &json!({})).unwrap_err();
    assert!(refused.contains("agent_not_running"), "{refused}");
    window.invoke("start_agent", &json!({})).unwrap();
    until("word of its start", || (window.run("return stood.at(-1);") == "up").then_some(()));
    assert_eq!(window.invoke("status", &json!({})).unwrap()["profiles"][0]["name"], "prod");
    window.close();
    desk.scene.world.api("POST", "/v1/agent/stop", &json!({}));
    desk.scene.world.close();
}

#[test]
fn the_sandbox_takes_a_newcomer_from_nothing_to_signed_in() {
    let world = World::new();
    let screen = Screen::start(&world);
    world.configure("# mine\n");
    let window = Driver::open(&world, &[], &[]);
    window.click("[data-action=start-agent]");
    window.wait_for("section[data-view=welcome]");
    window.click("[data-action=sandbox]");
    window.wait_for("section[data-view=sessions] [data-profile=sandbox] [data-action=sign-out]");
    let status = window.invoke("status", &json!({})).unwrap();
    assert_eq!(status["profiles"][0]["name"], "sandbox");
    assert_eq!(status["profiles"][0]["state"], "signed_in");
    world.token(&["sandbox"]).expect("signed in");
    let config = std::fs::read_to_string(world.root().join("config.toml")).unwrap();
    assert!(config.contains("# mine\n"), "{config}");
    // A second click finds the one that runs.
    let issuer = status["profiles"][0]["issuer"].clone();
    assert_eq!(window.invoke("start_sandbox", &json!({})), Ok(Value::Null));
    let again = window.invoke("status", &json!({})).unwrap();
    assert_eq!(again["profiles"][0]["issuer"], issuer);
    window.close();
    screen.sync();
    world.api("POST", "/v1/agent/stop", &json!({}));
    world.close();
}
