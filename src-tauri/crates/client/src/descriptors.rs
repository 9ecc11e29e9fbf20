//! How many files a program of ours may have open: as many as the system allows it, while the programs
//! that it starts get back what they would have had, because some of them still call `select`, which knows
//! no number above 1,024.

use std::io;
use std::process::Command;

use crate::system;

/// Raises the limit for this process as far as it goes; how many may be open from now on. `None` where the
/// system has no such limit.
pub fn raise() -> io::Result<Option<u64>> {
    system::raise_descriptors()
}

/// The program that this starts has the limit that we were started with.
pub fn give_back(command: &mut Command) {
    system::give_back_descriptors(command);
}
