//! The compiler for other systems. Debian carries a recent rustc with the matching sources for its
//! browsers; with them cargo builds `std` for any target. The packages are unpacked, not installed:
//! one of them conflicts with `rustup`, and nothing else on the machine should see this compiler.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use crate::house::House;
use crate::setup;
use crate::shell::{Failure, Shell, has, say};

/// Where its parts lie below the tools folder.
const UNPACKED: &str = "unpacked";
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// The packages that name a system anywhere. The others do the same on all of them, and are tried on each only
/// in `cargo verify --release`.
const MEETS_THE_SYSTEM: [&str; 5] =
    ["dagpass", "dagpass-agent", "dagpass-cli", "dagpass-client", "dagpass-tray"];

#[derive(Debug)]
pub(crate) struct Toolchain {
    rustc: PathBuf,
    rustdoc: PathBuf,
    build: PathBuf,
    pub(crate) tools: PathBuf,
}

/// The compiler, unpacked where it is not there yet; or why this machine cannot have it.
pub(crate) fn toolchain(house: &House) -> Result<Result<Toolchain, String>, Failure> {
    if (OS, ARCH) != ("linux", "x86_64") || !has("apt-get") {
        return Ok(Err(format!(
            "needs the compiler that Debian packages for x86_64; this is {OS} on {ARCH}"
        )));
    }
    let tools = house.target.join("cross/tools");
    let toolchain = Toolchain {
        rustc: tools.join("rustc-cross"),
        rustdoc: tools.join("rustdoc-cross"),
        build: house.target.join("cross/build"),
        tools: tools.clone(),
    };
    let whole = tools.join("whole");
    if !whole.is_file() {
        unpack(&tools)?;
        write_script(&toolchain.rustc, &wrapper(&tools, "rustc"))?;
        write_script(&toolchain.rustdoc, &wrapper(&tools, "rustdoc"))?;
        toolchain.works()?;
        write(&whole, "")?;
    }
    Ok(Ok(toolchain))
}

/// Where the programs for `target` lie once they are built.
pub(crate) fn programs(house: &House, target: &str, profile: &str) -> PathBuf {
    house.target.join("cross/build").join(target).join(profile)
}

impl Toolchain {
    /// cargo with this compiler, for `target` and what meets the system: `test`, and `--examples`, of which
    /// there are none, give a plain build the standard library and the features of a test build; otherwise
    /// all would be built twice.
    pub(crate) fn cargo(&self, house: &House, verb: &str, target: &str) -> Shell {
        let shell = self.of_all(house, verb, target);
        MEETS_THE_SYSTEM.iter().fold(shell, |shell, name| shell.arg("--package").arg(name))
    }

    /// The same, for every package but the window's.
    pub(crate) fn of_all(&self, house: &House, verb: &str, target: &str) -> Shell {
        self.started(house, target)
            .words(verb)
            .words("-Zbuild-std=std,panic_abort,test --locked --lib --bins --examples")
    }

    /// The window's program for `target`, by its types: it is not linked, and nothing here could run it.
    pub(crate) fn window(&self, house: &House, target: &str) -> Shell {
        self.started(house, target)
            .words("check -Zbuild-std=std,panic_abort,test --locked --package dagpass-panel")
    }

    /// The two programs for `target` as they ship.
    pub(crate) fn shipped(&self, house: &House, target: &str) -> Shell {
        self.started(house, target)
            .words("build --release -Zbuild-std=std,panic_abort --locked --package dagpass --bins")
    }

    /// A target folder of its own: the everyday build is never thrown away. No lines for backtraces: a
    /// panic names its place without them, and GNU's linker takes its time over them.
    fn started(&self, house: &House, target: &str) -> Shell {
        Shell::new("cargo")
            .env("CARGO_BUILD_TARGET", target)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("RUSTC", &self.rustc)
            .env("RUSTDOC", &self.rustdoc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "none")
            .inside(&house.root)
    }

    fn works(&self) -> Result<(), Failure> {
        let version = Shell::new(&self.rustc).arg("--version").read()?;
        say(&format!("the compiler for other systems: {version}"));
        let needed = env!("CARGO_PKG_RUST_VERSION");
        if minor(version.trim_start_matches("rustc ")) >= minor(needed) {
            return Ok(());
        }
        let what = format!("Debian's rustc-web is {version}, and dagpass needs {needed}");
        Err(Failure::new(what).hint(
            "the newer one comes with Debian's security updates: add `deb http://deb.debian.org/debian-security bookworm-security main` to apt's sources",
        ))
    }
}

/// `(1, 95)` of `1.95.0 (f2d3ce0bd 2026-03-21)`; nothing is less than every version.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn unpack(tools: &Path) -> Result<(), Failure> {
    say(
        "the compiler for other systems: Debian's rustc with the sources of std, unpacked, not installed",
    );
    let unpacked = tools.join(UNPACKED);
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).map_err(|e| Failure::at(&unpacked, &e))?;
    }
    fs::create_dir_all(&unpacked).map_err(|e| Failure::at(&unpacked, &e))?;
    // The numbers in these two names move with Debian's security updates: ask for today's.
    let std = needed("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = needed(&std, "libllvm")?;
    setup::install(&[(&llvm, "the code generator of that compiler")])?;
    for package in ["rustc-web", &std, "libstd-rust-web-dev", "rust-web-src"] {
        Shell::new("apt-get").words("download --quiet").arg(package).inside(tools).run()?;
    }
    let entries = fs::read_dir(tools).map_err(|e| Failure::at(tools, &e))?;
    for file in entries.flatten().map(|entry| entry.path()) {
        if file.extension().is_some_and(|kind| kind == "deb") {
            Shell::new("dpkg").arg("-x").arg(&file).arg(&unpacked).run()?;
            fs::remove_file(&file).map_err(|e| Failure::at(&file, &e))?;
        }
    }
    Ok(())
}

fn needed(package: &str, start: &str) -> Result<String, Failure> {
    let told = Shell::new("apt-cache").arg("depends").arg(package).read();
    let told = told.map_err(|failure| failure.hint("run `apt-get update`"))?;
    dependency(&told, start).ok_or_else(|| {
        Failure::new(format!("Debian's `{package}` needs no `{start}…`: the recipe has to change"))
    })
}

fn dependency(told: &str, start: &str) -> Option<String> {
    told.lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with(start))
        .map(str::to_owned)
}

fn wrapper(tools: &Path, program: &str) -> String {
    let from = tools.join(UNPACKED);
    let (libraries, from) = (from.join(LIBRARIES), from.join("usr/bin").join(program));
    format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.display(),
        from.display()
    )
}

pub(crate) fn write_script(path: &Path, text: &str) -> Result<(), Failure> {
    write(path, text)?;
    Shell::new("chmod").arg("+x").arg(path).read().map(drop)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|e| Failure::at(path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_in_a_package_s_name_is_read_from_today_s_list() {
        let told = "libstd-rust-web-dev\n  Depends: libc6\n  Depends: libstd-rust-web-1.96\n  Suggests: libstd-rust-web-9\n";
        assert_eq!(dependency(told, "libstd-rust-web-").as_deref(), Some("libstd-rust-web-1.96"));
        assert_eq!(dependency(told, "libllvm"), None);
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(minor("1.85.0 (4d91de4e4 2025-02-17)") < minor("1.95"));
        assert!(minor("1.100.0") > minor("1.95"));
        assert!(minor("unreadable") < minor("1.95"));
    }
}
