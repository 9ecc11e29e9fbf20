//! `.msi` by `wixl`: for one person, without an administrator. Its agent opens no console window.
//! Installed, run and removed under Wine, which is no Windows: that is told with it.

use std::fs;
use std::path::{Path, PathBuf};

use super::listing::Listing;
use super::programs::{SHELLS, emptied, file_of};
use super::{Build, Issue};
use crate::house::House;
use crate::shell::{Failure, Shell, say};
use crate::windows::{self, Prefix};

/// What the installer keeps for itself, below `drive_c`, and below the person's folder.
const APART: [&str; 2] = ["windows/Installer", "windows/temp"];
const APART_OF_A_PERSON: &str = "AppData/Roaming/Microsoft/Installer";

/// What writes and takes back the person's PATH (`-`: taken back at removal; `[~]`: what it was). Wixl
/// 0.101 has no word for it.
const PATH: [&str; 4] = [
    "CREATE TABLE `Environment` (`Environment` CHAR(72) NOT NULL, `Name` CHAR(255) NOT NULL LOCALIZABLE, \
     `Value` CHAR(255) LOCALIZABLE, `Component_` CHAR(72) NOT NULL PRIMARY KEY `Environment`)",
    "INSERT INTO `Environment` (`Environment`, `Name`, `Value`, `Component_`) \
     VALUES ('PATH', '=-PATH', '[~];[INSTALLDIR]', 'Files')",
    "INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('RemoveEnvironmentStrings', 3300)",
    "INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('WriteEnvironmentStrings', 5200)",
];

/// Where a person, or Wine, finds what is installed.
const UNINSTALL: [&str; 2] = [
    r"reg query HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall /s",
    r"reg query HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall /s",
];

const CREDENTIALS: &str = r"HKCU\Software\Wine\Credential Manager";

/// A subsystem of a Windows program (the field of that name in its optional header).
const WITHOUT_CONSOLE: u16 = 2;
const WITH_CONSOLE: u16 = 3;

/// Where a person finds it, below `drive_c/users/NAME`.
const INSTALLED: &str = "AppData/Local/Programs/dagpass";
const STATE: &str = "AppData/Local/dagpass";
const MENU: &str = "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/dagpass.lnk";

/// The package, or why there is none here.
pub(super) fn run(house: &House, issue: &Issue) -> Result<Result<PathBuf, String>, Failure> {
    let programs = match windows::programs(house, issue.build == Build::Shipped)? {
        Ok(programs) => programs,
        Err(why) => return Ok(Err(format!("the .msi: {why}"))),
    };
    let stage = stage(house, issue, &programs)?;
    let msi = issue.out.join(format!("dagpass-{}-x64.msi", issue.version));
    Shell::new("wixl")
        .words("--arch x64 --output")
        .arg(&msi)
        .arg("-D")
        .arg(format!("Version={}", issue.version))
        .arg("-D")
        .arg(format!("Product={}", product(issue.version)?))
        .arg("dagpass.wxs")
        .inside(&stage)
        .run()?;
    PATH.iter()
        .fold(Shell::new("msibuild").arg(&msi), |shell, query| shell.arg("-q").arg(*query))
        .read()?;
    tables(issue, &msi)?;
    let prefix = Prefix::made(house)?;
    let tried = installed(house, &prefix, &msi);
    prefix.end();
    tried.map(|()| Ok(msi))
}

fn stage(house: &House, issue: &Issue, programs: &Path) -> Result<PathBuf, Failure> {
    let stage = issue.work.join("windows");
    emptied(&stage)?;
    for (name, subsystem) in [("dagpass.exe", WITH_CONSOLE), ("dagpass-agent.exe", WITHOUT_CONSOLE)]
    {
        let place = stage.join(name);
        Shell::new("x86_64-w64-mingw32-strip")
            .arg("-o")
            .arg(&place)
            .arg(programs.join(name))
            .run()?;
        let bytes = fs::read(&place).map_err(|e| Failure::at(&place, &e))?;
        if subsystem_of(&bytes) != Some(subsystem) {
            return Err(Failure::new(format!("{name} is no program of subsystem {subsystem}")));
        }
    }
    let written = |name: &str, bytes: &[u8]| {
        fs::write(stage.join(name), bytes).map_err(|e| Failure::at(&stage, &e))
    };
    for (from, name) in
        [("icons/icon.ico", "dagpass.ico"), ("src-tauri/packages/dagpass.wxs", "dagpass.wxs")]
    {
        let from = house.at(from);
        written(name, &fs::read(&from).map_err(|e| Failure::at(&from, &e))?)?;
    }
    // What Windows opens such texts with wants its ends of lines.
    let text = |path: &Path| -> Result<String, Failure> {
        let text = fs::read_to_string(path).map_err(|e| Failure::at(path, &e))?;
        Ok(text.replace('\n', "\r\n"))
    };
    written("LICENSE.txt", text(&house.at("LICENSE"))?.as_bytes())?;
    for (shell, file) in SHELLS.iter().filter(|(shell, _)| *shell == "powershell") {
        let script = issue.work.join("programs").join(file_of(shell, file));
        written(file, text(&script)?.as_bytes())?;
    }
    Ok(stage)
}

fn subsystem_of(program: &[u8]) -> Option<u16> {
    let at = |place: usize, count: usize| program.get(place..place + count);
    let header = u32::from_le_bytes(at(0x3c, 4)?.try_into().ok()?);
    // After the signature (4), the file header (20) and 68 bytes of the optional header.
    let place = usize::try_from(header).ok()? + 4 + 20 + 68;
    Some(u16::from_le_bytes(at(place, 2)?.try_into().ok()?))
}

/// Another version is another product; the same version is the same one.
fn product(version: &str) -> Result<String, Failure> {
    let numbers = version.split('.').map(str::parse::<u16>).collect::<Result<Vec<_>, _>>();
    match numbers.as_deref() {
        Ok([major, minor, patch]) => {
            Ok(format!("3F6B0D52-7C0E-4B8E-8F43-{major:04X}{minor:04X}{patch:04X}"))
        }
        _ => Err(Failure::new(format!("no version for Windows: {version}"))),
    }
}

/// What the package says it does, read by another program than the one that wrote it.
fn tables(issue: &Issue, msi: &Path) -> Result<(), Failure> {
    // It writes a table's pictures into the folder it runs in.
    let table = |name: &str| {
        Shell::new("msiinfo").arg("export").arg(msi).arg(name).inside(&issue.work).read()
    };
    for (name, wanted) in [
        ("File", "dagpass-agent.exe"),
        ("Environment", "[INSTALLDIR]"),
        ("Shortcut", "[INSTALLDIR]dagpass-agent.exe"),
        ("Property", "ARPPRODUCTICON"),
        ("Icon", "dagpass.ico"),
    ] {
        let told = table(name)?;
        if !told.contains(wanted) {
            return Err(Failure::new(format!("the msi's table {name} lacks {wanted}: {told}")));
        }
    }
    if table("Property")?.contains("ALLUSERS") {
        return Err(Failure::new("the msi is not for one person alone"));
    }
    Ok(())
}

/// Under Wine: installed, used by its plain name, removed without a trace.
fn installed(house: &House, prefix: &Prefix, msi: &Path) -> Result<(), Failure> {
    say("\nthe .msi under Wine: installed, used, removed");
    let drive = prefix.folder.join("drive_c");
    let person = prefix.person()?;
    let theirs = person.strip_prefix(&drive).unwrap_or(&person).join(APART_OF_A_PERSON);
    let theirs = theirs.to_string_lossy();
    let apart: Vec<&str> = APART.iter().copied().chain([&*theirs]).collect();
    // A person who never had it: other tests leave a state and credentials in this prefix. (Wine lists
    // credentials at odd addresses, which ends a debug build of whoever reads the list.)
    let forgotten =
        prefix.wine(Shell::new("wine").words("reg delete")).arg(CREDENTIALS).arg("/f").read();
    if forgotten.is_err() {
        say("this Wine has no credentials yet");
    }
    emptied(&person.join(STATE))?;
    fs::remove_dir(person.join(STATE)).map_err(|e| Failure::at(&person, &e))?;
    let wine = || prefix.wine(Shell::new("wine").inside(&house.root)).minutes(10);
    let known = || {
        UNINSTALL
            .iter()
            .any(|key| wine().words(key).read().is_ok_and(|told| told.contains("dagpass")))
    };
    let file = format!("Z:{}", msi.display()).replace('/', "\\");
    if person.join(INSTALLED).exists() {
        say("an earlier try that failed half-way is removed first");
        wine().words("msiexec /qn /x").arg(&file).run()?;
    }
    let before = Listing::of(&drive, &apart)?;
    wine().words("msiexec /qn /i").arg(&file).run()?;
    for path in [format!("{INSTALLED}/dagpass.exe"), MENU.to_owned()] {
        if !person.join(&path).is_file() {
            return Err(Failure::new(format!("the msi did not bring {path}")));
        }
    }
    if !known() {
        return Err(Failure::new("the list of installed programs does not have it"));
    }
    // `cmd` finds the program by the PATH that the installer wrote.
    for line in [
        "dagpass --version",
        "dagpass agent start",
        "dagpass agent status",
        "dagpass status",
        "dagpass purge --yes",
    ] {
        wine().words("cmd /c").words(line).run()?;
    }
    wine().words("msiexec /qn /x").arg(&file).run()?;
    let path = wine().words(r"reg query HKCU\Environment").read()?;
    if path.contains(r"\Programs\dagpass") {
        return Err(Failure::new(format!("the PATH still names the programs: {path}")));
    }
    if known() {
        return Err(Failure::new("the list of installed programs still has it"));
    }
    Listing::of(&drive, &apart)?.same_as(&before, "after `msiexec /x`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_a_product_of_its_own() {
        assert_eq!(product("0.1.0").unwrap(), "3F6B0D52-7C0E-4B8E-8F43-000000010000");
        assert_ne!(product("0.1.1").unwrap(), product("0.11.0").unwrap());
        assert!(product("1.0.0-rc.1").is_err());
    }

    #[test]
    fn the_subsystem_is_read_from_the_program_s_header() {
        let mut program = vec![0; 0x200];
        program[0x3c] = 0x80;
        program[0x80 + 92] = 2;
        assert_eq!(subsystem_of(&program), Some(WITHOUT_CONSOLE));
        assert_eq!(subsystem_of(&[0; 8]), None);
    }
}
