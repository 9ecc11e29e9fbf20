//! A bare Debian in a folder: what `debootstrap --variant=minbase` makes, kept as a tarball, unpacked
//! anew for each try. What runs inside has processes and mounts of its own, which end with it.

use std::fs;
use std::path::{Path, PathBuf};

use super::Issue;
use super::programs::emptied;
use crate::house::House;
use crate::shell::{Failure, Shell, say};

/// Who tries the packages.
pub(super) const USER: &str = "ada";

/// A bare root has no keychain: the person's store is the one for machines without.
pub(super) const STORE: &str = r#"
mkdir -p .config/dagpass
head -c 32 /dev/urandom > .config/dagpass/key
chmod 600 .config/dagpass/key
printf '[store]\nkind = "key-file"\nkey-file = "key"\n' > .config/dagpass/config.toml
"#;

#[derive(Debug)]
pub(super) struct Root {
    pub(super) folder: PathBuf,
}

/// Why this machine cannot make one, where it cannot.
pub(super) fn missing() -> Result<Option<String>, Failure> {
    let user = Shell::new("id").arg("-u").read()?;
    Ok((user != "0").then(|| "a fresh root needs root's rights (chroot)".to_owned()))
}

impl Root {
    pub(super) fn fresh(house: &House, issue: &Issue) -> Result<Self, Failure> {
        let tarball = tarball(house)?;
        let folder = issue.work.join("root");
        emptied(&folder)?;
        Shell::new("tar").arg("-xf").arg(&tarball).arg("-C").arg(&folder).run()?;
        let root = Self { folder };
        // What a login would have made.
        root.inside(&format!(
            "useradd --create-home --shell /bin/bash {USER}\ninstall -d -m 700 -o {USER} /run/user/1000"
        ))
        .run()?;
        Ok(root)
    }

    /// Brings a package in; gives the place where it then lies inside.
    pub(super) fn brought(&self, package: &Path) -> Result<String, Failure> {
        let place = Path::new("tmp").join(package.file_name().unwrap_or_default());
        fs::copy(package, self.folder.join(&place)).map_err(|e| Failure::at(package, &e))?;
        Ok(format!("/{}", place.display()))
    }

    /// A shell script as root, which stops at the first line that fails.
    pub(super) fn inside(&self, script: &str) -> Shell {
        let script = format!("mount -t proc proc /proc\nmount -t devpts devpts /dev/pts\n{script}");
        Shell::new("unshare")
            .words("--mount --pid --fork --kill-child chroot")
            .arg(&self.folder)
            .words("/usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8")
            .words("DEBIAN_FRONTEND=noninteractive sh -euxc")
            .arg(script)
    }

    /// The same as the person, with what a login sets.
    pub(super) fn as_user(&self, script: &str) -> Shell {
        let quoted = script.replace('\'', r"'\''");
        self.inside(&format!(
            "setpriv --reuid {USER} --regid {USER} --init-groups --reset-env \
             env XDG_RUNTIME_DIR=/run/user/1000 sh -euxc 'cd; {quoted}'"
        ))
    }
}

fn tarball(house: &House) -> Result<PathBuf, Failure> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let Some(name) = system.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")) else {
        return Err(Failure::new("/etc/os-release has no VERSION_CODENAME"));
    };
    let tarball = house.target.join("packages").join(format!("root-{name}.tar"));
    if tarball.is_file() {
        return Ok(tarball);
    }
    say(&format!("a bare Debian {name} to install into, kept in {}", tarball.display()));
    let folder = house.target.join("packages/root-new");
    emptied(&folder)?;
    let make = Shell::new("debootstrap").arg("--variant=minbase").arg(name).arg(&folder);
    mirror(name)?.into_iter().fold(make, Shell::arg).run()?;
    pack(&folder, &tarball)?;
    fs::remove_dir_all(&folder).map_err(|e| Failure::at(&folder, &e))?;
    Ok(tarball)
}

fn pack(folder: &Path, tarball: &Path) -> Result<(), Failure> {
    let half = tarball.with_extension("half");
    Shell::new("tar").arg("-cf").arg(&half).arg("-C").arg(folder).arg(".").run()?;
    fs::rename(&half, tarball).map_err(|e| Failure::at(tarball, &e))
}

/// The mirror that this machine's own packages come from.
fn mirror(name: &str) -> Result<Option<String>, Failure> {
    let told = Shell::new("apt-get")
        .arg("indextargets")
        .arg("--format")
        .arg("$(CODENAME) $(COMPONENT) $(SITE)")
        .read()?;
    Ok(told.lines().find_map(|line| {
        let mut words = line.split(' ');
        let fits = words.next() == Some(name) && words.next() == Some("main");
        words.next().filter(|_| fits).map(str::to_owned)
    }))
}
