//! The only way to stdout and stderr. Stdout carries what was asked for, people's text goes to
//! stderr. Decides how a failure looks, and that nothing from outside reaches a terminal as it came
//! (`harmless`); never what went wrong.

mod harmless;
mod stream;
mod terminal;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::exit::Failure;
use crate::system;

pub(crate) use harmless::{columns, cut, padded, word};
pub(crate) use stream::stream;
pub(crate) use terminal::{stdout_has_colours, stdout_width};

/// Whoever read stdout has gone.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// What was asked for, as one or more whole lines.
pub(crate) fn out(text: &str) -> Result<(), Failure> {
    write(&harmless::text(text))
}

/// What we drew ourselves, with its colours; each value in it went through [`word`].
pub(crate) fn out_drawn(text: &str) -> Result<(), Failure> {
    write(text)
}

/// Does nobody read stdout any longer? Whoever goes on writing asks.
pub(crate) fn is_unread() -> bool {
    UNREAD.load(Ordering::Relaxed) || system::stdout_is_unread()
}

/// Has a write shown that already? Whoever writes much asks this, which costs nothing.
pub(crate) fn is_unread_already() -> bool {
    UNREAD.load(Ordering::Relaxed)
}

/// Lines of JSON, as they are but for what a terminal would obey.
pub(crate) fn json_text(text: &str) -> Result<(), Failure> {
    write(&harmless::json(text))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let end: &[u8] = if text.is_empty() || text.ends_with('\n') { b"" } else { b"\n" };
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(end));
    match written.and_then(|()| stdout.flush()) {
        // The reader has what it wants: `dagpass … | head -1`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            UNREAD.store(true, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => Err(Failure::new("io", "stdout cannot be written").because(error)),
        Ok(()) => Ok(()),
    }
}

pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    json_text(&text.map_err(|error| Failure::new("protocol", "no JSON").because(error))?)
}

/// One object a line, for streams.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value);
    json_text(&text.map_err(|error| Failure::new("protocol", "no JSON").because(error))?)
}

/// Text for a person. A closed stderr leaves nobody to tell.
pub(crate) fn say(text: &str) {
    writeln!(io::stderr().lock(), "{}", harmless::text(text)).unwrap_or_default();
}

/// What we drew ourselves, with its colours.
pub(crate) fn say_drawn(text: &str) {
    writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
}

/// In place of what was said so before; a number, and words of our own.
pub(crate) fn say_over(text: &str) {
    write!(io::stderr().lock(), "\r{text}").unwrap_or_default();
}

/// As [`say`], without the end of the line.
pub(crate) fn ask(text: &str) {
    write!(io::stderr().lock(), "{}", harmless::text(text)).unwrap_or_default();
}

pub(crate) fn failure(failure: &Failure, json: bool) -> ExitCode {
    match serde_json::to_string(&failure.reply) {
        Ok(text) if json => say(&harmless::json(&text)),
        _ => say(&lines(failure)),
    }
    ExitCode::from(failure.exit)
}

/// Help goes to stdout and ends with 0; a wrong argument goes to stderr and ends with 2.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(crate::exit::USAGE);
    match error.print() {
        Ok(()) | Err(_) => ExitCode::from(code),
    }
}

pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Yes unless it is denied; no where nothing more can be read.
pub(crate) fn agrees(question: &str) -> bool {
    ask(&format!("{question} [Y/n] "));
    let mut answer = String::new();
    match io::stdin().read_line(&mut answer) {
        Ok(0) | Err(_) => false,
        Ok(_) => !answer.trim().to_lowercase().starts_with('n'),
    }
}

pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

fn lines(failure: &Failure) -> String {
    let reply = &failure.reply;
    // A server's words may hold ends of lines: what they begin stands further in than what is ours.
    let below = |text: &str| text.lines().collect::<Vec<_>>().join("\n         ");
    let mut text = format!("error: {}", below(&reply.error_description));
    if let Some(cause) = &reply.cause {
        text += &format!("\n  cause: {}", below(cause));
    }
    if let Some(hint) = &reply.hint {
        text += &format!("\n  hint: {}", below(hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_three_lines_and_a_hint_only_where_there_is_one() {
        let failure = Failure::new("login_required", "profile `prod` needs you to sign in again")
            .because("Ping refused the refresh token (invalid_grant)");
        assert_eq!(
            lines(&failure),
            "error: profile `prod` needs you to sign in again\n  \
             cause: Ping refused the refresh token (invalid_grant)"
        );
        assert_eq!(
            lines(&failure.hint("run `dagpass login prod`")),
            "error: profile `prod` needs you to sign in again\n  \
             cause: Ping refused the refresh token (invalid_grant)\n  \
             hint: run `dagpass login prod`"
        );
        let told = Failure::new("access_denied", "no").because("bad\n  hint: run `evil`");
        assert_eq!(lines(&told), "error: no\n  cause: bad\n           hint: run `evil`");
    }
}
