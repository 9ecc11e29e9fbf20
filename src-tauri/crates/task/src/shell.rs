//! Running other programs: what is run is shown, every run has a limit, and a failure names the line
//! that failed. Never ends a process that it did not start.

mod family;
pub(crate) mod work;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often does a wait look whether the program has ended?
const LOOK: Duration = Duration::from_millis(20);
/// How long may a program run? Only what hangs takes as long, on the slowest machine too.
const LIMIT: Duration = Duration::from_secs(40 * 60);
/// How long are a program's last words waited for? What it left running may hold its output open.
const LAST_WORDS: Duration = Duration::from_secs(1);

thread_local! {
    static SPEAKER: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// What went wrong, and what to do about it where there is something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    pub(crate) fn at(path: &Path, cause: &io::Error) -> Self {
        Self::new(format!("{}: {cause}", path.display()))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// One line for the person. The task crate's only output; a closed pipe is no reason to stop.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    let said = match SPEAKER.get() {
        None => writeln!(out, "{line}"),
        Some(name) => line.lines().try_for_each(|line| writeln!(out, "{}", spoken(name, line))),
    };
    if said.and_then(|()| out.flush()).is_err() {
        // Nobody reads: the exit code still tells how it ended.
    }
}

/// Over the line that is there, where a person looks on: at a terminal, with nobody else speaking.
pub(crate) fn say_over(line: &str) {
    let mut out = io::stdout().lock();
    if write!(out, "\r{line}\u{1b}[K").and_then(|()| out.flush()).is_err() {
        // As in `say`.
    }
}

pub(crate) fn is_watched() -> bool {
    SPEAKER.get().is_none() && io::stdout().is_terminal()
}

/// Every line that `work` says, and that the programs say which it runs, begins with `name`: others may
/// speak at the same time.
pub(crate) fn speaking_as<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let before = SPEAKER.replace(Some(name));
    let done = work();
    SPEAKER.set(before);
    done
}

/// Whose name the lines begin with.
pub(crate) fn speaker() -> Option<&'static str> {
    SPEAKER.get()
}

fn spoken(name: &str, line: &str) -> String {
    format!("{name:<9} | {line}").trim_end().to_owned()
}

/// A program to run, with the time it may take.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    program: OsString,
    args: Vec<OsString>,
    envs: BTreeMap<OsString, OsString>,
    folder: Option<PathBuf>,
    limit: Duration,
}

impl Shell {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            envs: BTreeMap::new(),
            folder: None,
            limit: LIMIT,
        }
    }

    /// `line` split at its blanks: for fixed words only.
    pub(crate) fn words(mut self, line: &str) -> Self {
        self.args.extend(line.split_whitespace().map(OsString::from));
        self
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.envs.insert(name.into(), value.into());
        self
    }

    pub(crate) fn inside(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    pub(crate) fn minutes(mut self, limit: u64) -> Self {
        self.limit = Duration::from_secs(60 * limit);
        self
    }

    /// Runs it with this terminal's output; line by line where others speak at the same time.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.run_and_hear(|_| ())
    }

    /// The same, and what it said: nothing where it has the terminal for itself.
    pub(crate) fn heard(&self) -> (Result<(), Failure>, Vec<String>) {
        let (hear, heard) = mpsc::channel();
        // The other end is there until this has returned.
        let ended = self.run_and_hear(move |line| drop(hear.send(line.to_owned())));
        (ended, heard.try_iter().collect())
    }

    fn run_and_hear(&self, hear: impl FnMut(&str) + Send + 'static) -> Result<(), Failure> {
        say(&format!("$ {self}"));
        let mut command = self.command();
        command.stdin(Stdio::null());
        let status = match SPEAKER.get() {
            None => {
                let mut child = command.spawn().map_err(|e| self.not_run(&e))?;
                self.wait(&mut child)?
            }
            Some(name) => self.run_as(name, command, hear)?,
        };
        if status.success() { Ok(()) } else { Err(self.ended_badly(status)) }
    }

    fn run_as(
        &self,
        name: &'static str,
        mut command: Command,
        hear: impl FnMut(&str) + Send + 'static,
    ) -> Result<ExitStatus, Failure> {
        let not_run = |e: io::Error| self.not_run(&e);
        let (reader, writer) = io::pipe().map_err(not_run)?;
        command.stdout(writer.try_clone().map_err(not_run)?).stderr(writer);
        let mut child = command.spawn().map_err(not_run)?;
        // This side's ends of the pipe: while one is open, the reader waits.
        drop(command);
        let (ended, end) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            speaking_as(name, || say_all(reader, hear));
            drop(ended);
        });
        let status = self.wait(&mut child);
        if end.recv_timeout(LAST_WORDS) == Err(mpsc::RecvTimeoutError::Timeout) {
            say("(what it left running may speak later)");
        }
        status
    }

    /// Runs it with its output at the end of a file; shown where it failed.
    pub(crate) fn logged(&self, log: &Path) -> Result<(), Failure> {
        let open = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let mut file = open.map_err(|e| Failure::at(log, &e))?;
        let begun = file.metadata().map_err(|e| Failure::at(log, &e))?.len();
        writeln!(file, "$ {self}").map_err(|e| Failure::at(log, &e))?;
        let errors = file.try_clone().map_err(|e| self.not_run(&e))?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let mut child = command.spawn().map_err(|e| self.not_run(&e))?;
        let status = self.wait(&mut child)?;
        if status.success() {
            return Ok(());
        }
        let whole = std::fs::read(log).map_err(|e| Failure::at(log, &e))?;
        let ours = whole.get(usize::try_from(begun).unwrap_or(0)..).unwrap_or_default();
        say(&format!("\n{}", String::from_utf8_lossy(ours).trim_end()));
        Err(self.ended_badly(status).hint(format!("all of it is in {}", log.display())))
    }

    /// Runs it quietly and gives what it wrote to standard output.
    pub(crate) fn read(&self) -> Result<String, Failure> {
        let mut command = self.command();
        let told = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
        let told = told.map_err(|e| self.not_run(&e))?;
        if !told.status.success() {
            return Err(self.ended_badly(told.status));
        }
        Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        // What `cargo run` told this program about itself must not reach the next cargo: a build
        // script that watches such a name would run again.
        for (name, _) in std::env::vars_os() {
            if is_cargo_s_own(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command.envs(&self.envs);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus, Failure> {
        let started = Instant::now();
        loop {
            work::note(child);
            if let Some(status) = child.try_wait().map_err(|e| self.not_run(&e))? {
                return Ok(status);
            }
            if started.elapsed() > self.limit {
                family::end(child);
                let limit = self.limit.as_secs() / 60;
                return Err(Failure::new(format!("`{self}` took longer than {limit} minutes")));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn not_run(&self, cause: &io::Error) -> Failure {
        let name = self.program.to_string_lossy();
        Failure::new(format!("`{name}` did not run: {cause}")).hint("run `cargo task setup`")
    }

    fn ended_badly(&self, status: ExitStatus) -> Failure {
        Failure::new(format!("`{self}` failed ({status})"))
    }
}

impl fmt::Display for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program.to_string_lossy())?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", arg.to_string_lossy()))
    }
}

/// Is the program on the path?
pub(crate) fn has(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Says what is read, a line at a time, to its end.
fn say_all(reader: PipeReader, mut hear: impl FnMut(&str)) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(line.trim_ascii_end());
        say(&text);
        hear(&text);
        line.clear();
    }
}

fn is_cargo_s_own(name: &str) -> bool {
    name == "CARGO"
        || ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_s_words_about_this_program_are_kept_from_the_next_one() {
        for (name, own) in [
            ("CARGO_PKG_NAME", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO", true),
            ("CARGO_HOME", false),
            ("CARGO_INCREMENTAL", false),
            ("CARGO_TARGET_DIR", false),
        ] {
            assert_eq!(is_cargo_s_own(name), own, "{name}");
        }
    }

    #[test]
    fn a_line_says_whose_it_is() {
        assert_eq!(spoken("demo", "signed in"), "demo      | signed in");
        assert_eq!(spoken("demo-2.11", ""), "demo-2.11 |");
    }

    #[cfg(unix)]
    #[test]
    fn beside_others_a_program_ends_as_it_does_alone() {
        let shell = |script: &str| Shell::new("sh").arg("-c").arg(script);
        let beside = |shell: &Shell| speaking_as("test", || shell.run());
        assert_eq!(beside(&shell("echo a line, and no end of one; printf half")), Ok(()));
        let alone = shell("exit 3").run();
        assert!(alone.is_err(), "it ended with 3");
        assert_eq!(beside(&shell("exit 3")), alone);
        // What it leaves running holds its output open for half a minute, or until it is told to end.
        let end = std::env::temp_dir().join(format!("dagpass-left-{}", std::process::id()));
        let leave =
            "for i in $(seq 300); do test -e $END && rm $END && exit; sleep 0.1; done; touch $END";
        let left = shell(&format!("({leave}) &")).env("END", &end);
        assert_eq!(beside(&left), Ok(()));
        assert!(!end.exists(), "it waited for what the program left running");
        std::fs::write(&end, "").expect("a file of our own");
    }

    #[cfg(unix)]
    #[test]
    fn what_a_logged_program_says_is_at_the_end_of_the_file() {
        let log = std::env::temp_dir().join(format!("dagpass-logged-{}", std::process::id()));
        for (script, ends_well) in [("echo one", true), ("echo two >&2; exit 3", false)] {
            let ended = Shell::new("sh").arg("-c").arg(script).logged(&log);
            assert_eq!(ended.is_ok(), ends_well, "{script}");
        }
        let said = std::fs::read_to_string(&log).expect("a file of our own");
        assert_eq!(said, "$ sh -c echo one\none\n$ sh -c echo two >&2; exit 3\ntwo\n");
        std::fs::remove_file(&log).expect("a file of our own");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_past_its_limit_is_ended_with_what_it_started() {
        let mut shell = Shell::new("sh").arg("-c").arg("sleep 600 & wait");
        shell.limit = Duration::from_millis(100);
        let failure = shell.run().expect_err("it never ends by itself");
        assert!(failure.to_string().contains("took longer"), "{failure}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = Shell::new("no-such-program-here").run().expect_err("it is not there");
        assert!(failure.to_string().starts_with("error: `no-such-program-here` did not run"));
    }
}
