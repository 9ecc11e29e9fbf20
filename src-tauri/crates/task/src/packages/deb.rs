//! `.deb` by Debian's own `dpkg-deb`. What each package needs is read from its programs by
//! `dpkg-shlibdeps`; no package has a script that runs at install or removal.

use std::fs;
use std::path::PathBuf;

use super::Issue;
use super::programs::{Programs, emptied};
use super::tree::{self, Package, Rules, Tree};
use crate::house::House;
use crate::shell::{Failure, Shell};

pub(super) const MAINTAINER: &str = "The dagpass developers <dagpass@dagpass.dev>";

/// What the agent and the command line may need: the C library, in Debian's two packages of it.
const HEADLESS_NEEDS: [&str; 2] = ["libc6", "libgcc-s1"];

/// Where a package keeps its programs: those that people type, and those that only ours start.
const PROGRAMS: [&str; 2] = ["usr/bin/", "usr/libexec/"];

/// The package's own revision follows the version.
pub(super) fn version(issue: &Issue) -> String {
    format!("{}-1", issue.version)
}

pub(super) fn made(
    house: &House,
    issue: &Issue,
    programs: &Programs,
) -> Result<Vec<PathBuf>, Failure> {
    let mut packages = vec![Package::Headless];
    packages.extend(programs.panel.is_some().then_some(Package::Panel));
    let arch = Shell::new("dpkg").arg("--print-architecture").read()?;
    packages.into_iter().map(|package| packed(house, issue, programs, (package, &arch))).collect()
}

fn packed(
    house: &House,
    issue: &Issue,
    programs: &Programs,
    (package, arch): (Package, &str),
) -> Result<PathBuf, Failure> {
    let tree = tree::laid(house, issue, programs, (package, Rules::Debian))?;
    let needs = needs(issue, &tree)?;
    if package == Package::Headless {
        only_the_c_library(&needs)?;
    }
    tree.text(&control(issue, &tree, package, (&needs, arch))?, "DEBIAN/control")?;
    let sums = tree.files()?.into_iter().filter(|file| !file.starts_with("DEBIAN/"));
    let sums = sums
        .fold(Shell::new("md5sum").arg("--").inside(&tree.root), |shell, file| shell.arg(file))
        .read()?;
    tree.text(&format!("{sums}\n"), "DEBIAN/md5sums")?;
    tree.dated()?;
    let file = issue.out.join(format!("{}_{}_{arch}.deb", package.name(), version(issue)));
    Shell::new("dpkg-deb")
        .words("--root-owner-group --uniform-compression -Zxz")
        .arg(format!("-z{}", issue.pressed(9)))
        .arg("--build")
        .arg(&tree.root)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", issue.epoch.to_string())
        .run()?;
    Ok(file)
}

fn control(
    issue: &Issue,
    tree: &Tree<'_>,
    package: Package,
    (needs, arch): (&str, &str),
) -> Result<String, Failure> {
    let size = tree.files()?.iter().try_fold(0, |sum, file| {
        let path = tree.root.join(file);
        let bytes = fs::metadata(&path).map_err(|e| Failure::at(&path, &e))?.len();
        Ok(sum + bytes.div_ceil(1024))
    })?;
    let more = match package {
        Package::Headless => format!(
            "Section: utils\nDepends: {needs}\nRecommends: ca-certificates\n\
             Suggests: dagpass-panel, gnome-keyring, libnotify-bin, polkitd, sensible-utils\n"
        ),
        Package::Panel => {
            format!("Section: utils\nDepends: dagpass (= {}), {needs}\n", version(issue))
        }
    };
    let about = package.about().replace('\n', "\n ");
    Ok(format!(
        "Package: {}\nVersion: {}\nArchitecture: {arch}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {size}\nPriority: optional\n{more}Description: {}\n {about}\n",
        package.name(),
        version(issue),
        package.summary(),
    ))
}

/// The packages of the libraries that the programs name, with the versions they need.
fn needs(issue: &Issue, tree: &Tree<'_>) -> Result<String, Failure> {
    let place = issue.work.join("shlibdeps");
    emptied(&place.join("debian"))?;
    let control = place.join("debian/control");
    fs::write(&control, "Source: dagpass\n\nPackage: dagpass\nArchitecture: any\n")
        .map_err(|e| Failure::at(&control, &e))?;
    let programs = tree.files()?.into_iter();
    let programs = programs.filter(|file| PROGRAMS.iter().any(|start| file.starts_with(start)));
    let told = programs
        .fold(Shell::new("dpkg-shlibdeps").arg("-O").inside(&place), |shell, program| {
            let mut path = std::ffi::OsString::from("-e");
            path.push(tree.root.join(program));
            shell.arg(path)
        })
        .read()?;
    told.lines()
        .find_map(|line| line.strip_prefix("shlibs:Depends="))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("dpkg-shlibdeps tells no needs: {told}")))
}

fn only_the_c_library(needs: &str) -> Result<(), Failure> {
    let others: Vec<&str> = needs
        .split(", ")
        .filter(|need| {
            HEADLESS_NEEDS.iter().all(|known| need.split_whitespace().next() != Some(*known))
        })
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("agent and command line need more than libc: {}", others.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::only_the_c_library;

    #[test]
    fn a_library_beside_the_c_library_is_told() {
        assert!(only_the_c_library("libc6 (>= 2.34), libgcc-s1 (>= 4.2)").is_ok());
        let told = only_the_c_library("libc6 (>= 2.34), libgtk-3-0 (>= 3.21)").unwrap_err();
        assert!(told.to_string().contains("libgtk-3-0"), "{told}");
    }
}
