//! Fact: with `keychain-item` the agent writes the item that `airflowctl` reads into a real keyring,
//! in the place of one that is there, renews it before its JWT ends, and removes it at the sign-out.

use crate::deployment::{Deployment, jwt};
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::wait::until;
use crate::world::{Process, World};

const ITEM: [&str; 4] = ["service", "airflowctl", "username", "api_token_production"];

fn secret_tool(world: &World, args: &[&str], input: &str) -> String {
    let mut command = world.command("secret-tool");
    command.args(args).args(ITEM).stdin(std::process::Stdio::piped());
    let mut tool = Process::spawn("secret-tool", &mut command);
    std::io::Write::write_all(&mut tool.stdin(), input.as_bytes()).unwrap();
    tool.ended().stdout
}

#[test]
fn the_item_is_there_while_signed_in_and_always_fresh() {
    let deployment = Deployment::start(6);
    let config = format!("{}keychain-item = \"production\"\n", deployment.config());
    let scene = Scene::configured(Setting::of(Family::PingOne), &config);
    // As Python's keyring leaves it after `airflowctl auth login`.
    let store = ["store", "--label=by python", "application", "Python keyring library"];
    secret_tool(&scene.world, &store, "of an earlier day");
    let found = || secret_tool(&scene.world, &["lookup"], "");
    assert_eq!(found(), "of an earlier day", "nobody is signed in yet");

    scene.sign_in();
    until("the item", || (found() == jwt(1)).then_some(()));
    let all = secret_tool(&scene.world, &["search", "--all"], "");
    assert_eq!(all.matches("secret = ").count(), 1, "one item, not two");
    until("the next JWT in it", || (found() == jwt(2)).then_some(()));
    let status = scene.world.cli(&["status"]).expect(0).stdout;
    assert!(status.contains("  keychain item airflowctl, api_token_production\n"), "{status}");
    let ledger = std::fs::read_to_string(scene.world.state().join("ledger.jsonl")).unwrap();
    assert!(ledger.contains(r#""context":{"keychain_item":"api_token_production"}"#), "{ledger}");

    scene.world.cli(&["logout"]).expect(0);
    assert_eq!(found(), "", "removed with the session");
    deployment.give_secrets(&scene.world);
    scene.close();
}
