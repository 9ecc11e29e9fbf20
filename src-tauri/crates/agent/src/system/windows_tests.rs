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
