//! `dagpass panel`: opens the window, which is a program of its own.

use dagpass_client::panel::{self, View};

use crate::exit::Failure;

/// Returns once it is there; it stays when this command, and its terminal, are gone.
pub(crate) fn run(view: Option<View>) -> Result<(), Failure> {
    panel::open(view).map(drop).map_err(Failure::from)
}
