//! What a bare Debian with Rust, Python and Node lacks, installed with a line on what and why. Decides
//! by looking, so that a second run does nothing; never changes what is already there.

use crate::Outcome;
use crate::house::House;
use crate::shell::{Failure, Shell, has, say};
use crate::{cross, idp};

/// A Debian package, and why it is needed.
type Package<'a> = (&'a str, &'a str);

/// For whom is a package?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Building the programs.
    Build,
    /// The end-to-end tests: a keychain, a bus and a browser.
    Rig,
    /// Airflow's virtual environments.
    Airflow,
    /// Windows programs, built and run.
    Cross,
    /// The window, built and looked at.
    Desktop,
    /// Packages, made and tried.
    Packages,
}

const BUILD: [Package<'static>; 2] = [
    ("gcc", "the C compiler: aws-lc, the cryptography under TLS, is C"),
    ("libc6-dev", "the C library's headers, for the same"),
];
const RIG: [Package<'static>; 15] = [
    ("gnome-keyring", "a real Secret Service keychain"),
    ("dbus", "the private bus that the keychain lives on"),
    ("libglib2.0-bin", "gdbus, which asks that bus who is there"),
    ("libsecret-tools", "a second, independent reader of that keychain"),
    ("chromium", "the browser that signs in, without a window"),
    ("libnss3-tools", "certutil, which makes that browser trust a private CA"),
    ("openssl", "makes that CA"),
    ("xvfb", "a display without a screen, for the tray's clipboard"),
    ("xfce4-panel", "a real panel, which shows the tray's icon and menu"),
    ("xfwm4", "the window manager under that panel"),
    ("xdotool", "opens that menu as a mouse does"),
    ("imagemagick", "import, which takes the pictures"),
    ("xclip", "a second, independent reader of that clipboard"),
    ("polkitd", "a real polkit, which has a person prove who they are before an approval"),
    ("iproute2", "ip, which gives the inside of a container its network"),
];
const AIRFLOW: [Package<'static>; 1] = [("python3-venv", "Airflow gets an environment of its own")];
const CROSS: [Package<'static>; 7] = [
    ("gcc-mingw-w64-x86-64", "links the Windows programs"),
    ("nasm", "assembles aws-lc for Windows"),
    ("wine64", "runs the Windows programs"),
    ("wine", "starts wine64 by its plain name"),
    ("xvfb", "a screen that nobody sees, for Wine's taskbar"),
    ("xdotool", "clicks on the icon there"),
    ("imagemagick", "takes pictures of it"),
];

const DESKTOP: [Package<'static>; 9] = [
    ("libwebkit2gtk-4.1-dev", "the window is a web view: WebKit, GTK and their headers"),
    ("webkit2gtk-driver", "WebKitWebDriver, which drives the window in the tests"),
    ("xvfb", "a screen that nobody sees"),
    ("xfwm4", "a window manager on it"),
    ("xfce4-panel", "a panel with a tray"),
    ("xdotool", "clicks on that screen"),
    ("imagemagick", "takes pictures of it"),
    ("dunst", "shows notices there"),
    ("weston", "the same screen by Wayland"),
];

const PACKAGES: [Package<'static>; 12] = [
    ("binutils", "strip, which takes the names of functions out of the programs"),
    ("debootstrap", "a bare Debian to install the .deb into"),
    ("desktop-file-utils", "checks the window's entry in the menu"),
    ("dpkg-dev", "dpkg-shlibdeps, which tells what the programs need"),
    ("gzip", "packs the manual"),
    ("imagemagick", "convert, which keeps a picture of the installed window"),
    ("lintian", "Debian's own word on a .deb"),
    ("man-db", "finds and shows the manual"),
    ("mandoc", "checks the manual's pages"),
    ("msitools", "msiinfo, which reads the .msi"),
    ("rpm", "makes and installs the .rpm"),
    ("wixl", "makes the .msi"),
];

pub(crate) fn run(house: &House) -> Result<Outcome, Failure> {
    for purpose in [For::Build, For::Rig, For::Airflow, For::Cross, For::Desktop, For::Packages] {
        packages(purpose)?;
    }
    if let Err(why) = cross::toolchain(house)? {
        say(&format!("left out: building for other systems {why}"));
    }
    idp::node_modules(house)?;
    idp::second(house)?;
    Ok(Outcome::Done)
}

/// Installs what of one purpose is missing.
pub(crate) fn packages(purpose: For) -> Result<(), Failure> {
    let wanted: &[Package<'_>] = match purpose {
        For::Build => &BUILD,
        For::Rig => &RIG,
        For::Airflow if python_makes_environments() => &[],
        For::Airflow => &AIRFLOW,
        For::Cross => &CROSS,
        For::Desktop => &DESKTOP,
        For::Packages => &PACKAGES,
    };
    install(wanted)
}

pub(crate) fn install(wanted: &[Package<'_>]) -> Result<(), Failure> {
    if !has("apt-get") {
        return other_system(wanted);
    }
    let missing = wanted.iter().filter(|(name, _)| !is_installed(name)).collect::<Vec<_>>();
    if missing.is_empty() {
        return Ok(());
    }
    for (name, why) in &missing {
        say(&format!("installing {name}: {why}"));
    }
    apt("update --quiet").run()?;
    let all = missing
        .iter()
        .fold(apt("install --yes --quiet --no-install-recommends"), |shell, (name, _)| {
            shell.arg(*name)
        });
    all.run()
}

/// Another system: nothing is installed, and what a person has to bring is named where it is missing.
fn other_system(wanted: &[Package<'_>]) -> Result<(), Failure> {
    let names = wanted.iter().map(|(name, why)| format!("{name} ({why})")).collect::<Vec<_>>();
    if !names.is_empty() {
        say(&format!("no apt-get here; assumed to be there already: {}", names.join(", ")));
    }
    Ok(())
}

fn apt(words: &str) -> Shell {
    let options = "-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0";
    let shell = if is_root() { Shell::new("apt-get") } else { Shell::new("sudo").arg("apt-get") };
    shell.words(options).words(words).env("DEBIAN_FRONTEND", "noninteractive")
}

fn is_root() -> bool {
    Shell::new("id").arg("-u").read().is_ok_and(|id| id == "0")
}

fn is_installed(package: &str) -> bool {
    Shell::new("dpkg-query")
        .words("-W -f ${db:Status-Status}")
        .arg(package)
        .read()
        .is_ok_and(|status| status == "installed")
}

fn python_makes_environments() -> bool {
    Shell::new("python3").words("-c").arg("import ensurepip, venv").read().is_ok()
}
