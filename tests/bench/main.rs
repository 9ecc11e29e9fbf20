//! The benchmark: what a token costs here, beside Debian's `oidc-agent` in the same run and in
//! interleaved rounds. Prints figures and goals; never passes or fails, and never leaves loopback.
//! Run it by `cargo task bench`.

#[cfg(target_os = "linux")]
mod cold;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod policy;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod stage;
#[cfg(target_os = "linux")]
mod whole;

use std::io::Write;
use std::process::ExitCode;

/// What may go wrong is told and ends the run: a benchmark has no caller that could do better.
#[cfg(target_os = "linux")]
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    // `cargo test --all-targets` runs this program too, without the flag.
    if !std::env::args().any(|arg| arg == "--bench") {
        say("peers: a benchmark, not a test: run `cargo task bench`");
        return ExitCode::SUCCESS;
    }
    measured()
}

#[cfg(target_os = "linux")]
fn measured() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("peers: not measured: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn measured() -> ExitCode {
    say("peers: reads /proc, so Linux only: nothing was measured");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
fn measure() -> Outcome<()> {
    let started = std::time::Instant::now();
    say(&process::machine());
    let mut stage = stage::Stage::set()?;
    let mut peer = match peer::Peer::set(&stage) {
        Ok(peer) => Some(peer),
        Err(error) => {
            say(&format!("oidc-agent: not measured, because {error}"));
            None
        }
    };
    report::idle("idle after the first token", &stage, peer.as_ref());
    report::whole(&whole::rounds(&stage, peer.as_ref())?);
    report::load(&load::rounds(&stage, peer.as_ref())?);
    report::idle("idle after the load", &stage, peer.as_ref());
    report::policy(&policy::rounds(&mut stage)?);
    report::cold(&cold::rounds(&mut stage, peer.as_mut())?);
    say(&format!("\ntook {:.0} s", started.elapsed().as_secs_f64()));
    Ok(())
}

/// The one place that prints. A reader that has gone ends the run at the next line.
fn say(text: &str) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(1);
    }
}
