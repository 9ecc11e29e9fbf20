//! What stdout is: how wide a terminal, and whether it takes colours. Decides neither what is shown nor
//! how.

use std::io::{self, IsTerminal};

use terminal_size::{Width, terminal_size_of};

use crate::system;

fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// In columns. `None`: no terminal, or one that does not tell.
pub(crate) fn stdout_width() -> Option<usize> {
    let width = terminal_size_of(io::stdout()).filter(|_| stdout_is_terminal());
    width.map(|(Width(columns), _)| usize::from(columns)).filter(|columns| *columns > 0)
}

/// A terminal that is not told to have none (`NO_COLOR`, `TERM=dumb`).
pub(crate) fn stdout_has_colours() -> bool {
    stdout_is_terminal() && !anstyle_query::no_color() && system::takes_colours()
}
