//! What lies where once a package is installed: the one list that `.deb` and `.rpm` share. Every file
//! has the issue's time, so that the same sources give the same bytes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::Issue;
use super::programs::{Programs, SANDBOX, SHELLS, emptied, file_of, listed};
use crate::house::House;
use crate::shell::{Failure, Shell};

/// Whose rules about places hold?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    Debian,
    Fedora,
}

/// Which package is laid out?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    /// Agent and command line: needs the C library and nothing else.
    Headless,
    /// The window: needs WebKit.
    Panel,
}

impl Package {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Headless => "dagpass",
            Self::Panel => "dagpass-panel",
        }
    }

    pub(super) fn summary(self) -> &'static str {
        match self {
            Self::Headless => "one Ping sign-in a day, a fresh token for every Airflow call",
            Self::Panel => "window of dagpass: sessions, activity, settings",
        }
    }

    /// Lines of at most 80 letters, as both formats show them.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Headless => {
                "A small agent signs in to Ping Identity (browser or device code), keeps the\n\
                 refresh token in the keychain of the desktop and hands out short-lived access\n\
                 tokens to Airflow, to DAGs that run locally and to any command of a shell.\n\
                 Each is recorded under a name before it leaves."
            }
            Self::Panel => {
                "Shows who is signed in and until when, which tokens were handed out over the\n\
                 day and to whom, what Airflow gets, the settings and what is wrong. Holds no\n\
                 token: the agent does, and this window is gone when it is closed. Brings a\n\
                 sandbox, a Ping look-alike on this machine, to try it without a tenant."
            }
        }
    }
}

/// The icons of the application: the drawn sizes and the folder of the theme each belongs to.
const ICONS: [(&str, &str); 4] = [
    ("32x32.png", "32x32"),
    ("128x128.png", "128x128"),
    ("128x128@2x.png", "256x256"),
    ("icon.png", "512x512"),
];

/// `dagpass panel` opens the program of that name: one page tells of both, and goes with the window.
const PANEL_PAGE: &str = "dagpass-panel.1";

/// A tree being laid out, below its root.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) root: PathBuf,
    house: &'a House,
    issue: &'a Issue,
}

pub(super) fn laid<'a>(
    house: &'a House,
    issue: &'a Issue,
    programs: &Programs,
    (package, rules): (Package, Rules),
) -> Result<Tree<'a>, Failure> {
    let root = issue.work.join(format!("{}-{rules:?}", package.name()).to_lowercase());
    emptied(&root)?;
    let tree = Tree { root, house, issue };
    match package {
        Package::Headless => tree.headless(programs, rules)?,
        Package::Panel => tree.panel(programs)?,
    }
    tree.papers(package, rules)?;
    Ok(tree)
}

impl Tree<'_> {
    fn headless(&self, programs: &Programs, rules: Rules) -> Result<(), Failure> {
        for name in ["dagpass", "dagpass-agent"] {
            self.copy(&programs.folder.join(name), &format!("usr/bin/{name}"), 0o755)?;
        }
        self.pages(programs, |page| page != PANEL_PAGE)?;
        for (shell, file) in SHELLS {
            let folder = match (shell, rules) {
                ("bash", _) => "usr/share/bash-completion/completions",
                ("zsh", Rules::Debian) => "usr/share/zsh/vendor-completions",
                ("zsh", Rules::Fedora) => "usr/share/zsh/site-functions",
                ("fish", _) => "usr/share/fish/vendor_completions.d",
                _ => "usr/share/dagpass/completions",
            };
            let from = programs.folder.join(file_of(shell, file));
            self.copy(&from, &format!("{folder}/{file}"), 0o644)?;
        }
        self.ours("dagpass.service", "usr/lib/systemd/user/dagpass.service")?;
        let asked = "dev.dagpass.policy";
        self.ours(asked, &format!("usr/share/polkit-1/actions/{asked}"))?;
        for (drawn, size) in ICONS {
            let place = format!("usr/share/icons/hicolor/{size}/apps/dagpass.png");
            self.copy(&self.house.at("icons").join(drawn), &place, 0o644)?;
        }
        Ok(())
    }

    fn panel(&self, programs: &Programs) -> Result<(), Failure> {
        let Some(panel) = &programs.panel else {
            return Err(Failure::new("the window was not built"));
        };
        self.copy(panel, "usr/bin/dagpass-panel", 0o755)?;
        let sandbox = programs.folder.join(SANDBOX);
        self.copy(&sandbox, &format!("usr/libexec/dagpass/{SANDBOX}"), 0o755)?;
        self.ours("dagpass-panel.desktop", "usr/share/applications/dagpass-panel.desktop")?;
        let about = "dev.dagpass.panel.metainfo.xml";
        self.ours(about, &format!("usr/share/metainfo/{about}"))?;
        self.pages(programs, |page| page == PANEL_PAGE)
    }

    fn pages(&self, programs: &Programs, wanted: fn(&str) -> bool) -> Result<(), Failure> {
        for page in programs.pages()? {
            let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !wanted(&name) {
                continue;
            }
            let chapter = name.rsplit('.').next().unwrap_or("1");
            let place = format!("usr/share/man/man{chapter}/{name}");
            self.copy(&page, &place, 0o644)?;
            self.packed(&place)?;
        }
        Ok(())
    }

    /// Licence and changes, where each family of systems looks for them.
    fn papers(&self, package: Package, rules: Rules) -> Result<(), Failure> {
        let name = package.name();
        let changes = self.house.at("src-tauri/CHANGELOG.md");
        match rules {
            Rules::Fedora => {
                let licence = self.house.at("LICENSE");
                self.copy(&licence, &format!("usr/share/licenses/{name}/LICENSE"), 0o644)?;
                self.copy(&changes, &format!("usr/share/doc/{name}/CHANGELOG.md"), 0o644)
            }
            Rules::Debian => {
                let doc = format!("usr/share/doc/{name}");
                self.ours("copyright", &format!("{doc}/copyright"))?;
                self.copy(&changes, &format!("{doc}/changelog"), 0o644)?;
                self.packed(&format!("{doc}/changelog"))?;
                let place = format!("{doc}/changelog.Debian");
                self.text(&debian_changes(name, self.issue)?, &place)?;
                self.packed(&place)
            }
        }
    }

    /// One of the texts that are kept for packages.
    fn ours(&self, name: &str, to: &str) -> Result<(), Failure> {
        let from = self.house.at("src-tauri/packages").join(name);
        let text = fs::read_to_string(&from).map_err(|e| Failure::at(&from, &e))?;
        self.text(&self.issue.filled(&text, &[]), to)
    }

    pub(super) fn text(&self, text: &str, to: &str) -> Result<(), Failure> {
        let place = self.place(to)?;
        fs::write(&place, text).map_err(|e| Failure::at(&place, &e))?;
        mode(&place, 0o644)
    }

    fn copy(&self, from: &Path, to: &str, bits: u16) -> Result<(), Failure> {
        let place = self.place(to)?;
        fs::copy(from, &place).map_err(|e| Failure::at(from, &e))?;
        mode(&place, bits)
    }

    fn place(&self, to: &str) -> Result<PathBuf, Failure> {
        let place = self.root.join(to);
        let folder = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|e| Failure::at(folder, &e))?;
        Ok(place)
    }

    /// Without the name and the time of its making.
    fn packed(&self, at: &str) -> Result<(), Failure> {
        Shell::new("gzip").words("-9 --no-name --force").arg(self.root.join(at)).read().map(drop)
    }

    /// Every file below the root, by its path from there, sorted.
    pub(super) fn files(&self) -> Result<Vec<String>, Failure> {
        self.paths(Path::is_file)
    }

    /// The same for the folders.
    pub(super) fn folders(&self) -> Result<Vec<String>, Failure> {
        self.paths(Path::is_dir)
    }

    fn paths(&self, of_kind: fn(&Path) -> bool) -> Result<Vec<String>, Failure> {
        let mut paths = Vec::new();
        self.walk(&self.root, &mut |path| {
            if of_kind(path) && path != self.root {
                let from_root = path.strip_prefix(&self.root).unwrap_or(path);
                paths.push(from_root.to_string_lossy().into_owned());
            }
            Ok(())
        })?;
        paths.sort();
        Ok(paths)
    }

    /// Nothing in it is newer than the issue.
    pub(super) fn dated(&self) -> Result<(), Failure> {
        let time = UNIX_EPOCH + Duration::from_secs(self.issue.epoch);
        self.walk(&self.root, &mut |path| {
            if path.is_dir() {
                mode(path, 0o755)?;
            }
            File::open(path)
                .and_then(|file| file.set_modified(time))
                .map_err(|e| Failure::at(path, &e))
        })
    }

    fn walk(
        &self,
        folder: &Path,
        see: &mut dyn FnMut(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for path in listed(folder)? {
            if path.is_dir() {
                self.walk(&path, see)?;
            } else {
                see(&path)?;
            }
        }
        see(folder)
    }
}

fn mode(path: &Path, bits: u16) -> Result<(), Failure> {
    Shell::new("chmod").arg(format!("{bits:o}")).arg(path).read().map(drop)
}

/// What changed in the packaging; what changed in dagpass stands beside it.
fn debian_changes(name: &str, issue: &Issue) -> Result<String, Failure> {
    let date = Shell::new("date")
        .words("--utc --rfc-email --date")
        .arg(format!("@{}", issue.epoch))
        .env("LC_ALL", "C")
        .read()?;
    Ok(format!(
        "{name} ({}) unstable; urgency=medium\n\n  * Version {}: see changelog.gz.\n\n -- {}  {date}\n",
        super::deb::version(issue),
        issue.version,
        super::deb::MAINTAINER,
    ))
}
