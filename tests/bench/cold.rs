//! Cold start: from spawn to a socket that takes a connection, and to the first token. Ours reads its
//! key file and refreshes; the peer decrypts its account and refreshes.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::figures::Samples;
use crate::peer::Peer;
use crate::process::Daemon;
use crate::stage::Stage;

/// How many starts of each?
const ROUNDS: usize = 15;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) name: &'static str,
    pub(crate) socket: Samples,
    pub(crate) token: Samples,
}

/// Ends both daemons and starts them anew, one after the other.
pub(crate) fn rounds(stage: &mut Stage, mut peer: Option<&mut Peer>) -> Outcome<Vec<Cold>> {
    stage.agent = None;
    if let Some(peer) = peer.as_deref_mut() {
        peer.agent = None;
    }
    let cold = |name| Cold { name, socket: Samples::default(), token: Samples::default() };
    let (mut ours, mut theirs) = (cold("dagpass-agent"), cold("oidc-agent"));
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let agent = Daemon::spawn(&mut stage.agent_command())?;
        ours.socket.add(answers(&stage.socket(), started)?);
        stage.token()?;
        ours.token.add(started.elapsed());
        drop(agent);
        if let Some(peer) = peer.as_deref() {
            let started = Instant::now();
            let agent = Daemon::spawn(&mut peer.agent_command())?;
            theirs.socket.add(answers(&peer.socket(), started)?);
            peer.unlock()?;
            asked(&peer.socket())?;
            theirs.token.add(started.elapsed());
            drop(agent);
        }
    }
    Ok([ours, theirs].into_iter().filter(|one| one.socket.len() > 0).collect())
}

fn answers(socket: &Path, started: Instant) -> Outcome<Duration> {
    while UnixStream::connect(socket).is_err() {
        if started.elapsed() > PATIENCE {
            return Err(format!("{} did not answer", socket.display()).into());
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(started.elapsed())
}

fn asked(socket: &Path) -> Outcome<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&Peer::request())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.contains("access_token") { Ok(()) } else { Err("oidc-agent gave no token".into()) }
}
