//! Fact: on a taskbar of Windows' kind, under Wine, the icon is there, whose program lets no other of the same
//! user into its memory, a right click opens its menu, and the menu's "Sign in with a code" leads to a token. When its session is over, a notice at the icon says
//! so, and a click on it begins the next sign-in. Writes the pictures to `target/desktop`.
//!
//! Run by `cargo task windows`, as `windows_agent` is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::idp::{Family, Idp, Setting};
use crate::scene::user_code;
use crate::wait::within;
use crate::windows_agent::{PATIENCE, Wine, until};
use crate::world::Process;

/// A screen's size, and where the last icon of the taskbar lies on it.
const SCREEN: &str = "1024x768";
const ICON: (u32, u32) = (1010, 758);
/// The same as ImageMagick names a part of a picture.
const ICON_PART: &str = "24x20+998+748";
/// Where a balloon at the icon is.
const NOTICE_PART: &str = "400x140+620+600";
/// How far down is "Sign in with a code" where nobody is signed in: below who, and "Sign in".
const WITH_A_CODE: &str = "3";
/// The taskbar of Wine is a light one.
const LIGHT: [&str; 9] = [
    "reg",
    "add",
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Themes\Personalize",
    "/f",
    "/v",
    "SystemUsesLightTheme",
    "/t",
    "REG_DWORD",
    "/d",
];

/// A screen that nobody sees, with a taskbar on it.
struct Taskbar<'a> {
    wine: &'a Wine,
    person: PathBuf,
    _screen: Process,
}

impl<'a> Taskbar<'a> {
    fn set(wine: &'a Wine) -> Self {
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"]);
        let screen = Process::spawn("Xvfb", xvfb.arg(format!("{SCREEN}x24")));
        let number = screen.stdout.wait_for("number of the screen", |text| {
            text.split_once('\n').map(|(number, _)| number.trim().to_owned())
        });
        wine.world.set("DISPLAY", &format!(":{number}"));
        let person = std::env::var_os("DAGPASS_WINE_PERSON").expect("`cargo task windows` set it");
        Self { wine, person: PathBuf::from(person), _screen: screen }
    }

    /// A program of Windows on that taskbar's desktop.
    fn on_it(&self, program: &Path) -> Command {
        let mut command = self.wine.world.command("wine");
        command.arg("explorer").arg(format!("/desktop=shell,{SCREEN}")).arg(windows_path(program));
        command
    }

    /// The person starts the agent, which closes itself to all other programs: what stands for Wine where the
    /// icon is can come from its parent alone.
    fn person_starts(&self, agent: &Path) -> Process {
        let mut command = self.on_it(&self.person);
        command.arg(self.told_anew()).args(["start", &windows_path(agent)]);
        let agent = Process::spawn("dagpass-agent.exe", &mut command);
        let found = self.heard(&agent);
        assert_eq!(found.as_deref(), Ok(""), "no icon; the agent: {}", agent.stderr.text());
        agent
    }

    /// The person does one thing; what they saw.
    fn person(&self, words: &[&str]) -> String {
        let mut command = self.on_it(&self.person);
        command.arg(self.told_anew()).args(words);
        let heard = self.heard(&Process::spawn("the person", &mut command));
        heard.unwrap_or_else(|why| panic!("{words:?}: {why}"))
    }

    fn told(&self) -> PathBuf {
        self.wine.world.root().join("tmp/person")
    }

    /// Where the person writes what they see; nothing stands there yet.
    fn told_anew(&self) -> String {
        let told = self.told();
        if told.exists() {
            std::fs::remove_file(&told).unwrap();
        }
        windows_path(&told)
    }

    fn heard(&self, person: &Process) -> Result<String, String> {
        let told = within(PATIENCE, || {
            let text = std::fs::read_to_string(self.told()).unwrap_or_default();
            (text.ends_with("done") || text.contains("failed")).then_some(text)
        });
        let told = told.ok_or_else(|| format!("no word; Wine: {}", person.stderr.text()))?;
        told.strip_suffix("done").map(str::to_owned).ok_or(told.clone())
    }

    fn right_click_on_the_icon(&self) {
        let (x, y) = ICON;
        let move_there = ["mousemove", &x.to_string(), &y.to_string()];
        self.program("xdotool", &[&move_there[..], &["click", "3"]].concat());
    }

    fn icon(&self) -> String {
        self.part(ICON_PART)
    }

    /// A part of the screen as it is now: every pixel, as text.
    fn part(&self, part: &str) -> String {
        self.program(
            "import",
            &["-window", "root", "-crop", part, "+repage", "-depth", "8", "txt:-"],
        )
    }

    fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("desktop");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name);
        self.program("import", &["-window", "root", file.to_str().unwrap()]);
    }

    fn program(&self, name: &str, args: &[&str]) -> String {
        let mut command = self.wine.world.command(name);
        Process::spawn(name, command.args(args)).ended().expect(0).stdout
    }
}

/// Has any process of this system that program of that folder for its own? Wine gives it the Windows name.
fn runs(program: &str, folder: &Path) -> bool {
    let own = windows_path(&folder.join(program));
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .any(|line| line.split(|byte| *byte == 0).next() == Some(own.as_bytes()))
}

fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

/// Colours there are in a picture that ImageMagick wrote as text.
fn colours(picture: &str) -> std::collections::BTreeSet<&str> {
    picture.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2)).collect()
}

#[test]
fn the_icon_s_menu_leads_to_a_sign_in() {
    let Some(wine) = Wine::here() else { return };
    let idp = Idp::start(Setting { access: 10, ..Setting::of(Family::PingOne) });
    wine.world.configure(&idp.config(""));
    let taskbar = Taskbar::set(&wine);
    taskbar.program("wine", &[&LIGHT[..], &["1"]].concat());

    let mut agent = taskbar.person_starts(&wine.programs.join("dagpass-agent.exe"));
    let pried = taskbar.person(&["pry"]);
    assert_eq!(pried.split_whitespace().collect::<Vec<_>>().join(" "), "seen not read not written");
    let signed_out = until("the icon on the taskbar", || {
        let icon = taskbar.icon();
        (colours(&icon).len() > 8).then_some(icon)
    });
    assert!(is_dark_somewhere(&signed_out), "a light taskbar wants dark strokes: {signed_out}");
    assert!(has_a_badge(&signed_out), "nobody is signed in: {signed_out}");

    taskbar.right_click_on_the_icon();
    taskbar.person(&["down", WITH_A_CODE]);
    taskbar.picture("windows-tray-menu.png");
    let message = taskbar.person(&["enter"]);
    let code = user_code(&message).unwrap_or_else(|| panic!("no code in: {message}"));
    taskbar.picture("windows-tray-code.png");
    idp.approve(&code);

    until("the agent to say so", || {
        let status = wine.cli(&["status", "--json", "--no-start"]).expect(0).stdout;
        status.contains("\"signed_in\"").then_some(())
    });
    until("the plain mark of somebody signed in", || {
        let icon = taskbar.icon();
        (is_dark_somewhere(&icon) && !has_a_badge(&icon)).then_some(())
    });
    let token = wine.token(&["token", "--no-start"]);
    assert_eq!(idp.call_api(&token), 200);
    taskbar.picture("windows-tray.png");
    a_notice_leads_to_the_next(&wine, &idp, &taskbar);

    assert!(runs("dagpass-agent.exe", &wine.programs), "or nothing tells that it is gone");
    wine.cli(&["agent", "stop"]).expect(0);
    until("the agent to be gone", || (!runs("dagpass-agent.exe", &wine.programs)).then_some(()));
    // What is left is the desktop it ran on, which stays while a browser of that sign-in does: log off.
    taskbar.program("wineserver", &["-k"]);
    wine.world.keep("the agent", agent.ended());
    wine.keep_files();
    idp.give_secrets(&wine.world);
    drop(taskbar);
    wine.world.close();
}

/// Ping ends the session; whoever asks for a token after that gets none, and the person is told.
fn a_notice_leads_to_the_next(wine: &Wine, idp: &Idp, taskbar: &Taskbar<'_>) {
    // Away from the icon, whose tooltip would lie there.
    taskbar.program("xdotool", &["mousemove", "10", "10"]);
    until("nothing above the icon", || {
        (colours(&taskbar.part(NOTICE_PART)).len() == 1).then_some(())
    });
    idp.revoke_families();
    // The notice goes by itself after some seconds: it is looked for each time one more was told no.
    until("a notice at the icon", || {
        let served = wine.cli(&["token", "--no-start"]).status.success();
        let told = colours(&taskbar.part(NOTICE_PART)).len() > 8;
        (told && !served).then_some(())
    });
    taskbar.picture("windows-tray-notice.png");
    taskbar.person(&["notice"]);
    until("the sign-in it leads to", || {
        let status = wine.cli(&["status", "--json", "--no-start"]).expect(0).stdout;
        status.contains("\"signing_in\"").then_some(())
    });
}

/// Is any pixel near black?
fn is_dark_somewhere(picture: &str) -> bool {
    colours(picture)
        .into_iter()
        .filter_map(parts)
        .any(|parts| parts.iter().all(|part| *part < 0x50))
}

/// Is any pixel of a strong colour? The mark itself has none.
fn has_a_badge(picture: &str) -> bool {
    colours(picture).into_iter().filter_map(parts).any(|parts| {
        let (least, most) = (parts.iter().min(), parts.iter().max());
        most.zip(least).is_some_and(|(most, least)| most - least > 0x60)
    })
}

/// Red, green and blue of `#RRGGBB`.
fn parts(colour: &str) -> Option<[u8; 3]> {
    let part = |at: usize| u8::from_str_radix(colour.get(at..at + 2)?, 16).ok();
    Some([part(1)?, part(3)?, part(5)?])
}
