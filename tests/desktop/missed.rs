//! Fact: a window that was held up while the agent served more than waits for a slow reader is told
//! so, asks again, and shows what the record has, though nothing happens afterwards.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::desk::Desk;
use crate::memory;
use crate::wait::until;

/// Far more than a socket, the stream and the followers' queue hold: see `e2e/events.rs`.
const SERVED: usize = 600;

#[test]
fn what_a_held_up_window_missed_is_asked_for_again() {
    let desk = Desk::set();
    desk.scene.sign_in();
    let window = desk.window("activity");
    window.wait_for("[data-record]");
    window.run(
        "window.__missed = 0; await window.__TAURI__.event.listen('missed', () => { window.__missed += 1; });",
    );
    let panel = memory::named("dagpass-panel", &memory::family(window.process.pid()));
    let [panel] = panel[..] else { panic!("no single window: {panel:?}") };
    let held = Held::by(panel);
    for _ in 1..SERVED {
        let long = json!({ "context": { "task_id": "x".repeat(2000) } });
        assert_eq!(desk.scene.ask(&long).status, 200);
    }
    assert_eq!(desk.scene.ask(&json!({ "context": { "dag_id": "the_last_one" } })).status, 200);
    drop(held);
    until("word of what it missed", || {
        window.run("return window.__missed;").as_u64().filter(|missed| *missed > 0)
    });
    until("the last record", || {
        window.text("[data-record]").filter(|row| row.contains("the_last_one"))
    });
    window.close();
    desk.close();
}

/// A process that stands still until this is dropped.
struct Held(Pid);

impl Held {
    fn by(pid: u32) -> Self {
        let pid = Pid::from_raw(pid.cast_signed()).expect("a process");
        kill_process(pid, Signal::STOP).unwrap();
        Self(pid)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _gone_already = kill_process(self.0, Signal::CONT);
    }
}
