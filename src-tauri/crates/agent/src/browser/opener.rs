//! The child's part: what `BROWSER` names, else what the desktop has, and whether it took the address. A
//! program that ends badly at once has opened nothing, and says so while somebody waits.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long is an opener watched? One that fails does so at once; a browser stays.
const WATCHED: Duration = Duration::from_secs(2);

/// What separates the entries of `BROWSER`: it is a list like `PATH`.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// Programs that show nothing to anybody, as `BROWSER` is set to keep one from opening.
const NOTHING: [&str; 5] = ["", "none", "echo", "true", "false"];

/// Linux desktops' own openers, the portable one first. Each ends when it has handed the address on,
/// or stays with the browser.
const OPENERS: [&[&str]; 6] = [
    &["xdg-open"],
    &["gio", "open"],
    &["kde-open"],
    &["exo-open"],
    &["x-www-browser"],
    &["sensible-browser"],
];

/// What a person says by `BROWSER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Unsaid,
    /// Print the address, open nothing.
    Nothing,
    Programs,
}

pub(super) fn wish(browser: Option<&OsStr>) -> Wish {
    let Some(browser) = browser else { return Wish::Unsaid };
    let text = browser.to_string_lossy();
    let nothing = text.split(SEPARATOR).all(|entry| NOTHING.contains(&entry.trim()));
    if nothing { Wish::Nothing } else { Wish::Programs }
}

/// Opens `url`, or says why nobody could.
pub(super) fn open(url: &str) -> Result<(), String> {
    let browser = std::env::var("BROWSER").ok().filter(|named| !named.is_empty());
    let mut failures = Vec::new();
    if let Some(browser) = &browser {
        for line in entries(browser, Path::is_file) {
            match run(&command(&line, url)) {
                Ok(()) => return Ok(()),
                Err(failure) => failures.push(failure),
            }
        }
        // Another browser than the one that was named is opened only where that one is not there.
        let tried = failures.iter().any(|failure| !failure.absent);
        if tried || !(cfg!(not(target_os = "linux")) || has_screen()) {
            return Err(format!("of BROWSER, {}", said(&failures)));
        }
    }
    by_desktop(url).map_err(|cause| match failures.as_slice() {
        [] => cause,
        failures => format!("of BROWSER, {}; {cause}", said(failures)),
    })
}

fn has_screen() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some())
}

fn by_desktop(url: &str) -> Result<(), String> {
    let of_linux = cfg!(target_os = "linux") && std::env::var_os("WSL_DISTRO_NAME").is_none();
    if !of_linux {
        return webbrowser::open(url).map_err(|error| error.to_string());
    }
    let mut failures = Vec::new();
    for opener in OPENERS {
        let line = opener.iter().map(|word| (*word).to_owned()).collect();
        match run(&command(&Line { words: line }, url)) {
            Ok(()) => return Ok(()),
            Err(failure) if failure.absent => {}
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() {
        return Err("no opener (xdg-open, gio, …) is on the agent's PATH".to_owned());
    }
    Err(said(&failures))
}

/// One entry of `BROWSER`: a program, and its arguments as they stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    words: Vec<String>,
}

/// A list, unless the whole is a file: a path may hold a colon. Blanks separate words, unless what
/// stands before one is a file.
fn entries(browser: &str, is_file: impl Fn(&Path) -> bool) -> Vec<Line> {
    if is_file(Path::new(browser)) {
        return vec![Line { words: vec![browser.to_owned()] }];
    }
    let lines = browser.split(SEPARATOR).map(str::trim);
    lines.filter(|entry| !entry.is_empty()).map(|entry| line(entry, &is_file)).collect()
}

fn line(entry: &str, is_file: &impl Fn(&Path) -> bool) -> Line {
    let ends = entry.match_indices(char::is_whitespace).map(|(at, _)| at);
    let longest = ends.chain([entry.len()]).rev().find(|end| is_file(Path::new(&entry[..*end])));
    let (program, rest) = match longest {
        Some(end) => entry.split_at(end),
        None => entry.split_once(char::is_whitespace).unwrap_or((entry, "")),
    };
    let words = [program].into_iter().chain(rest.split_whitespace());
    Line { words: words.map(str::to_owned).collect() }
}

/// Program and arguments: `%s` is the address, `%c` a colon, `%%` a per cent sign. Where none is
/// `%s`, the address comes last.
fn command(line: &Line, url: &str) -> Vec<String> {
    let mut placed = false;
    let mut words: Vec<String> = Vec::new();
    for (number, word) in line.words.iter().enumerate() {
        words.push(if number == 0 { word.clone() } else { expanded(word, url, &mut placed) });
    }
    if !placed {
        words.push(url.to_owned());
    }
    words
}

fn expanded(word: &str, url: &str, placed: &mut bool) -> String {
    let mut text = String::new();
    let mut rest = word.chars();
    while let Some(c) = rest.next() {
        match (c, rest.clone().next()) {
            ('%', Some('s')) => {
                text.push_str(url);
                *placed = true;
            }
            ('%', Some('c')) => text.push(':'),
            ('%', Some('%')) => text.push('%'),
            _ => {
                text.push(c);
                continue;
            }
        }
        rest.next();
    }
    text
}

#[derive(Debug)]
struct Failure {
    text: String,
    absent: bool,
}

fn said(failures: &[Failure]) -> String {
    failures.iter().map(|failure| failure.text.as_str()).collect::<Vec<_>>().join("; ")
}

/// `Ok` where it ended well, or still runs when it was watched long enough.
fn run(words: &[String]) -> Result<(), Failure> {
    let [program, arguments @ ..] = words else {
        return Err(Failure { text: "no program".to_owned(), absent: true });
    };
    let name = Path::new(program).file_name().map_or(program.into(), OsStr::to_string_lossy);
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = started.map_err(|error| {
        let absent = error.kind() == io::ErrorKind::NotFound;
        let why = if absent { "is not there".to_owned() } else { error.to_string() };
        Failure { text: format!("`{name}`: {why}"), absent }
    })?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        // Whoever watched may have had enough of it.
        drop(tell.send(child.wait()));
    });
    match told.recv_timeout(WATCHED) {
        Ok(Ok(status)) if !status.success() => {
            Err(Failure { text: format!("`{name}` {}", ending(&name, status)), absent: false })
        }
        Ok(Err(error)) => Err(Failure { text: format!("`{name}`: {error}"), absent: false }),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// The numbers of xdg-open(1).
fn ending(name: &str, status: ExitStatus) -> String {
    let meaning = match (name, status.code()) {
        ("xdg-open", Some(3)) => " (it found no browser)",
        ("xdg-open", Some(4)) => " (the browser it called failed)",
        _ => "",
    };
    format!("ended with {status}{meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    const URL: &str = "https://idp.example/as?a=%25s&b=1";

    #[test]
    fn a_wish_for_no_browser_is_understood() {
        let none = if cfg!(windows) { "none;" } else { "none:" };
        for (browser, expected) in [
            (None, Wish::Unsaid),
            (Some(""), Wish::Nothing),
            (Some(" "), Wish::Nothing),
            (Some("none"), Wish::Nothing),
            (Some("echo"), Wish::Nothing),
            (Some("true"), Wish::Nothing),
            (Some(none), Wish::Nothing),
            (Some("firefox"), Wish::Programs),
            (Some("none-such"), Wish::Programs),
            (Some("/srv/vscode-server/bin/helpers/browser.sh"), Wish::Programs),
        ] {
            assert_eq!(wish(browser.map(OsStr::new)), expected, "{browser:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn browser_is_a_list_of_command_lines() {
        let there = ["/opt/my browser", "/opt/a:b", "/opt/my browser %s"];
        let table: &[(&str, &[&[&str]])] = &[
            ("firefox", &[&["firefox", URL]]),
            ("firefox:w3m", &[&["firefox", URL], &["w3m", URL]]),
            (":firefox: ", &[&["firefox", URL]]),
            ("firefox --new-tab", &[&["firefox", "--new-tab", URL]]),
            ("firefox --new-tab %s --x", &[&["firefox", "--new-tab", URL, "--x"]]),
            ("app --url=%s%%", &[&["app", &format!("--url={URL}%")]]),
            ("app %%s a%cb %z %", &[&["app", "%s", "a:b", "%z", "%", URL]]),
            ("/opt/my browser", &[&["/opt/my browser", URL]]),
            ("/opt/my browser --app %s", &[&["/opt/my browser", "--app", URL]]),
            ("/opt/my other", &[&["/opt/my", "other", URL]]),
            ("w3m:/opt/my browser -x", &[&["w3m", URL], &["/opt/my browser", "-x", URL]]),
            ("/opt/a:b", &[&["/opt/a:b", URL]]),
            ("/opt/my browser %s", &[&["/opt/my browser %s", URL]]),
        ];
        for (browser, expected) in table {
            let lines = entries(browser, |path| there.iter().any(|file| path == Path::new(file)));
            let commands: Vec<_> = lines.iter().map(|line| command(line, URL)).collect();
            assert_eq!(commands, *expected, "{browser}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_ends_badly_has_opened_nothing() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(run(&words("true")).is_ok());
        let failure = run(&words("false")).unwrap_err();
        assert_eq!(
            (failure.text.as_str(), failure.absent),
            ("`false` ended with exit status: 1", false)
        );
        let failure = run(&words("/nonexistent/browser x")).unwrap_err();
        assert_eq!((failure.text.as_str(), failure.absent), ("`browser`: is not there", true));
    }
}
