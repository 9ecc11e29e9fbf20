//! Whether the agent starts with the desktop: looks, enables, takes back. Works where no agent runs,
//! so that `purge` leaves nothing. Starts and stops nothing now.

use std::io;

use crate::wire::LoginItem;
use crate::{launch, owner};

#[cfg_attr(target_os = "linux", path = "login_item/linux.rs")]
#[cfg_attr(target_os = "macos", path = "login_item/macos.rs")]
#[cfg_attr(windows, path = "login_item/windows.rs")]
mod here;

/// What the agent's program is started with, so that it knows who started it.
pub const AT_LOGIN: [&str; 2] = ["run", "--at-login"];

/// As it stands, by whichever way it was enabled; else by the way it would be.
pub fn look() -> LoginItem {
    here::look()
}

/// Makes it so, for the agent's program as it lies now.
pub fn set(enabled: bool) -> io::Result<LoginItem> {
    if !enabled {
        here::remove()?;
        return Ok(look());
    }
    owner::home_is_ours()?;
    let program = launch::agent_program().map_err(io::Error::other)?;
    let Some(program) = program.to_str() else {
        return Err(io::Error::other("the agent's path is no UTF-8"));
    };
    let unable = look();
    if !unable.available {
        return Err(io::Error::other(unable.reason.unwrap_or_default()));
    }
    here::enable(program)?;
    Ok(look())
}

/// Takes back whatever was enabled, and names it.
pub fn remove() -> io::Result<Vec<String>> {
    here::remove()
}

/// A file is there or it is not; whatever else is wrong is an error.
#[cfg(unix)]
fn remove_file(path: &std::path::Path, gone: &mut Vec<String>) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => gone.push(path.display().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(owner::named(path, error)),
    }
    Ok(())
}
