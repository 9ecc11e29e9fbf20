//! macOS: a LaunchAgent, which launchd reads at the next login.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{AT_LOGIN, remove_file};
use crate::owner;
use crate::wire::LoginItem;

const LABEL: &str = "dev.dagpass.agent";

pub(super) fn look() -> LoginItem {
    let file = file();
    LoginItem {
        enabled: file.as_ref().is_some_and(|file| file.exists()),
        how: "launch-agent".to_owned(),
        available: file.is_some(),
        reason: file.is_none().then(|| "there is no home folder".to_owned()),
        path: file.unwrap_or_default().display().to_string(),
    }
}

pub(super) fn enable(program: &str) -> io::Result<()> {
    let file = file().ok_or(io::ErrorKind::Unsupported)?;
    let made = file.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(&file, plist(program))).map_err(|error| owner::named(&file, error))
}

pub(super) fn remove() -> io::Result<Vec<String>> {
    let mut gone = Vec::new();
    if let Some(file) = file() {
        remove_file(&file, &mut gone)?;
    }
    Ok(gone)
}

fn file() -> Option<PathBuf> {
    let dirs = directories::BaseDirs::new()?;
    Some(dirs.home_dir().join(format!("Library/LaunchAgents/{LABEL}.plist")))
}

fn plist(program: &str) -> String {
    let escaped = program.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let arguments: String = std::iter::once(escaped.as_str())
        .chain(AT_LOGIN)
        .map(|argument| format!("    <string>{argument}</string>\n"))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n  <key>Label</key>\n  <string>{LABEL}</string>\n  \
         <key>ProgramArguments</key>\n  <array>\n{arguments}  </array>\n  \
         <key>LimitLoadToSessionType</key>\n  <string>Aqua</string>\n  \
         <key>RunAtLoad</key>\n  <true/>\n</dict>\n</plist>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_in_xml_as_text() {
        let text = plist("/Users/a & b/dagpass-agent");
        assert!(text.contains("<string>/Users/a &amp; b/dagpass-agent</string>"), "{text}");
        assert!(text.contains("<string>--at-login</string>"), "{text}");
    }
}
