//! Fact: on a system without CA certificates, as a bare Debian is, a sign-in says what to install, and a
//! `ca-file` is enough instead.

use crate::certificates;
use crate::idp::{Family, Setting};
use crate::scene::Scene;
use crate::world::World;

#[test]
fn it_says_what_to_install_and_a_ca_file_is_enough() {
    let world = World::new();
    let none = world.root().join("no-certificates.pem");
    std::fs::write(&none, "").unwrap();
    world.set("SSL_CERT_FILE", none.to_str().unwrap());
    let made = certificates::make(world.root());
    let scene = Scene::in_world(world, Setting::of(Family::PingOne), "");
    scene.world.start_agent();
    let refused = scene.world.cli(&["login", "--device"]);
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("install `ca-certificates`"), "{}", refused.stderr);

    scene.world.configure(&scene.idp.config(&format!("ca-file = \"{}\"", made.ca.display())));
    scene.world.restart_agent();
    scene.sign_in();
    scene.close();
}
