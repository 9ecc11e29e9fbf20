//! A private session bus for one test. The bus is named by the environment of the process, so each test
//! runs itself once more as a child of `dbus-run-session`, in a world of its own.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use dagpass_core::ports::RefreshTokenStore as _;

use super::*;

/// Set in the child only: the folder of its private world.
const STAGE: &str = "DAGPASS_KEYRING_STAGE";

/// How long may a daemon take to start on a busy machine?
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// No service folders: nothing is started by being asked for.
const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"#;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bus {
    Private,
    None,
    /// An address that nothing listens on: a logged-out session's.
    Stale,
}

pub(super) fn key() -> SessionKey {
    SessionKey::of("prod")
}

pub(super) fn world() -> PathBuf {
    PathBuf::from(std::env::var_os(STAGE).expect("only on the stage"))
}

pub(super) fn agent() -> KeychainStore {
    KeychainStore::open(StoreChoice::Keychain, &world().join("dagpass"))
}

pub(super) async fn token(store: &KeychainStore) -> Result<Option<String>, StoreFailure> {
    let loaded = store.load(&key()).await?;
    let token = loaded.session.and_then(|session| session.refresh_token);
    Ok(token.map(|token| token.expose().to_owned()))
}

/// In the child: runs the body. In the parent: runs the same test in a child with its own world.
pub(super) fn on_stage(module: &str, test: &str, bus: Bus, body: impl Future<Output = ()>) {
    if std::env::var_os(STAGE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(body);
    }
    let world = tempfile::tempdir().unwrap();
    let (home, run) = (world.path().join("home"), world.path().join("run"));
    fs::create_dir_all(home.join(".local/share/keyrings")).unwrap();
    crate::system::private_dir(&run).unwrap();
    let config = world.path().join("bus.conf");
    fs::write(&config, BUS_CONFIG).unwrap();
    let (_, module) = module.split_once("::").unwrap();
    let mut child = match bus {
        Bus::None | Bus::Stale => Command::new(std::env::current_exe().unwrap()),
        Bus::Private => {
            let mut session = tool("dbus-run-session");
            session.arg("--config-file").arg(&config).arg("--");
            session.arg(std::env::current_exe().unwrap());
            session
        }
    };
    child.env_remove("DBUS_SESSION_BUS_ADDRESS");
    if bus == Bus::Stale {
        child.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/gone", world.path().display()));
    }
    let ended = child
        .args([&format!("{module}::{test}"), "--exact", "--nocapture"])
        .env(STAGE, world.path())
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", &run)
        .env("XDG_DATA_HOME", home.join(".local/share"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(ended.status.success() && said.contains("1 passed"), "on the private bus:\n{said}");
}

/// A missing tool fails the test in one clear line.
pub(super) fn tool(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    assert!(found, "`{name}` is missing: install gnome-keyring, dbus and libsecret-tools");
    Command::new(name)
}

pub(super) async fn until<F: Future<Output = bool>>(reached: impl Fn() -> F) {
    tokio::time::timeout(PATIENCE, async {
        while !reached().await {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}
