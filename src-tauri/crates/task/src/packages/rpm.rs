//! `.rpm` by `rpmbuild`, from the same tree as the `.deb`. What a package needs is read from its
//! programs by rpm itself; nothing about the machine that made it is left inside.

use std::fs;
use std::path::PathBuf;

use super::Issue;
use super::programs::{Programs, emptied};
use super::tree::{self, Package, Rules};
use crate::house::House;
use crate::shell::{Failure, Shell};

const RELEASE: &str = "1";

/// The folders that are there before any package is; all others go with the last package that has them.
const ALWAYS_THERE: [&str; 9] = [
    "usr",
    "usr/bin",
    "usr/lib",
    "usr/libexec",
    "usr/share",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/man/man1",
    "usr/share/man/man5",
];

/// What a tree of somebody else would be changed by: it is laid out as it ships.
const SETTINGS: [&str; 7] = [
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "_buildhost dagpass",
    "_build_id_links none",
    "__os_install_post %{nil}",
    "debug_package %{nil}",
    "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
];

pub(super) fn made(
    house: &House,
    issue: &Issue,
    programs: &Programs,
) -> Result<Vec<PathBuf>, Failure> {
    let mut packages = vec![Package::Headless];
    packages.extend(programs.panel.is_some().then_some(Package::Panel));
    packages.into_iter().map(|package| packed(house, issue, programs, package)).collect()
}

fn packed(
    house: &House,
    issue: &Issue,
    programs: &Programs,
    package: Package,
) -> Result<PathBuf, Failure> {
    let tree = tree::laid(house, issue, programs, (package, Rules::Fedora))?;
    tree.dated()?;
    let top = issue.work.join("rpmbuild");
    emptied(&top)?;
    let files = top.join("files");
    let folders = tree.folders()?.into_iter().filter(|one| !ALWAYS_THERE.contains(&one.as_str()));
    let listed = folders.map(|folder| format!("%dir \"/{folder}\"\n"));
    let listed = listed.chain(tree.files()?.iter().map(|file| line(file))).collect::<String>();
    fs::write(&files, format!("%defattr(-,root,root,-)\n{listed}"))
        .map_err(|e| Failure::at(&files, &e))?;
    let more = match package {
        Package::Headless => "Recommends: ca-certificates".to_owned(),
        Package::Panel => format!("Requires: dagpass = {}-{RELEASE}", issue.version),
    };
    let template = house.at("src-tauri/packages/dagpass.spec");
    let template = fs::read_to_string(&template).map_err(|e| Failure::at(&template, &e))?;
    let text = issue.filled(
        &template,
        &[
            ("@NAME@", package.name()),
            ("@RELEASE@", RELEASE),
            ("@SUMMARY@", package.summary()),
            ("@ABOUT@", package.about()),
            ("@MORE@", &more),
            ("@TREE@", &tree.root.to_string_lossy()),
            ("@FILES@", &files.to_string_lossy()),
        ],
    );
    let spec = top.join(format!("{}.spec", package.name()));
    fs::write(&spec, text).map_err(|e| Failure::at(&spec, &e))?;
    let ours = [
        format!("_binary_payload w{}.zstdio", issue.pressed(19)),
        format!("_topdir {}", top.display()),
        format!("_rpmdir {}", issue.out.display()),
        format!("_tmppath {}", top.display()),
    ];
    SETTINGS
        .iter()
        .map(|setting| (*setting).to_owned())
        .chain(ours)
        .fold(Shell::new("rpmbuild").words("-bb --quiet"), |shell, setting| {
            shell.arg("--define").arg(setting)
        })
        .arg(&spec)
        .env("SOURCE_DATE_EPOCH", issue.epoch.to_string())
        .run()?;
    let arch = std::env::consts::ARCH;
    let name = format!("{}-{}-{RELEASE}.{arch}.rpm", package.name(), issue.version);
    Ok(issue.out.join(name))
}

/// One line of a spec's list of files: a manual and a licence are marked as such.
fn line(file: &str) -> String {
    let mark = if file.contains("/share/licenses/") {
        "%license "
    } else if file.contains("/share/doc/") || file.contains("/share/man/") {
        "%doc "
    } else {
        ""
    };
    format!("{mark}\"/{file}\"\n")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_licence_and_a_page_are_marked_as_what_they_are() {
        assert_eq!(line("usr/bin/dagpass"), "\"/usr/bin/dagpass\"\n");
        assert!(line("usr/share/licenses/dagpass/LICENSE").starts_with("%license "));
        assert!(line("usr/share/man/man1/dagpass.1.gz").starts_with("%doc "));
    }
}
