//! The system's files and sockets as they really behave.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn private_world() -> tempfile::TempDir {
    let private = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().unwrap()
}

#[tokio::test]
async fn a_peer_is_named_by_uid_pid_start_and_executable() {
    let world = tempfile::tempdir().unwrap();
    let place = world.path().join("dagpass/agent.sock");
    let listener = LocalListener::bind(&place).unwrap();
    let _client = StdStream::connect(&place).unwrap();
    let (_stream, peer) = listener.accept().await.unwrap();
    assert!(peer.is_ours());
    let peer = peer.examined();
    assert_eq!(peer.pid, Some(std::process::id()));
    assert_eq!(peer.executable, Some(std::env::current_exe().unwrap().canonicalize().unwrap()));
    assert!(process_alive(std::process::id(), peer.started_at));
    assert!(!process_alive(std::process::id(), peer.started_at.map(|mark| mark + 1)));
}

#[test]
fn a_peer_without_a_uid_or_with_another_is_not_ours() {
    let other = own_uid().map(|uid| uid + 1);
    for uid in [None, other] {
        assert!(!Peer { uid, ..Peer::default() }.is_ours(), "{uid:?}");
    }
}

#[tokio::test]
async fn the_socket_is_0600_in_a_0700_folder_and_goes_with_its_listener() {
    let world = tempfile::tempdir().unwrap();
    let place = world.path().join("dagpass/agent.sock");
    let listener = LocalListener::bind(&place).unwrap();
    assert_eq!(mode(&place), 0o600);
    assert_eq!(mode(place.parent().unwrap()), 0o700);
    assert!(listener.is_reachable());
    drop(listener);
    assert!(!place.exists());
}

#[tokio::test]
async fn a_socket_made_anew_by_another_is_neither_ours_nor_removed() {
    let world = private_world();
    let place = world.path().join("agent.sock");
    let first = LocalListener::bind(&place).unwrap();
    fs::remove_file(&place).unwrap();
    assert!(!first.is_reachable());
    let second = LocalListener::bind(&place).unwrap();
    drop(first);
    assert!(second.is_reachable());
}

#[tokio::test]
async fn whatever_takes_a_sockets_place_away_is_told() {
    type Deed = fn(&Path, &Path);
    let world = private_world();
    let deeds: [Deed; 5] = [
        |place, _| fs::remove_file(place).unwrap(),
        |place, aside| fs::rename(place, aside).unwrap(),
        |place, aside| {
            fs::write(aside, "another").unwrap();
            fs::rename(aside, place).unwrap();
        },
        |place, _| fs::remove_dir_all(place.parent().unwrap()).unwrap(),
        |place, aside| fs::rename(place.parent().unwrap(), aside).unwrap(),
    ];
    let mut told = Vec::new();
    for (number, deed) in deeds.into_iter().enumerate() {
        let folder = world.path().join(number.to_string());
        let place = folder.join("dagpass/agent.sock");
        let listener = LocalListener::bind(&place).unwrap();
        let lost = tokio::spawn(listener.lost());
        // It waits by now, and what leaves the socket where it is does not end that.
        tokio::task::yield_now().await;
        fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        tokio::task::yield_now().await;
        deed(&place, &folder.join("aside"));
        told.push((listener, lost));
    }
    for (listener, lost) in told {
        // Long before it would be looked at anyway.
        tokio::time::timeout(Duration::from_secs(30), lost).await.unwrap().unwrap();
        assert!(!listener.is_reachable());
    }
}

#[tokio::test]
async fn only_a_dead_socket_of_ours_is_replaced() {
    let world = private_world();
    let dead = world.path().join("dead.sock");
    drop(StdListener::bind(&dead).unwrap());
    assert!(LocalListener::bind(&dead).is_ok());

    let living = world.path().join("living.sock");
    let _answers = StdListener::bind(&living).unwrap();
    let refused = LocalListener::bind(&living).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);

    let file = world.path().join("file");
    fs::write(&file, "somebody's").unwrap();
    let link = world.path().join("link");
    symlink(&dead, &link).unwrap();
    for taken in [&file, &link] {
        let refused = LocalListener::bind(taken).unwrap_err();
        assert!(refused.to_string().contains("not a socket"), "{refused}");
        assert!(fs::symlink_metadata(taken).is_ok());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's");
}

#[tokio::test]
async fn a_socket_for_others_takes_the_place_of_a_link_and_never_follows_it() {
    let world = private_world();
    let folder = world.path().join("etl");
    mounted_dir(&folder).unwrap();
    assert_eq!(mode(&folder), 0o711);
    let (place, ours) = (folder.join("agent.sock"), world.path().join("ours"));
    write_private(&ours, b"mine").unwrap();
    for _ in 0..2 {
        symlink(&ours, &place).unwrap();
        let listener = LocalListener::bind_mounted(&place).unwrap();
        assert!(listener.is_reachable());
        assert_eq!((mode(&place), mode(&ours)), (0o666, 0o600));
        StdStream::connect(&place).unwrap();
        drop(listener);
        symlink(&ours, folder.join("capability")).unwrap();
        write_mounted(&folder.join("capability"), b"new").unwrap();
        assert_eq!((mode(&folder.join("capability")), mode(&ours)), (0o644, 0o600));
        fs::remove_file(folder.join("capability")).unwrap();
    }
    assert_eq!(fs::read_to_string(&ours).unwrap(), "mine");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 2, "nothing is left beside it");
}

#[tokio::test]
async fn a_path_past_the_limit_is_refused_with_both_lengths() {
    let world = tempfile::tempdir().unwrap();
    let refused = LocalListener::bind(&world.path().join("x".repeat(200))).unwrap_err();
    let most = (process::SOCKET_PATH_LIMIT - 1).to_string();
    assert!(refused.to_string().contains(&most), "{refused}");
}

#[test]
fn a_folder_open_to_others_is_tightened_only_where_nobody_else_minds() {
    let world = tempfile::tempdir().unwrap();
    for (name, holds, tightened) in
        [("dagpass", Some("x"), true), ("empty", None, true), ("home", Some("x"), false)]
    {
        let folder = world.path().join(name);
        fs::create_dir(&folder).unwrap();
        if let Some(file) = holds {
            fs::write(folder.join(file), "").unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(private_dir(&folder).is_ok(), tightened, "{name}");
        assert_eq!(mode(&folder), if tightened { 0o700 } else { 0o755 }, "{name}");
    }
    let link = world.path().join("to-dagpass");
    symlink(world.path().join("dagpass"), &link).unwrap();
    assert!(private_dir(&link).is_err(), "a link is not a folder of ours");
}

#[test]
fn a_private_file_is_replaced_whole_and_leaves_nothing_beside_it() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("record");
    for write in [write_private, write_passing, settle_private] {
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (b"new".as_slice(), 0o600));
        assert_eq!(fs::read_dir(world.path()).unwrap().count(), 1);
        assert!(write(&world.path().join("no/such"), b"x").is_err());
    }
}

#[test]
fn a_file_that_says_it_already_is_left_alone_unless_others_may_read_it() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("record");
    let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
    settle_private(&path, b"same").unwrap();
    let first = inode();
    settle_private(&path, b"same").unwrap();
    assert_eq!(inode(), first);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    settle_private(&path, b"same").unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn the_end_of_a_process_is_noticed_before_it_is_reaped() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let (pid, started) = (child.id(), started_at(child.id()));
    let watch = tokio::spawn(ended(pid, started));
    tokio::task::yield_now().await;
    assert!(!watch.is_finished());
    child.kill().unwrap();
    tokio::time::timeout(Duration::from_secs(1), watch).await.unwrap().unwrap();
    assert!(!process_alive(pid, started));
    child.wait().unwrap();
    tokio::time::timeout(Duration::from_secs(1), ended(pid, started)).await.unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_owner_of_a_loopback_connection_is_visible() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(tcp_peer_uid(server.local_addr().unwrap(), peer), own_uid());
    let local = server.local_addr().unwrap();
    drop((client, server));
    // A child that another test starts holds what is open until it is another program.
    let end = Instant::now() + Duration::from_secs(10);
    while tcp_peer_uid(local, peer).is_some() {
        assert!(Instant::now() < end, "nobody holds it any more");
        std::thread::yield_now();
    }
}
