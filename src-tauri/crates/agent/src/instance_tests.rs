//! Who may run, on real files and real locks.

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const SOCKET: &str = "/run/user/7/dagpass/agent.sock";
/// As the last release's agent left it.
const RELEASED: &str = include_str!("../../../../tests/cases/released/agent.lock");

fn at(world: &tempfile::TempDir) -> Folders {
    let lock = world.path().join("dagpass");
    Folders { state: lock.clone(), old: lock.clone(), lock }
}

/// As a shell whose `XDG_STATE_HOME` is another.
fn from_another_shell(world: &tempfile::TempDir) -> Folders {
    Folders { old: world.path().join("snap/dagpass"), ..at(world) }
}

fn publish(instance: &Instance) {
    instance.publish(Path::new(SOCKET), Path::new("/c.toml"), NOW).unwrap();
}

#[test]
fn the_second_agent_is_told_pid_and_socket_of_the_first() {
    let world = tempfile::tempdir().unwrap();
    let first = Instance::acquire(&at(&world)).unwrap();
    publish(&first);
    for folders in [at(&world), from_another_shell(&world)] {
        let refused = Instance::acquire(&folders).unwrap_err();
        let Refused::Taken(holder) = &refused else { panic!("{refused:?}") };
        assert_eq!((holder.pid, holder.config.as_str()), (std::process::id(), "/c.toml"));
        assert!(refused.to_string().contains(SOCKET), "{refused}");
    }
    drop(first);
    assert!(Instance::acquire(&at(&world)).is_ok());
}

#[test]
fn of_two_that_start_at_once_one_wins() {
    let world = tempfile::tempdir().unwrap();
    let gate = std::sync::Barrier::new(8);
    let taken: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|number| {
                let (gate, world) = (&gate, &world);
                scope.spawn(move || {
                    let folders =
                        if number % 2 == 0 { at(world) } else { from_another_shell(world) };
                    gate.wait();
                    let taken = Instance::acquire(&folders);
                    if let Ok(won) = &taken {
                        publish(won);
                    }
                    taken
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(taken.iter().filter(|one| one.is_ok()).count(), 1);
    let named = taken.iter().filter(|one| matches!(one, Err(Refused::Taken(_)))).count();
    assert_eq!(named, 7);
}

#[test]
fn a_dead_agents_record_goes_when_the_lock_is_taken() {
    let world = tempfile::tempdir().unwrap();
    let folders = at(&world);
    system::private_dir(&folders.lock).unwrap();
    let record = folders.lock.join(RECORD);
    let dead = InstanceRecord { pid: u32::MAX, socket: "/s".into(), ..InstanceRecord::default() };
    std::fs::write(&record, serde_json::to_vec(&dead).unwrap()).unwrap();
    assert_eq!(holder(&record), None);
    let mine = Instance::acquire(&folders).unwrap();
    assert!(!record.exists());
    publish(&mine);
    assert!(holder(&record).is_some());
}

/// The released agent's lock is the same call on the same file, in the folder its shell told it.
#[test]
fn an_agent_of_the_last_release_and_this_one_exclude_each_other() {
    let world = tempfile::tempdir().unwrap();
    let folders = from_another_shell(&world);
    let released = RELEASED.replace("3968", &std::process::id().to_string());
    for folder in [&folders.lock, &folders.old] {
        system::private_dir(folder).unwrap();
        let guard = File::create(folder.join(GUARD)).unwrap();
        guard.try_lock().unwrap();
        std::fs::write(folder.join(RECORD), &released).unwrap();
        let refused = Instance::acquire(&folders).unwrap_err();
        assert!(
            matches!(&refused, Refused::Taken(holder) if holder.version == "0.1.0"),
            "{refused}"
        );
        assert!(folder.join(RECORD).exists(), "a live agent's record was taken away");
    }
    let mine = Instance::acquire(&folders).unwrap();
    publish(&mine);
    for folder in [&folders.lock, &folders.old] {
        let guard = File::create(folder.join(GUARD)).unwrap();
        assert!(matches!(guard.try_lock(), Err(TryLockError::WouldBlock)), "{}", folder.display());
        assert_eq!(read(&folder.join(RECORD)).unwrap().pid, std::process::id());
    }
    drop(mine);
    assert!(!folders.lock.join(RECORD).exists() && !folders.old.join(RECORD).exists());
}

#[test]
fn one_folder_by_two_names_is_locked_once() {
    let world = tempfile::tempdir().unwrap();
    let folders = at(&world);
    #[cfg(unix)]
    std::os::unix::fs::symlink(world.path(), world.path().join("alias")).unwrap();
    #[cfg(windows)]
    std::fs::create_dir(world.path().join("alias")).unwrap();
    let folders = Folders { old: world.path().join("alias/dagpass"), ..folders };
    publish(&Instance::acquire(&folders).unwrap());
}

#[test]
fn an_old_place_that_cannot_be_made_keeps_nobody_from_starting() {
    let world = tempfile::tempdir().unwrap();
    std::fs::write(world.path().join("snap"), "a file").unwrap();
    assert!(Instance::acquire(&from_another_shell(&world)).is_ok());
    let state = world.path().join("snap/dagpass");
    let refused = Instance::acquire(&Folders { state: state.clone(), ..at(&world) }).unwrap_err();
    assert!(matches!(refused, Refused::Failed { folder, .. } if folder == state));
}

#[test]
fn the_folder_of_the_files_is_noted_where_it_is_not_the_locks() {
    let world = tempfile::tempdir().unwrap();
    drop(Instance::acquire(&at(&world)).unwrap());
    let note = at(&world).lock.join(NOTE);
    assert!(!note.exists());
    let state = world.path().join("data/dagpass");
    drop(Instance::acquire(&Folders { state: state.clone(), ..at(&world) }).unwrap());
    assert_eq!(std::fs::read_to_string(note).unwrap(), state.to_str().unwrap());
}

/// Machines are told apart on Linux alone.
#[cfg(target_os = "linux")]
mod of_another_machine {
    use super::*;

    fn record(folders: &Folders, host: &str) -> InstanceRecord {
        system::private_dir(&folders.lock).unwrap();
        let record = InstanceRecord { pid: 1, host: host.into(), ..InstanceRecord::default() };
        let text = serde_json::to_vec(&record).unwrap();
        std::fs::write(folders.lock.join(RECORD), text).unwrap();
        record
    }

    fn age(folders: &Folders, by: Duration) {
        let record = File::options().write(true).open(folders.lock.join(RECORD)).unwrap();
        record.set_modified(std::time::SystemTime::now() - by).unwrap();
    }

    #[test]
    fn a_lock_that_the_file_server_keeps_names_the_machine() {
        let world = tempfile::tempdir().unwrap();
        let folders = at(&world);
        record(&folders, "box7.example");
        let guard = File::create(folders.lock.join(GUARD)).unwrap();
        guard.try_lock().unwrap();
        let refused = Instance::acquire(&folders).unwrap_err().to_string();
        assert!(refused.contains("on the machine `box7.example` (pid 1)"), "{refused}");
    }

    #[test]
    fn a_record_that_was_written_lately_counts_where_no_lock_is_kept() {
        let world = tempfile::tempdir().unwrap();
        let folders = at(&world);
        let theirs = record(&folders, "box7.example");
        age(&folders, FRESH / 2);
        let refused = Instance::acquire(&folders).unwrap_err();
        assert!(matches!(&refused, Refused::Elsewhere(record) if *record == theirs), "{refused}");
        age(&folders, FRESH * 2);
        assert!(Instance::acquire(&folders).is_ok(), "a machine that crashed holds nobody up");
        record(&folders, &instance::host());
        assert!(Instance::acquire(&folders).is_ok(), "our own crash needs no waiting");
    }

    #[test]
    fn an_agent_that_was_replaced_ends_and_leaves_the_others_record() {
        let world = tempfile::tempdir().unwrap();
        let folders = at(&world);
        let mine = Instance::acquire(&folders).unwrap();
        publish(&mine);
        age(&folders, FRESH);
        assert_eq!(mine.records.beat(), None);
        let guard = File::options().write(true).open(folders.lock.join(GUARD)).unwrap();
        assert!(is_fresh(&folders.lock.join(RECORD), &guard).unwrap(), "it was not written anew");
        std::fs::remove_file(folders.lock.join(RECORD)).unwrap();
        assert_eq!(mine.records.beat(), None);
        assert!(folders.lock.join(RECORD).exists(), "a record that was removed is made again");
        let theirs = record(&folders, "box7.example");
        assert_eq!(mine.records.beat(), Some(theirs.clone()));
        drop(mine);
        assert_eq!(read(&folders.lock.join(RECORD)), Some(theirs));
    }
}
