//! Programs that a test puts together. A child of ours writes them: what we had open for writing ourselves,
//! every process that is being forked meanwhile would have open too, and no such file is run ("text file
//! busy").

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program `from`, at another place.
pub(crate) fn copied(from: impl AsRef<Path>, to: &Path) {
    let done = Command::new("install").args(["-m", "755"]).arg(from.as_ref()).arg(to).status();
    assert!(done.unwrap().success(), "{} was not copied", to.display());
}

pub(crate) fn script(at: &Path, text: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "/dev/stdin"]).arg(at).stdin(Stdio::piped());
    let mut install = install.spawn().unwrap();
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success(), "{} was not written", at.display());
}
