//! Buses that are good, gone, mute, closed to us or another user's.

use std::os::unix::net::UnixListener;

use super::*;

fn path(text: &str) -> Socket {
    Socket::Path(PathBuf::from(text))
}

#[test]
fn the_one_that_served_comes_first_then_ours_then_the_folders_then_those_of_callers() {
    let known = |served: Option<&str>, told: &[&str]| Known {
        served: served.map(path),
        told: told.iter().map(|one| path(one)).collect(),
    };
    let folder = || Some(PathBuf::from("/run/bus"));
    for (own, known, expected) in [
        ("unix:path=/own", known(None, &["/b", "/a"]), vec!["/own", "/run/bus", "/b", "/a"]),
        ("unix:path=/run/bus", known(None, &["/run/bus"]), vec!["/run/bus"]),
        ("unix:path=/own", known(Some("/a"), &["/a"]), vec!["/a", "/own", "/run/bus"]),
        ("disabled:", known(None, &[]), vec!["/run/bus"]),
        ("autolaunch:", known(None, &[]), vec!["/run/bus"]),
        ("unix:path=/x;unix:path=/y", known(None, &[]), vec!["/x", "/y", "/run/bus"]),
    ] {
        let order = candidates(own, folder(), &known);
        let sockets: Vec<_> = order.iter().map(|one| one.socket.clone()).collect();
        assert_eq!(sockets, expected.iter().map(|one| path(one)).collect::<Vec<_>>(), "{own}");
        let ours = order.iter().filter(|one| one.own).count();
        assert_eq!(ours, super::sockets(own).len(), "{own}: only that may be another user's");
    }
    assert_eq!(candidates("", None, &known(None, &[])), []);
}

/// A listener that says this to whoever asks and hangs up; or that never says anything.
fn listener(place: &Path, says: Option<&'static str>) {
    let listener = UnixListener::bind(place).unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if let Some(says) = says {
                let asked = stream.read(&mut [0; 64]).unwrap();
                assert!(asked > 1, "a zero byte and a line");
                stream.write_all(says.as_bytes()).unwrap();
            } else {
                open.push(stream);
            }
        }
    });
}

fn search(places: &[&Path]) -> Search {
    let socket =
        |place: &&Path| Candidate { socket: Socket::Path(place.to_path_buf()), own: false };
    let waiting: Vec<_> = places.iter().map(socket).collect();
    Search {
        waiting: waiting.into_iter(),
        silent: Vec::new(),
        until: None,
        named: true,
        failures: Vec::new(),
    }
}

#[test]
fn a_bus_that_is_gone_or_mute_or_closed_to_us_is_passed_over_and_named() {
    let world = tempfile::tempdir().unwrap();
    let at = |name: &str| world.path().join(name);
    listener(&at("mute"), None);
    listener(&at("closed"), Some("REJECTED EXTERNAL\r\n"));
    listener(&at("curt"), Some(""));
    listener(&at("good"), Some("OK 1234deadbeef\r\n"));
    std::fs::write(at("file"), "").unwrap();
    let names = ["gone", "file", "mute", "closed", "curt", "good"].map(at);
    let mut search = search(&names.each_ref().map(PathBuf::as_path));
    let found = search.answering().unwrap();
    assert_eq!(found.socket, Socket::Path(at("good")), "{:?}", search.failures);
    assert!(search.answering().is_none(), "no other");
    let failures = search.failure().unwrap();
    for (name, why) in [
        ("gone", "No such file"),
        ("file", "refused"),
        ("mute", "it does not answer"),
        ("closed", "it does not let us in"),
        ("curt", "it closed the connection"),
    ] {
        let named = format!("unix:path={}: ", at(name).display());
        let after = failures.split_once(&named).map(|(_, after)| after).unwrap_or_default();
        let one = after.split("; ").next().unwrap();
        assert!(one.contains(why), "{name}: {failures}");
    }
}

#[test]
fn a_listener_whose_queue_is_full_holds_nobody_up() {
    let world = tempfile::tempdir().unwrap();
    let place = world.path().join("full");
    let flags = SocketFlags::CLOEXEC;
    let deaf =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
    rustix::net::bind(&deaf, &SocketAddrUnix::new(&place).unwrap()).unwrap();
    rustix::net::listen(&deaf, 0).unwrap();
    let candidate = Candidate { socket: Socket::Path(place.clone()), own: false };
    let mut waiting = Vec::new();
    while let Ok(stream) = open(&candidate) {
        waiting.push(stream);
    }
    assert!(search(&[&place]).answering().is_none());
}

#[test]
fn what_a_caller_tells_is_news_once_and_only_a_few_are_kept() {
    assert!(!told("disabled:"), "no socket");
    assert!(told("unix:path=/canary-1"));
    assert!(!told("unix:path=/canary-1"));
    for more in 2..9 {
        assert!(told(&format!("unix:path=/canary-{more}")));
    }
    assert_eq!(known().told.len(), REMEMBERED);
    assert_eq!(known().told[0], path("/canary-8"), "the newest first");
}
