//! Questions to the person at the terminal. Where nobody sits there, the flag that answers is named.

use std::io::BufRead;

use crate::exit::Failure;
use crate::output;

/// One line, trimmed; empty where that is what was typed. Whoever ends the input (Ctrl-D) has not answered.
pub(crate) fn answer(question: &str, flag: &str) -> Result<String, Failure> {
    require_person(flag)?;
    output::ask(question);
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match read.map_err(|error| Failure::new("io", "stdin cannot be read").because(error))? {
        0 => Err(Failure::new("not_taken", "nothing was answered, and nothing is changed")),
        _ => Ok(line.trim().to_owned()),
    }
}

/// Anything but a plain yes is a no.
pub(crate) fn agreed(question: &str) -> Result<bool, Failure> {
    let said = answer(&format!("{question} [y/N] "), "--yes")?;
    Ok(matches!(said.to_lowercase().as_str(), "y" | "yes"))
}

pub(crate) fn require_person(flag: &str) -> Result<(), Failure> {
    if output::stdin_is_terminal() {
        return Ok(());
    }
    Err(Failure::usage("there is nobody to ask").hint(format!("give {flag}")))
}
