//! What the kernel says of a process and of the machine, and ending what was started here.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;

/// How long may a program take to end once it was asked to?
const PATIENCE: Duration = Duration::from_secs(5);
/// `USER_HZ` is 100 on every Linux we know of (time(7)).
const MILLIS_A_TICK: u64 = 10;

/// A program that ends with this value.
#[derive(Debug)]
pub(crate) struct Daemon(Child);

impl Daemon {
    pub(crate) fn spawn(command: &mut Command) -> Outcome<Self> {
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(child.map_err(|error| format!("{name}: {error}"))?))
    }

    pub(crate) fn is_over(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// CPU so far, the children's included: oidc-agent is two processes.
    pub(crate) fn cpu(&self) -> Duration {
        self.family().into_iter().map(cpu).sum()
    }

    /// Resident and proportional size in MB; the latter is `None` where the system keeps it private.
    pub(crate) fn memory(&self) -> (f64, Option<f64>) {
        let family = self.family();
        let resident = family.iter().filter_map(|pid| kilobytes(*pid, "status", "VmRSS:")).sum();
        let shares = family.iter().map(|pid| kilobytes(*pid, "smaps_rollup", "Pss:"));
        (megabytes(resident), shares.sum::<Option<u64>>().map(megabytes))
    }

    fn family(&self) -> Vec<u32> {
        let own = self.0.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        std::iter::once(own).chain(children).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked first: both daemons tidy their socket, and oidc-agent ends its other half.
        let asked = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let asked = asked.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        let until = Instant::now() + PATIENCE;
        while asked && !self.is_over() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        if !self.is_over() && self.0.kill().and_then(|()| self.0.wait()).is_err() {
            crate::say(&format!("process {} could not be ended", self.0.id()));
        }
    }
}

/// The machine in one line: figures mean nothing without it.
pub(crate) fn machine() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "machine: {cores} x {}, load {load} at the start",
        model.map_or("CPU", |(_, name)| name)
    )
}

fn cpu(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 (proc(5)).
    let Some((_, rest)) = text.rsplit_once(')') else { return Duration::ZERO };
    let fields = rest.split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * MILLIS_A_TICK)
}

fn kilobytes(pid: u32, file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok())
}

fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 * 1024.0 / 1e6
}
