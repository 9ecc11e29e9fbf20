//! Fact: a session that ended is told once, however many ask; the notice's own buttons sign in; DAG
//! parsing tells nobody; a session that ends soon is told once, and neither where the config says so.

use serde_json::{Value, json};

use crate::http;
use crate::idp::{Family, Setting};
use crate::notifier::Notifier;
use crate::scene::{Scene, user_code};
use crate::wait::{PATIENCE, until, within};
use crate::watcher::{Item, Watcher};
use crate::world::World;

/// A desktop with a panel and notices, and an agent in it.
struct Desk {
    scene: Scene,
    notifier: Notifier,
    item: Item,
    _watcher: Watcher,
}

impl Desk {
    fn new(access: u32, more: &str) -> Self {
        let world = World::new();
        let watcher = Watcher::start(&world.bus_address());
        let notifier = Notifier::start(&world.bus_address());
        let setting = Setting { access, ..Setting::of(Family::PingOne) };
        let scene = Scene::in_world(world, setting, more);
        scene.world.start_agent();
        let item = watcher.item();
        Self { scene, notifier, item, _watcher: watcher }
    }

    /// Ping ends the session, and the last token runs out.
    fn end_session(&self) {
        let token = self.scene.token();
        self.scene.idp.revoke_families();
        self.scene.wait_until_expired(&token);
    }

    fn close(self) {
        let shown = format!("{:#?}", self.notifier.all());
        self.scene.world.keep_text("what the desktop showed", &shown);
        self.scene.close();
    }
}

#[test]
fn twenty_callers_make_one_notice_and_its_button_leads_to_a_token() {
    let desk = Desk::new(3, "");
    desk.scene.sign_in();
    until("the person", || desk.item.labels().contains(&"Sign out".to_owned()).then_some(()));
    desk.end_session();
    let socket = desk.scene.world.socket();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let reply = http::on_socket(&socket, "POST", "/v1/token", "{}").unwrap();
                assert_eq!(reply.status, 401, "{}", reply.body);
            });
        }
    });
    let notice = desk.notifier.wait_for("Sign in to prod");
    // The first has a row of the menu at once, the others one together: later than all that could make another
    // notice.
    until("the callers in the menu", || {
        let rows = desk.item.labels();
        let failed = rows.iter().filter(|row| row.ends_with("· sign-in needed")).count();
        (failed == 2).then_some(())
    });
    let all = desk.notifier.all();
    assert_eq!(all.len(), 1, "{all:#?}");

    desk.notifier.click(&notice, "Use a code");
    let code = desk.notifier.wait_for("Enter ");
    let typed = user_code(&code.title).expect("a code in the title");
    assert!(code.text.starts_with("at http"), "{code:?}");
    assert!(code.actions.contains(&"Copy".to_owned()), "{code:?}");
    desk.scene.idp.approve(&typed);
    until("the person again", || {
        desk.item.tooltip().to_lowercase().contains("alice").then_some(())
    });
    assert_eq!(desk.scene.idp.call_api(&desk.scene.token()), 200);
    let gone = within(PATIENCE, || desk.notifier.all().iter().all(|one| !one.open).then_some(()));
    assert_eq!(gone, Some(()), "still shown: {:#?}", desk.notifier.all());
    desk.close();
}

#[test]
fn a_notice_is_withdrawn_when_somebody_signs_in_elsewhere() {
    let desk = Desk::new(300, "");
    until("the menu", || desk.item.labels().contains(&"Sign in".to_owned()).then_some(()));
    // A parse that finds nobody signed in tells nobody.
    let parse = json!({ "context": { "purpose": "dag-parse", "dag_id": "parsed" } });
    assert_eq!(desk.scene.ask(&parse).status, 401);
    until("the parse in the menu", || {
        desk.item.labels().iter().find(|row| row.contains("parsed")).cloned()
    });
    assert_eq!(desk.notifier.all(), []);

    assert_eq!(desk.scene.ask(&json!({})).status, 401);
    let notice = desk.notifier.wait_for("Sign in to prod");
    desk.scene.sign_in();
    until("it to go", || {
        let all = desk.notifier.all();
        all.iter().all(|one| one.id != notice.id || !one.open).then_some(())
    });
    assert_eq!(desk.notifier.all().len(), 1);
    desk.close();
}

#[test]
fn a_session_that_ends_soon_is_told_once() {
    let desk = Desk::new(300, "session-lifetime = \"903s\"");
    desk.scene.sign_in();
    let notice = desk.notifier.wait_for("prod ends at ");
    assert!(notice.actions.contains(&"Sign in".to_owned()), "{notice:?}");
    desk.scene.refreshed();
    until("the refresh in the menu", || {
        desk.item.labels().into_iter().find(|row| row.ends_with("· refresh"))
    });
    assert_eq!(desk.notifier.all().len(), 1);
    desk.close();
}

#[test]
fn what_the_config_does_not_want_is_not_shown() {
    let more = "session-lifetime = \"901s\"\n\n[notifications]\nenabled = false\n";
    let desk = Desk::new(3, more);
    desk.scene.sign_in();
    desk.end_session();
    assert_eq!(desk.scene.ask(&json!({})).status, 401);
    until("the caller in the menu", || {
        desk.item.labels().into_iter().find(|row| row.ends_with("· sign-in needed"))
    });
    assert_eq!(desk.notifier.all(), []);
    let on = json!({ "set": { "notifications.enabled": true } });
    let edited: Value = desk.scene.world.api("POST", "/v1/config/edit", &on).json();
    assert_eq!(edited["problems"], json!([]));
    assert_eq!(desk.scene.ask(&json!({})).status, 401);
    desk.notifier.wait_for("Sign in to prod");
    desk.close();
}
