//! The store over a real gnome-keyring on a private session bus.

use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Instant;

use dagpass_core::ports::RefreshTokenStore as _;
use rustix::process::{Pid, Signal, kill_process};
use secret_service::EncryptionType;
use secret_service::blocking::SecretService;

use super::fixture::session;
use super::stage::{Bus, PATIENCE, agent, key, on_stage, token, tool, until, world};
use super::thread::DEADLINE;
use super::*;

#[test]
fn a_session_is_read_by_another_process_and_survives_a_new_daemon() {
    on_stage(
        module_path!(),
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
    on_stage(
        module_path!(),
        "a_keyring_that_locks_later_is_told_at_once_and_loses_nothing",
        Bus::Private,
        async {
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
        },
    );
}

#[test]
fn a_bus_without_a_keyring_is_named_and_one_that_comes_later_is_used() {
    on_stage(
        module_path!(),
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
    on_stage(module_path!(), "no_session_bus_is_named", Bus::None, async {
        let refused = agent().readiness().await.unwrap_err();
        assert_eq!(refused, StoreFailure::Unavailable("no session bus".to_owned()));
        assert_eq!(agent().save(&key(), &session("t1", 1)).await, Err(refused));
    });
}

#[test]
fn a_stale_bus_address_is_named() {
    on_stage(module_path!(), "a_stale_bus_address_is_named", Bus::Stale, async {
        let refused = agent().readiness().await.unwrap_err();
        assert!(matches!(refused, StoreFailure::OutOfReach(_)), "{refused:?}");
        assert!(refused.to_string().contains("/gone: No such file"), "{refused}");
        assert_eq!(agent().save(&key(), &session("t1", 1)).await, Err(refused));
    });
}

#[test]
fn a_keyring_that_hangs_costs_the_deadline_and_serves_again_when_it_goes_on() {
    on_stage(
        module_path!(),
        "a_keyring_that_hangs_costs_the_deadline_and_serves_again_when_it_goes_on",
        Bus::Private,
        async {
            let daemon = Daemon::start();
            let agent = agent();
            agent.save(&key(), &session("t1", 1)).await.unwrap();
            daemon.send(Signal::STOP);
            let asked = Instant::now();
            assert_eq!(agent.readiness().await, Err(StoreFailure::TimedOut(DEADLINE)));
            assert!(asked.elapsed() < 4 * DEADLINE, "{:?}", asked.elapsed());
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
    on_stage(module_path!(), "eight_thousand_bytes_need_no_envelope_here", Bus::Private, async {
        let _daemon = Daemon::start();
        let long = "x".repeat(8_192);
        agent().save(&key(), &session(&long, 1)).await.unwrap();
        assert_eq!(token(&agent()).await, Ok(Some(long)));
        assert!(!world().join("dagpass/sealed/prod.sealed").exists());
    });
}

#[test]
fn of_several_records_for_one_key_the_newest_counts_and_one_is_left() {
    on_stage(
        module_path!(),
        "of_several_records_for_one_key_the_newest_counts_and_one_is_left",
        Bus::Private,
        async {
            let _daemon = Daemon::start();
            let prod = ["service", "dagpass", "username", "prod"];
            let record = |name: &str, count| {
                let plain = record::encode(&session(name, count)).unwrap();
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &*plain)
            };
            agent().save(&key(), &session("t1", 1)).await.unwrap();
            second_writer(&prod, "other", &record("t3", 3));
            second_writer(&prod, "target", &record("t2", 2));
            second_writer(&prod, "junk", "no record at all");
            assert_eq!(items(&prod), 4);
            assert_eq!(token(&agent()).await, Ok(Some("t3".to_owned())));
            assert_eq!(items(&prod), 1, "mended by reading");
            for theirs in ["other", "target", "junk"] {
                assert_eq!(items(&[&prod[..], &[theirs, "x"]].concat()), 0, "ours is kept");
            }

            second_writer(&prod, "junk", "no record at all");
            assert_eq!(agent().save(&key(), &session("t4", 4)).await, Ok(Saved::Kept));
            assert_eq!(items(&prod), 1, "and by writing");
            assert_eq!(token(&agent()).await, Ok(Some("t4".to_owned())));

            second_writer(&prod, "other", &record("t3", 3));
            agent().forget(&key()).await.unwrap();
            assert_eq!(items(&prod), 0, "all of them are forgotten");
            for attribute in ["a", "b"] {
                second_writer(&prod, attribute, "no record at all");
            }
            let refused = token(&agent()).await;
            assert!(matches!(refused, Err(StoreFailure::Corrupt(_))), "{refused:?}");
            assert_eq!(items(&prod), 2, "nothing is known that could take their place");
            second_writer(&["service", "dagpass", "username", "old"], "a", "x");
            second_writer(&["service", "dagpass", "username", "old"], "b", "x");
            agent().purge().await.unwrap();
            assert_eq!(items(&["service", "dagpass"]), 0);
        },
    );
}

/// A key, though no secret one.
const SECOND: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn of_two_sealing_keys_the_one_that_opens_the_file_is_used_and_none_goes() {
    on_stage(
        module_path!(),
        "of_two_sealing_keys_the_one_that_opens_the_file_is_used_and_none_goes",
        Bus::Private,
        async {
            let _daemon = Daemon::start();
            // No record fits into such a keychain: each goes into the file.
            let agent = || {
                let store = StoreChoice::Keychain;
                let chosen = Chosen { store, memory: Memory::Written, asked: None };
                let small = System { limit: 8, ..System::here() };
                KeychainStore::on(small, chosen, &world().join("dagpass"))
            };
            agent().save(&key(), &session("t1", 1)).await.unwrap();
            let names = ["service", "dagpass", "username", "#sealing-key"];
            for (attribute, secret) in [
                ("a", SECOND),
                ("b", "//////////////////////////////////////////8="),
                ("c", "no key"),
            ] {
                second_writer(&names, attribute, secret);
            }
            assert_eq!(token(&agent()).await, Ok(Some("t1".to_owned())));
            // As an agent leaves it that found the second one alone.
            let second = envelope::SealingKey::from_text(SECOND.as_bytes()).unwrap();
            let plain = record::encode(&session("t7", 7)).unwrap();
            let sealed = envelope::seal(&second, "other", &plain).unwrap();
            std::fs::write(world().join("dagpass/sealed/other.sealed"), sealed).unwrap();
            let other = agent().load(&SessionKey::of("other")).await.unwrap().session.unwrap();
            assert_eq!(other.generation, 7, "each file opens under its own");
            let again = agent();
            again.readiness().await.unwrap();
            again.save(&key(), &session("t2", 2)).await.unwrap();
            assert_eq!(token(&agent()).await, Ok(Some("t2".to_owned())));
            assert_eq!(items(&names), 4, "another folder may need what this one does not");
        },
    );
}

#[test]
fn a_damaged_sealing_key_is_made_anew() {
    on_stage(module_path!(), "a_damaged_sealing_key_is_made_anew", Bus::Private, async {
        let _daemon = Daemon::start();
        let names = ["service", "dagpass", "username", "#sealing-key"];
        second_writer(&names, "a", "no key");
        second_writer(&names, "b", "nor this");
        agent().readiness().await.unwrap();
        assert_eq!(items(&names), 1);
    });
}

#[test]
fn of_two_items_of_another_program_its_own_is_kept() {
    on_stage(
        module_path!(),
        "of_two_items_of_another_program_its_own_is_kept",
        Bus::Private,
        async {
            let _daemon = Daemon::start();
            let names = ["service", "airflowctl", "username", "api_token_production"];
            let account = || "api_token_production".to_owned();
            let items_of_airflowctl = ForeignItems::of_airflowctl();
            let token = || dagpass_core::token::AccessToken::new("jwt-1");
            items_of_airflowctl.write(account(), token()).await.unwrap();
            second_writer(&names, "application", "older");
            assert_eq!(items(&names), 2);
            items_of_airflowctl.write(account(), token()).await.unwrap();
            assert_eq!(items(&names), 1);
            let theirs = [&names[..], &["application", "x"]].concat();
            let seen = tool("secret-tool").arg("lookup").args(theirs).output().unwrap();
            assert_eq!(seen.stdout, b"jwt-1");
            second_writer(&names, "other", "older");
            items_of_airflowctl.remove(account()).await.unwrap();
            assert_eq!(items(&names), 0);
        },
    );
}

/// Another program's item of the same names, with an attribute of its own.
fn second_writer(names: &[&str], attribute: &str, secret: &str) {
    let mut writer = tool("secret-tool");
    writer.args(["store", "--label", "second"]).args(names).args([attribute, "x"]);
    let mut writer = writer.stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

fn items(names: &[&str]) -> usize {
    let found = tool("secret-tool").args(["search", "--all"]).args(names).output().unwrap();
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    text.lines().filter(|line| line.starts_with('[')).count()
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
