//! The programs that go into a package: built by cargo, stripped, with the manual and the completions
//! that they print themselves.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Build, Issue};
use crate::builds;
use crate::house::House;
use crate::shell::{Failure, Shell};

/// The shells, by the word that `dagpass completions` takes, and the file each looks for.
pub(super) const SHELLS: [(&str, &str); 4] = [
    ("bash", "dagpass"),
    ("zsh", "_dagpass"),
    ("fish", "dagpass.fish"),
    ("powershell", "dagpass.ps1"),
];

pub(super) const SANDBOX: &str = "dagpass-sandbox";

#[derive(Debug)]
pub(super) struct Programs {
    /// `dagpass` and `dagpass-agent`, and what they print about themselves.
    pub(super) folder: PathBuf,
    /// The window, where it was built; the sandbox, which it starts, lies beside it.
    pub(super) panel: Option<PathBuf>,
}

impl Programs {
    pub(super) fn built(house: &House, issue: &Issue) -> Result<Self, Failure> {
        let (from, window) = match issue.build {
            Build::Everyday => everyday(house)?,
            Build::Shipped => shipped(house)?,
        };
        let folder = issue.work.join("programs");
        emptied(&folder)?;
        for name in ["dagpass", "dagpass-agent"] {
            stripped(&from.join(name), &folder.join(name))?;
        }
        let panel = window.then(|| folder.join("dagpass-panel"));
        if let Some(panel) = &panel {
            stripped(&from.join("dagpass-panel"), panel)?;
            stripped(&from.join(SANDBOX), &folder.join(SANDBOX))?;
        }
        let programs = Self { folder, panel };
        programs.print_themselves(issue)?;
        Ok(programs)
    }

    /// The pages of the manual, sorted.
    pub(super) fn pages(&self) -> Result<Vec<PathBuf>, Failure> {
        listed(&self.folder.join("man"))
    }

    fn print_themselves(&self, issue: &Issue) -> Result<(), Failure> {
        let dagpass = self.folder.join("dagpass");
        Shell::new(&dagpass)
            .arg("man")
            .arg(self.folder.join("man"))
            .arg("--date")
            .arg(&issue.day)
            .run()?;
        let check = Shell::new("sh").arg("-c").arg("mandoc -T lint -W warning *");
        check.inside(self.folder.join("man")).run()?;
        for (shell, file) in SHELLS {
            let script = Shell::new(&dagpass).arg("completions").arg(shell).read()?;
            let place = self.folder.join(file_of(shell, file));
            fs::write(&place, format!("{script}\n")).map_err(|e| Failure::at(&place, &e))?;
        }
        Ok(())
    }
}

/// What the tests use: the folder of the programs, and whether the window is among them.
fn everyday(house: &House) -> Result<(PathBuf, bool), Failure> {
    builds::programs_and_tests(house)?;
    let window = builds::can_have_window();
    if window {
        builds::window(house)?;
    }
    Ok((house.target.join("debug"), window))
}

/// What ships, each package by itself, as a packager builds it.
fn shipped(house: &House) -> Result<(PathBuf, bool), Failure> {
    let built = |package: &str| {
        let cargo = Shell::new("cargo").words("build --release --locked --bins --package");
        cargo.arg(package).inside(&house.root).run()
    };
    built("dagpass")?;
    let window = builds::can_have_window();
    if window {
        built("dagpass-panel")?;
        built(SANDBOX)?;
    }
    Ok((house.target.join("release"), window))
}

/// bash's script has the program's own name: it lies beside it under another.
pub(super) fn file_of(shell: &str, file: &str) -> String {
    if shell == "bash" { "dagpass.bash".to_owned() } else { file.to_owned() }
}

pub(super) fn emptied(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|e| Failure::at(folder, &e))?;
    }
    fs::create_dir_all(folder).map_err(|e| Failure::at(folder, &e))
}

pub(super) fn listed(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|e| Failure::at(folder, &e))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn stripped(from: &Path, to: &Path) -> Result<(), Failure> {
    Shell::new("strip").arg("-o").arg(to).arg(from).read().map(drop)
}
