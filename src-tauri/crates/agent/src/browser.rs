//! Opens the system browser, in a child of its own with the caller's desktop: the agent may have
//! been started by another shell, or none. The URL goes by stdin; nothing else leaves. Never a
//! webview (RFC 8252 §8.12), never anything but http and https.

mod opener;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use dagpass_client::descriptors;
use dagpass_core::ports::{Browser, Pending};
use dagpass_core::sign_in::{Desktop, Opening};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;
use url::Url;

use self::opener::Wish;
use crate::http::plain;

/// The argument that makes this program the child that opens the browser.
pub const OPEN_BROWSER: &str = "open-browser";

/// How long may the child take? It watches the browser for a moment and does not wait for its end.
const DEADLINE: Duration = Duration::from_secs(10);

/// What tells of a desktop. Taken from the caller, else from the agent's own start.
const DESKTOP: [&str; 15] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "BROWSER",
    "VSCODE_IPC_HOOK_CLI",
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_TYPE",
    "XDG_DATA_DIRS",
    "DESKTOP_SESSION",
    "KDE_FULL_SESSION",
    "KDE_SESSION_VERSION",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
];

/// What any program needs, from the agent's own start alone: a caller's `PATH` or `LD_PRELOAD`
/// must not choose what runs.
const BASE: [&str; 24] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "SYSTEMROOT",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "TEMP",
    "TMP",
    "APPDATA",
    "LOCALAPPDATA",
    "USERPROFILE",
    "USERNAME",
    "PROGRAMDATA",
    "PROGRAMFILES",
];

const BROWSER: &str = "BROWSER";

/// Any one of these says that there is a screen, or something that stands in for one.
const SCREEN: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"];

/// The browser that the desktop names.
#[derive(Debug)]
pub struct SystemBrowser {
    program: io::Result<PathBuf>,
    own: Vec<(String, OsString)>,
    needs_screen: bool,
}

impl Default for SystemBrowser {
    /// Reads the agent's own environment, once.
    fn default() -> Self {
        let known = DESKTOP.iter().chain(&BASE);
        Self {
            program: std::env::current_exe(),
            own: known
                .filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)))
                .collect(),
            needs_screen: cfg!(target_os = "linux"),
        }
    }
}

impl Browser for SystemBrowser {
    fn opening(&self, desktop: &Desktop) -> Opening {
        let theirs = desktop.variables.iter().find(|(name, _)| name == BROWSER);
        let theirs = opener::wish(theirs.map(|(_, value)| OsStr::new(value)));
        let environment = self.environment(desktop);
        let named = environment.iter().find(|(name, _)| name == BROWSER);
        match (theirs, opener::wish(named.map(|(_, value)| value.as_os_str()))) {
            (Wish::Nothing, _) | (_, Wish::Nothing) => Opening::Declined,
            // A remote editor's, which opens it where its window is.
            (Wish::Programs, _) => Opening::Likely,
            (Wish::Unsaid, _) if desktop.remote => Opening::Unlikely,
            (Wish::Unsaid, _) if !self.needs_screen => Opening::Likely,
            (Wish::Unsaid, _) => {
                let screen = environment.iter().any(|(name, _)| SCREEN.contains(&name.as_str()));
                if screen { Opening::Likely } else { Opening::Unlikely }
            }
        }
    }

    fn open<'a>(&'a self, url: &'a str, desktop: &'a Desktop) -> Pending<'a, Result<(), String>> {
        Box::pin(async move {
            if !is_web(url) {
                return Err("only http and https addresses are opened".to_owned());
            }
            let program = self.program.as_ref().map_err(ToString::to_string)?;
            let mut child = Command::new(program);
            child
                .arg(OPEN_BROWSER)
                .env_clear()
                .envs(self.environment(desktop))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true);
            descriptors::give_back(child.as_std_mut());
            match timeout(DEADLINE, run(&mut child, url)).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => Err(format!("none could be started: {error}")),
                Err(_) => Err(format!("no browser opened within {} s", DEADLINE.as_secs())),
            }
        })
    }
}

impl SystemBrowser {
    /// The caller's desktop over our own; empty values count as absent.
    fn environment(&self, desktop: &Desktop) -> Vec<(String, OsString)> {
        let theirs = desktop
            .variables
            .iter()
            .filter(|(name, _)| DESKTOP.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), OsString::from(value)));
        // Theirs replaces ours whole: half of two desktops is none.
        let theirs: Vec<_> = theirs.filter(|(_, value)| !value.is_empty()).collect();
        let ours = self.own.iter().filter(|(name, value)| {
            !value.is_empty() && (theirs.is_empty() || BASE.contains(&name.as_str()))
        });
        let ours: Vec<_> = ours.cloned().collect();
        ours.into_iter().chain(theirs).collect()
    }
}

/// What the child made of it: its reason where it failed.
async fn run(command: &mut Command, url: &str) -> io::Result<Result<(), String>> {
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    stdin.write_all(url.as_bytes()).await?;
    drop(stdin);
    let mut reason = Vec::new();
    stdout.take(LONGEST_REASON).read_to_end(&mut reason).await?;
    let status = child.wait().await?;
    if status.success() {
        return Ok(Ok(()));
    }
    let reason = plain(&String::from_utf8_lossy(&reason));
    Ok(Err(if reason.is_empty() { format!("its opener ended with {status}") } else { reason }))
}

/// How much does the child say? A sentence for each program it tried.
const LONGEST_REASON: u64 = 4096;

/// How long may an address be? Signed requests run to some kilobytes.
const LONGEST_URL: u64 = 64 * 1024;

/// What the program does as `open-browser`: reads the URL from stdin and hands it to the desktop. Says
/// on stdout why it could not.
pub fn open_browser_child() -> ExitCode {
    let mut url = String::new();
    let read = io::stdin().take(LONGEST_URL).read_to_string(&mut url);
    let opened = match read {
        Ok(_) if is_web(url.trim()) => opener::open(url.trim()),
        Ok(_) => Err("only http and https addresses are opened".to_owned()),
        Err(error) => Err(format!("the address was not handed over: {error}")),
    };
    let Err(reason) = opened else { return ExitCode::SUCCESS };
    // Where nobody reads it, the exit code says enough.
    drop(writeln!(io::stdout(), "{reason}"));
    ExitCode::FAILURE
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = &'static [(&'static str, &'static str)];

    fn browser(own: &[(&str, &str)]) -> SystemBrowser {
        SystemBrowser {
            program: Ok(PathBuf::from("/nonexistent/agent")),
            own: own.iter().map(|(k, v)| ((*k).to_owned(), OsString::from(v))).collect(),
            needs_screen: true,
        }
    }

    fn desktop(variables: &[(&str, &str)]) -> Desktop {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Desktop { variables: variables.collect(), remote: false }
    }

    #[test]
    fn a_browser_opens_where_there_is_a_screen_and_the_caller_sits_at_it() {
        let cases: &[(Variables, Variables, Opening)] = &[
            (&[], &[], Opening::Unlikely),
            (&[], &[("DISPLAY", ":0")], Opening::Likely),
            (&[], &[("WAYLAND_DISPLAY", "wayland-0")], Opening::Likely),
            (&[], &[("BROWSER", "firefox")], Opening::Likely),
            (&[("DISPLAY", ":0")], &[], Opening::Likely),
            (&[("BROWSER", "firefox")], &[], Opening::Likely),
            (&[("BROWSER", "none")], &[], Opening::Declined),
            (&[("BROWSER", "none")], &[("DISPLAY", ":0")], Opening::Likely),
            (&[("DISPLAY", ":0")], &[("BROWSER", "")], Opening::Declined),
            (&[], &[("DISPLAY", ":0"), ("BROWSER", "none")], Opening::Declined),
            (&[], &[("DISPLAY", "")], Opening::Unlikely),
            (&[("PATH", "/bin")], &[("XAUTHORITY", "/x")], Opening::Unlikely),
        ];
        for (own, theirs, expected) in cases {
            assert_eq!(browser(own).opening(&desktop(theirs)), *expected, "{own:?} {theirs:?}");
        }
        let remote = |theirs| Desktop { remote: true, ..desktop(theirs) };
        let at_the_screen = browser(&[("DISPLAY", ":0"), ("BROWSER", "firefox")]);
        let mac = SystemBrowser { needs_screen: false, ..browser(&[]) };
        assert_eq!(mac.opening(&desktop(&[])), Opening::Likely);
        for (theirs, expected) in [
            (&[("DISPLAY", ":0")][..], Opening::Unlikely),
            (&[], Opening::Unlikely),
            (&[("BROWSER", "/srv/helpers/browser.sh")], Opening::Likely),
            (&[("BROWSER", "none")], Opening::Declined),
        ] {
            let desktop = remote(theirs);
            assert_eq!(at_the_screen.opening(&desktop), expected, "it would open elsewhere");
            assert_eq!(mac.opening(&desktop), expected, "{theirs:?}");
        }
    }

    #[test]
    fn a_caller_chooses_the_desktop_and_nothing_else() {
        let own = [("PATH", "/bin"), ("DISPLAY", ":0"), ("XAUTHORITY", "/own")];
        let theirs = [("DISPLAY", ":9"), ("PATH", "/evil"), ("LD_PRELOAD", "/evil.so")];
        let environment = browser(&own).environment(&desktop(&theirs));
        let expected = [("PATH", "/bin"), ("DISPLAY", ":9")];
        assert_eq!(environment, expected.map(|(k, v)| (k.to_owned(), OsString::from(v))));
    }

    #[tokio::test]
    async fn only_web_addresses_are_opened() {
        for url in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "",
            "https:",
            "ssh://x.example",
            "x.example",
        ] {
            let refused = browser(&[]).open(url, &desktop(&[])).await.expect_err(url);
            assert_eq!(refused, "only http and https addresses are opened", "{url}");
        }
        let failed = browser(&[]).open("https://x.example/", &desktop(&[])).await;
        assert!(failed.expect_err("no such program").starts_with("none could be started: "));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_child_gets_one_argument_the_url_on_stdin_and_a_clean_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("agent");
        let report = folder.path().join("report");
        let body =
            format!("#!/bin/sh\nexec >'{}'\necho \"$#:$1\"\ncat\necho\nenv\n", report.display());
        // Written by another process: one of ours with the file still open would make it busy.
        let written = std::process::Command::new("sh")
            .args(["-c", "printf %s \"$2\" >\"$1\" && chmod 700 \"$1\"", "sh"])
            .args([script.as_os_str(), body.as_ref()])
            .status();
        assert!(written.expect("a shell").success());
        let browser =
            SystemBrowser { program: Ok(script), ..browser(&[("PATH", "/usr/bin:/bin")]) };
        let url = "https://auth.example/as?state=canary";
        browser.open(url, &desktop(&[("DISPLAY", ":7")])).await.expect("opened");

        let report = std::fs::read_to_string(report).expect("a report");
        let mut lines = report.lines();
        assert_eq!(lines.next(), Some("1:open-browser"));
        assert_eq!(lines.next(), Some(url));
        let mut environment: Vec<&str> = lines
            .filter(|line| {
                !["_", "PWD=", "SHLVL=", "OLDPWD="].iter().any(|of_sh| line.starts_with(of_sh))
            })
            .collect();
        environment.sort_unstable();
        assert_eq!(environment, ["DISPLAY=:7", "PATH=/usr/bin:/bin"]);
    }
}
