//! Lintian's word on each `.deb`: errors and warnings fail. What is turned off here is turned off
//! with its reason.

use std::path::PathBuf;

use crate::shell::{Failure, Shell};

/// Tags that speak of an upload into Debian's archive, which these packages never see.
const ARCHIVE_ONLY: [&str; 2] =
    ["initial-upload-closes-no-bugs", "bogus-mail-host-in-debian-changelog"];

pub(super) fn run(packages: &[PathBuf]) -> Result<(), Failure> {
    let debs = packages.iter().filter(|path| path.extension().is_some_and(|kind| kind == "deb"));
    debs.fold(
        Shell::new("lintian")
            .words("--fail-on error,warning --allow-root --suppress-tags")
            .arg(ARCHIVE_ONLY.join(",")),
        |shell, deb| shell.arg(deb),
    )
    .run()
}
