//! The Linux packages as a person meets them: installed into a bare Debian, used, removed, and every
//! file of that Debian compared with before.

use std::path::{Path, PathBuf};

use super::listing::Listing;
use super::root::{self, Root, STORE};
use super::{Build, Issue, window};
use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell, say};

/// What is the package system's own record, no disk, or the person's own.
const APART: [&str; 9] = [
    "var/lib/dpkg",
    "var/lib/apt",
    "var/cache/apt",
    "var/log",
    "var/lib/rpm",
    "proc",
    "sys",
    "dev",
    "home",
];

/// What must be there once `dagpass` is installed.
const PRESENT: [&str; 10] = [
    "usr/bin/dagpass",
    "usr/bin/dagpass-agent",
    "usr/share/man/man1/dagpass.1.gz",
    "usr/share/man/man1/dagpass-agent.1.gz",
    "usr/share/man/man1/dagpass-airflow-setup.1.gz",
    "usr/share/man/man5/dagpass-config.5.gz",
    "usr/share/bash-completion/completions/dagpass",
    "usr/share/fish/vendor_completions.d/dagpass.fish",
    "usr/lib/systemd/user/dagpass.service",
    "usr/share/polkit-1/actions/dev.dagpass.policy",
];

/// A day with it: version, agent, status, and all of it out of the person's home again.
const USED: &str = "\
dagpass --version
dagpass config check
dagpass agent start
dagpass agent status
dagpass status
dagpass agent stop
dagpass agent status && exit 1 || test $? = 7
dagpass purge --yes
rm -r .config/dagpass
test -z \"$(find . /run/user -name '*dagpass*')\"
";

pub(super) fn run(house: &House, issue: &Issue, made: &[PathBuf]) -> Result<Outcome, Failure> {
    if let Some(why) = root::missing()? {
        return Ok(Outcome::Skipped(format!("installing the packages: {why}")));
    }
    let root = Root::fresh(house, issue)?;
    let of_kind = |kind: &str| {
        made.iter()
            .filter(|path| path.extension().is_some_and(|one| one == kind))
            .map(PathBuf::as_path)
            .collect::<Vec<_>>()
    };
    debs(&root, &of_kind("deb"))?;
    rpms(&root, issue, &of_kind("rpm"))?;
    match issue.build {
        Build::Shipped => window::run(house, issue, &of_kind("deb"))?,
        Build::Everyday => say(window::LEFT_OUT),
    }
    Ok(Outcome::Done)
}

fn debs(root: &Root, debs: &[&Path]) -> Result<(), Failure> {
    say("\nthe .deb in a bare Debian: installed, used, removed");
    let before = Listing::of(&root.folder, &APART)?;
    for deb in debs {
        let place = root.brought(deb)?;
        // The window needs WebKit, which is 230 packages: here it is installed without them, and not run.
        let window = place.contains("dagpass-panel");
        let how = if window {
            "dpkg --force-depends -i"
        } else {
            "apt-get install --yes --no-install-recommends"
        };
        root.inside(&format!("{how} {place}\nrm {place}")).run()?;
    }
    let with = Listing::of(&root.folder, &APART)?;
    present(&with, "usr/share/zsh/vendor-completions/_dagpass")?;
    pages(root)?;
    root.as_user(&format!("{STORE}{USED}")).run()?;
    let gone = "apt-get remove --purge --yes '^dagpass'\ntest -z \"$(dpkg-query -W 'dagpass*')\"";
    root.inside(gone).run()?;
    Listing::of(&root.folder, &APART)?.same_as(&before, "after `apt-get remove --purge`")
}

fn rpms(root: &Root, issue: &Issue, rpms: &[&Path]) -> Result<(), Failure> {
    say("\nthe .rpm, by Debian's rpm with a database of its own: installed, used, removed");
    let before = Listing::of(&root.folder, &APART)?;
    let rpm = || Shell::new("rpm").arg("--root").arg(&root.folder).words("--dbpath /var/lib/rpm");
    rpm().arg("--initdb").run()?;
    for package in rpms {
        tags(package, issue)?;
        // The database knows no library, since this root's came as .deb: what is needed is compared
        // with what may be needed instead.
        rpm().words("--install --nodeps").arg(package).run()?;
    }
    let with = Listing::of(&root.folder, &APART)?;
    present(&with, "usr/share/zsh/site-functions/_dagpass")?;
    rpm().words("--verify --nodeps dagpass").run()?;
    root.as_user(&format!("{STORE}{USED}")).run()?;
    for package in rpms.iter().rev() {
        let name = Shell::new("rpm").words("-qp --qf %{NAME}").arg(package).read()?;
        rpm().words("--erase --nodeps").arg(name).run()?;
    }
    Listing::of(&root.folder, &APART)?.same_as(&before, "after `rpm --erase`")
}

fn present(with: &Listing, completions: &str) -> Result<(), Failure> {
    let wanted = PRESENT.iter().copied().chain([completions]);
    let missing: Vec<&str> = wanted.filter(|path| !with.holds(path)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("not in the package: {}", missing.join(", "))))
}

/// `man` finds the pages; the bare Debian has none of its own, so this machine's looks there.
fn pages(root: &Root) -> Result<(), Failure> {
    let folder = root.folder.join("usr/share/man");
    for page in ["dagpass", "dagpass-token", "dagpass-agent", "dagpass-config"] {
        Shell::new("man").arg("-M").arg(&folder).arg("-w").arg(page).read()?;
    }
    Ok(())
}

/// What an rpm says about itself.
fn tags(package: &Path, issue: &Issue) -> Result<(), Failure> {
    let ask = |words: &str| Shell::new("rpm").words(words).arg(package).read();
    let about = ask("-qp --qf %{VERSION}|%{LICENSE}|%{ARCH}|%{BUILDHOST}|%{BUILDTIME}")?;
    let wanted =
        format!("{}|Apache-2.0|{}|dagpass|{}", issue.version, std::env::consts::ARCH, issue.epoch);
    if about != wanted {
        return Err(Failure::new(format!("the rpm says {about}, not {wanted}")));
    }
    let scripts = ask("-qp --scripts")?;
    if !scripts.is_empty() {
        return Err(Failure::new(format!("the rpm runs a script: {scripts}")));
    }
    if package.to_string_lossy().contains("dagpass-panel") {
        return Ok(());
    }
    let needs = ask("-qp --requires")?;
    match needs.lines().find(|need| !is_the_c_library(need)) {
        None => Ok(()),
        Some(other) => Err(Failure::new(format!("the rpm needs more than libc: {other}"))),
    }
}

fn is_the_c_library(need: &str) -> bool {
    ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux", "rtld(", "rpmlib("]
        .iter()
        .any(|start| need.starts_with(start))
}
