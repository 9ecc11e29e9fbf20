//! The store over a real gnome-keyring on a private session bus. The bus is named by the environment of
//! the process, so each test runs itself once more as a child of `dbus-run-session`.

use std::fs;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use secret_service::EncryptionType;
use secret_service::blocking::SecretService;

use super::fixture::session;
use super::thread::DEADLINE;
use super::*;

/// Set in the child only: the folder of its private world.
const STAGE: &str = "DAGPASS_KEYRING_STAGE";

/// How long may a daemon take to start on a busy machine?
const PATIENCE: Duration = Duration::from_secs(20);

/// No service folders: nothing is started by being asked for.
const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bus {
    Private,
    None,
    /// An address that nothing listens on: a logged-out session's.
    Stale,
}

#[test]
fn a_session_is_read_by_another_process_and_survives_a_new_daemon() {
    on_stage(
        "a_session_is_read_by_another_process_and_survives_a_new_daemon",
        Bus::Private,
        async {
            let daemon = Daemon::start();
            let agent = agent();
            agent.readiness().await.unwrap();
            // In a task, as the agent does it: the Secret Service store itself would panic there.
            let saved = tokio::spawn(async move {
                agent.save(&key(), &session("t1", 1)).await.map(|saved| (agent, saved))
            });
            let (agent, saved) = saved.await.unwrap().unwrap();
            assert_eq!(saved, Saved::Kept);
            let seen = tool("secret-tool")
                .args(["lookup", "service", "dagpass", "username", "prod"])
                .output()
                .unwrap();
            assert!(!seen.stdout.is_empty(), "secret-tool sees the item");
            drop(daemon);
            let _daemon = Daemon::start();
            // The old connection answers `NoSession` for ever; the store makes a new one.
            assert_eq!(token(&agent).await, Ok(Some("t1".to_owned())));
            assert_eq!(token(&self::agent()).await, Ok(Some("t1".to_owned())));
            agent.forget(&key()).await.unwrap();
            assert_eq!(token(&self::agent()).await, Ok(None));
        },
    );
}

#[test]
fn a_keyring_that_locks_later_is_told_at_once_and_loses_nothing() {
    on_stage("a_keyring_that_locks_later_is_told_at_once_and_loses_nothing", Bus::Private, async {
        let daemon = Daemon::start();
        let agent = agent();
        agent.save(&key(), &session("t1", 1)).await.unwrap();
        lock_default_collection();
        let asked = Instant::now();
        let refused = agent.readiness().await;
        assert!(matches!(refused, Err(StoreFailure::Locked(_))), "{refused:?}");
        assert!(asked.elapsed() < DEADLINE, "no prompt was waited for");
        assert_eq!(agent.health().state, HealthState::Locked);
        assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Fallback));
        assert_eq!(token(&agent).await, Ok(Some("t2".to_owned())));
        let late = token(&self::agent()).await;
        assert!(matches!(late, Err(StoreFailure::Locked(_))), "{late:?}");
        drop(daemon);
        let _unlocked = Daemon::start();
        assert_eq!(token(&self::agent()).await, Ok(Some("t2".to_owned())));
        assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Kept));
        assert_eq!(agent.health().state, HealthState::Ok);
    });
}

#[test]
fn a_bus_without_a_keyring_is_named_and_one_that_comes_later_is_used() {
    on_stage(
        "a_bus_without_a_keyring_is_named_and_one_that_comes_later_is_used",
        Bus::Private,
        async {
            let agent = agent();
            let refused = agent.readiness().await.unwrap_err();
            assert!(refused.to_string().contains("no Secret Service"), "{refused}");
            assert!(agent.save(&key(), &session("t1", 1)).await.is_err());
            let _daemon = Daemon::start();
            agent.readiness().await.unwrap();
            assert_eq!(agent.save(&key(), &session("t1", 1)).await, Ok(Saved::Kept));
        },
    );
}

#[test]
fn no_session_bus_is_named() {
    on_stage("no_session_bus_is_named", Bus::None, no_bus());
}

#[test]
fn a_stale_bus_address_is_named() {
    on_stage("a_stale_bus_address_is_named", Bus::Stale, no_bus());
}

async fn no_bus() {
    let refused = agent().readiness().await.unwrap_err();
    assert!(matches!(refused, StoreFailure::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("no session bus"), "{refused}");
    assert_eq!(agent().save(&key(), &session("t1", 1)).await, Err(refused));
}

#[test]
fn a_keyring_that_hangs_costs_the_deadline_and_serves_again_when_it_goes_on() {
    on_stage(
        "a_keyring_that_hangs_costs_the_deadline_and_serves_again_when_it_goes_on",
        Bus::Private,
        async {
            let daemon = Daemon::start();
            let agent = agent();
            agent.save(&key(), &session("t1", 1)).await.unwrap();
            daemon.send(Signal::STOP);
            let asked = Instant::now();
            assert_eq!(agent.readiness().await, Err(StoreFailure::TimedOut(DEADLINE)));
            assert!(asked.elapsed() < DEADLINE + Duration::from_secs(1), "{:?}", asked.elapsed());
            assert_eq!(agent.save(&key(), &session("t2", 2)).await, Ok(Saved::Fallback));
            daemon.send(Signal::CONT);
            until(|| async { agent.readiness().await.is_ok() }).await;
            assert_eq!(token(&agent).await, Ok(Some("t2".to_owned())));
            assert_eq!(agent.save(&key(), &session("t3", 3)).await, Ok(Saved::Kept));
            assert_eq!(token(&self::agent()).await, Ok(Some("t3".to_owned())));
        },
    );
}

#[test]
fn eight_thousand_bytes_need_no_envelope_here() {
    on_stage("eight_thousand_bytes_need_no_envelope_here", Bus::Private, async {
        let _daemon = Daemon::start();
        let long = "x".repeat(8_192);
        agent().save(&key(), &session(&long, 1)).await.unwrap();
        assert_eq!(token(&agent()).await, Ok(Some(long)));
        assert!(!world().join("dagpass/sealed/prod.sealed").exists());
    });
}

fn key() -> SessionKey {
    SessionKey::of("prod")
}

fn world() -> PathBuf {
    PathBuf::from(std::env::var_os(STAGE).expect("only on the stage"))
}

fn agent() -> KeychainStore {
    KeychainStore::open(StoreChoice::Keychain, &world().join("dagpass"))
}

async fn token(store: &KeychainStore) -> Result<Option<String>, StoreFailure> {
    let loaded = store.load(&key()).await?;
    let token = loaded.session.and_then(|session| session.refresh_token);
    Ok(token.map(|token| token.expose().to_owned()))
}

/// In the child: runs the body. In the parent: runs the same test in a child with its own world.
fn on_stage(test: &str, bus: Bus, body: impl Future<Output = ()>) {
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
    let (_, module) = module_path!().split_once("::").unwrap();
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
fn tool(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    assert!(found, "`{name}` is missing: install gnome-keyring, dbus and libsecret-tools");
    Command::new(name)
}

/// gnome-keyring with its login keyring unlocked. Ends with this value.
struct Daemon(Child);

impl Daemon {
    fn start() -> Self {
        let mut child = tool("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"pw").unwrap();
        let daemon = Self(child);
        let since = Instant::now();
        while !default_collection_is_open() {
            assert!(since.elapsed() < PATIENCE, "gnome-keyring-daemon did not come up");
            std::thread::yield_now();
        }
        daemon
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The Secret Service's blocking calls start a runtime of their own, hence the thread.
fn ask<T: Send>(question: impl FnOnce(&SecretService<'_>) -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let service = SecretService::connect(EncryptionType::Plain).ok()?;
            Some(question(&service))
        });
        asked.join().unwrap()
    })
}

fn default_collection_is_open() -> bool {
    let open = ask(|service| {
        service
            .get_default_collection()
            .is_ok_and(|collection| collection.is_locked().is_ok_and(|locked| !locked))
    });
    open == Some(true)
}

fn lock_default_collection() {
    ask(|service| service.get_default_collection().unwrap().lock().unwrap()).unwrap();
}

async fn until<F: Future<Output = bool>>(reached: impl Fn() -> F) {
    tokio::time::timeout(PATIENCE, async {
        while !reached().await {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}
