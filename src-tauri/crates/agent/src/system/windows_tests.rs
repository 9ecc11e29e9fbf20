//! The pipe, private files and processes as Windows (or Wine) really has them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::net::windows::named_pipe::ClientOptions;

use super::*;

fn place(name: &str) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\dagpass-test-{}-{name}", std::process::id()))
}

#[test]
fn our_own_sid_is_a_sid() {
    assert!(own_sid().unwrap().starts_with("S-1-"));
}

#[tokio::test]
async fn a_peer_is_named_by_pid_start_and_executable() {
    let place = place("peer");
    let listener = LocalListener::bind(&place).unwrap();
    let _client = ClientOptions::new().open(&place).unwrap();
    let (_stream, peer) = listener.accept().await.unwrap();
    assert!(peer.is_ours());
    let peer = peer.examined();
    assert_eq!(peer.pid, Some(std::process::id()));
    let (seen, own) = (peer.executable.unwrap(), std::env::current_exe().unwrap());
    assert_eq!(seen.file_name(), own.file_name());
    assert!(process_alive(std::process::id(), peer.started_at));
    assert!(!process_alive(std::process::id(), peer.started_at.map(|mark| mark + 1)));
}

#[tokio::test]
async fn a_second_listener_of_the_same_name_is_refused_and_the_first_serves_on() {
    let place = place("twice");
    let listener = LocalListener::bind(&place).unwrap();
    assert!(LocalListener::bind(&place).is_err());
    for _ in 0..3 {
        let _client = ClientOptions::new().open(&place).unwrap();
        listener.accept().await.unwrap();
    }
}

#[test]
fn a_private_file_is_replaced_whole_and_leaves_nothing_beside_it() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("record");
    for text in ["old", "new"] {
        write_private(&path, text.as_bytes()).unwrap();
        assert_eq!(read_private(&path).unwrap(), text.as_bytes());
    }
    assert_eq!(std::fs::read_dir(world.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_end_of_a_process_is_noticed() {
    let mut child =
        Command::new("cmd").args(["/C", "set /p x="]).stdin(Stdio::piped()).spawn().unwrap();
    let (pid, started) = (child.id(), started_at(child.id()));
    assert!(process_alive(pid, started));
    child.kill().unwrap();
    child.wait().unwrap();
    tokio::time::timeout(Duration::from_secs(1), ended(pid, started)).await.unwrap();
}

/// A process that asks for itself by its number is judged by the access list like any other.
#[test]
fn a_hardened_process_lets_nobody_of_its_user_read_its_memory_and_can_still_be_seen_and_ended() {
    use windows_sys::Win32::System::Threading::{
        PROCESS_TERMINATE, PROCESS_VM_OPERATION, PROCESS_VM_READ, PROCESS_VM_WRITE,
    };

    harden().unwrap();
    assert!(shielded().is_ok());
    for (rights, opens) in [
        (PROCESS_VM_READ, false),
        (PROCESS_VM_WRITE | PROCESS_VM_OPERATION, false),
        (PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, true),
        (PROCESS_TERMINATE, true),
    ] {
        // SAFETY: a null handle says no; any other is ours to close.
        let handle = unsafe { OpenProcess(rights, 0, std::process::id()) };
        assert_eq!(!handle.is_null(), opens, "{rights:#x}");
        if !handle.is_null() {
            // SAFETY: as above.
            drop(unsafe { OwnedHandle::from_raw_handle(handle.cast()) });
        }
    }
    assert!(executable(std::process::id()).is_some(), "it still sees itself");
}
