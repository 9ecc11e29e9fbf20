//! Fact: the encrypted file behind a passphrase is locked after each start, names that with its own exit
//! code, opens by `dagpass agent unlock` with the right passphrase alone, and serves from then on.

use std::io::Write;
use std::process::Stdio;

use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::{Ended, Process, World};

const LOCKED: i32 = 9;
const PASSPHRASE: &str = "correct-horse-canary-5512";

fn unlock(scene: &Scene, passphrase: &str) -> Ended {
    let mut command = scene.world.command(env!("CARGO_BIN_EXE_dagpass"));
    command.args(["agent", "unlock"]).stdin(Stdio::piped());
    let mut unlock = Process::spawn("dagpass agent unlock", &mut command);
    let mut stdin = unlock.stdin();
    writeln!(stdin, "{passphrase}").unwrap();
    drop(stdin);
    let ended = unlock.ended();
    scene.world.keep_text("stdout of dagpass agent unlock", &ended.stdout);
    scene.world.keep_text("stderr of dagpass agent unlock", &ended.stderr);
    ended
}

#[test]
fn it_is_locked_until_the_passphrase_is_given() {
    let more = "\n[store]\nkind = \"passphrase-file\"\n";
    let scene = Scene::in_world(World::bare(), Setting::of(Family::PingOne), more);
    scene.world.secret("the passphrase", PASSPHRASE);
    scene.world.start_agent();
    let refused = scene.world.cli(&["login", "--device"]).expect(LOCKED);
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    assert!(
        scene.idp.calls("endpoint=device_authorization").is_empty(),
        "nobody was asked to sign in"
    );

    // The first passphrase becomes the one.
    unlock(&scene, PASSPHRASE).expect(0);
    scene.sign_in();
    let token = scene.token();
    assert_eq!(scene.idp.call_api(&token), 200);

    scene.world.restart_agent();
    let refused = scene.world.token(&[]).expect_err("locked after a start").expect(LOCKED);
    assert!(refused.stderr.contains("dagpass agent unlock"), "{}", refused.stderr);
    unlock(&scene, "not the passphrase").expect(LOCKED);
    scene.world.token(&[]).expect_err("still locked").expect(LOCKED);
    let opened = unlock(&scene, PASSPHRASE).expect(0);
    assert!(opened.stderr.contains("the store is ok"), "{}", opened.stderr);
    let token = scene.world.token(&[]).expect("a token once it is open");
    assert_eq!(scene.idp.call_api(&token), 200);
    scene.close();
}
