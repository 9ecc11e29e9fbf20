//! A person's desk: a world with a screen, an agent, a provider, and the window on it.

use std::path::PathBuf;

use crate::driver::Driver;
use crate::idp::{Family, Setting, chromium};
use crate::scene::Scene;
use crate::screen::Screen;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) scene: Scene,
    pub(crate) screen: Screen,
}

/// What makes every view show something.
const AIRFLOW: &str = "\n[connection.warehouse_api]\nprofile = \"prod\"\nconn-type = \"http\"\n\
    host = \"https://warehouse.corp.example\"\nscopes = [\"warehouse:read\"]\n\
    \n[connection.lake]\nprofile = \"prod\"\nconn-type = \"http\"\nhost = \"https://lake.corp.example\"\n\
    \n[connection.reports]\nprofile = \"prod\"\nconn-type = \"http\"\n\
    host = \"https://reports.corp.example\"\nobtain = \"sign-in\"\nscopes = [\"openid\", \"reports:read\"]\n\
    \n[airflow.prod]\nurl = \"https://airflow.corp.example\"\nroles-file = \"airflow-roles.json\"\n";
const ROLES: &str =
    r#"{"version": 1, "claim": "groups", "roles": {"Data Engineers": ["Op"], "Ops": ["Op"]}}"#;

impl Desk {
    /// An agent with a profile `prod`, nobody signed in, and a browser that signs in as Alice.
    pub(crate) fn set() -> Self {
        Self::in_world(World::new())
    }

    pub(crate) fn in_world(world: World) -> Self {
        let screen = Screen::start(&world);
        world.set("BROWSER", chromium(&world).to_str().unwrap());
        std::fs::write(world.root().join("airflow-roles.json"), ROLES).unwrap();
        let more = format!("session-lifetime = \"8h\"\n{AIRFLOW}");
        let scene = Scene::in_world(world, Setting::of(Family::PingOne), &more);
        scene.world.start_agent();
        Self { scene, screen }
    }

    pub(crate) fn window(&self, view: &str) -> Driver {
        Driver::open(&self.scene.world, &["--view", view], &[])
    }

    /// Every secret that was handed out or sent so far, each long enough to be no accident.
    pub(crate) fn secrets(&self) -> Vec<(String, Vec<u8>)> {
        self.scene.idp.give_secrets(&self.scene.world);
        let known = self.scene.world.secrets();
        let long = known.into_iter().filter(|secret| secret.value.len() >= 16);
        long.map(|secret| (secret.kind, secret.value.into_bytes())).collect()
    }

    /// Ends with the scan for every secret, over what the page saw too.
    pub(crate) fn close(self) {
        self.screen.sync();
        self.scene.close();
    }
}

/// Beside the other programs, as it is installed.
pub(crate) fn program() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_dagpass")).with_file_name("dagpass-panel");
    assert!(program.is_file(), "build it first: cargo build --package dagpass-panel");
    program
}
