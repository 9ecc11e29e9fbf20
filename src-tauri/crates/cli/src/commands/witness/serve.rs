//! Listening, on this machine alone, until told to end: what was begun by then is answered.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use serde::Serialize;

use super::cosign::Bench;
use super::folder::Folder;
use super::request;
use crate::exit::Failure;
use crate::world::World;
use crate::{output, system};

/// How many are attended at once? Others wait in the system's queue.
const AT_ONCE: usize = 8;
/// How often do we look whether we are told to end?
const LOOK: Duration = Duration::from_millis(50);

#[derive(Serialize)]
struct Standing {
    url: String,
    key: String,
}

pub(super) fn run(world: &World, folder: &Folder, listen: SocketAddr) -> Result<(), Failure> {
    if !listen.ip().is_loopback() {
        return Err(Failure::usage("a witness listens on this machine alone").hint(
            "give a loopback address, and put a TLS reverse proxy, `ssh -L` or `tailscale serve` before it",
        ));
    }
    let _alone = folder.lock()?;
    let cosigner = folder.begin(None)?;
    // What is damaged is told now, and not to whoever asks first.
    folder.held()?;
    let logs = folder.logs()?;
    let unheard = |error| {
        let failure = Failure::new("io", format!("{listen} cannot be listened at"));
        failure.because(error)
    };
    let listener = TcpListener::bind(listen).map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    let ended = system::told_to_end()
        .map_err(|error| Failure::new("io", "no word to end would be heard").because(error))?;
    let standing = Standing { url: format!("http://{address}"), key: cosigner.key().to_string() };
    if world.json {
        output::json_line(&standing)?;
    } else {
        output::say(&said(&standing, logs.len()));
    }
    let bench = Bench::new(Folder::named(Some(folder.path().to_owned()))?, cosigner);
    scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| work(&listener, &bench, ended));
        }
        while !ended.load(Ordering::SeqCst) {
            sleep(LOOK);
        }
        // Each that waits for somebody is woken by us.
        for _ in 0..AT_ONCE {
            drop(TcpStream::connect_timeout(&address, LOOK));
        }
    });
    output::say("ended");
    Ok(())
}

fn said(standing: &Standing, logs: usize) -> String {
    let Standing { url, key } = standing;
    let logs = match logs {
        0 => "no log is known yet: `dagpass witness add VKEY`".to_owned(),
        1 => "1 log is known".to_owned(),
        many => format!("{many} logs are known"),
    };
    format!(
        "cosigning at {url}; {logs}\n\nfor the config of whoever asks it:\n[[audit.witness]]\n\
         url = \"{url}\"\nkey = \"{key}\""
    )
}

fn work(listener: &TcpListener, bench: &Bench, ended: &AtomicBool) {
    loop {
        let accepted = listener.accept();
        if ended.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            // Whoever goes away, or is too slow, has had no answer: that is theirs to see.
            Ok((stream, _)) => drop(request::attend(&stream, |body| bench.answer(body))),
            Err(error) => {
                output::say(&format!("nobody can be heard: {error}"));
                sleep(LOOK);
            }
        }
    }
}
