//! The headers that let us in at a collector: what the config's command prints, `Name: value` a line. They are held
//! in memory for a while, and neither they nor what else it prints are ever told.

use std::process::Stdio;
use std::time::Duration;

use dagpass_core::token::Secret;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

/// How long may the command take? Somebody may have to touch a key.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much may it print?
const LONGEST: u64 = 64 * 1024;
/// How many headers may there be?
const MOST: usize = 32;

/// What we say ourselves, and what a connection is made of.
const OURS: [&str; 6] = [
    "content-type",
    "content-length",
    "content-encoding",
    "host",
    "connection",
    "transfer-encoding",
];

pub(crate) type Headers = Vec<(String, Secret<String>)>;

/// None where there is no command.
pub(super) async fn printed(command: &[String]) -> Result<Headers, String> {
    let Some((program, args)) = command.split_first() else { return Ok(Vec::new()) };
    let failed = |what: &str| format!("headers-command: {program} {what}");
    let Ok(told) = tokio::time::timeout(PATIENCE, run(program, args)).await else {
        return Err(failed(&format!("did not end within {} s", PATIENCE.as_secs())));
    };
    let text = told.map_err(|why| failed(&why))?;
    let text = str::from_utf8(&text).map_err(|_| failed("printed no text"))?;
    read(text).map_err(|why| failed(&why))
}

async fn run(program: &str, args: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.kill_on_drop(true);
    #[cfg(windows)]
    command.creation_flags(NO_WINDOW);
    let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;
    let mut text = Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(LONGEST + 1).read_to_end(&mut text).await;
        read.map_err(|error| format!("cannot be read: {error}"))?;
    }
    if text.len() as u64 > LONGEST {
        return Err("printed more than headers".to_owned());
    }
    let ended = child.wait().await.map_err(|error| error.to_string())?;
    if ended.success() { Ok(text) } else { Err(format!("ended with {ended}")) }
}

/// Nobody is shown a console for a moment (`CREATE_NO_WINDOW`).
#[cfg(windows)]
const NO_WINDOW: u32 = 0x0800_0000;

/// Says of a line which one it is, and never what stands there.
fn read(text: &str) -> Result<Headers, String> {
    let mut headers = Headers::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |what: &str| Err(format!("printed {what} in line {}", number + 1));
        let Some((name, value)) = line.split_once(':') else { return wrong("no `Name: value`") };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return wrong("no header's name");
        }
        if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            return wrong("a header that is not its to say");
        }
        let value = value.trim();
        if !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return wrong("a value that no header may have");
        }
        headers.push((name.to_owned(), Secret::new(value.to_owned())));
    }
    if headers.len() > MOST { Err("printed too many headers".to_owned()) } else { Ok(headers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines_and_what_is_wrong_with_one_is_told_without_it() {
        let told = |text| {
            let read = read(text)?;
            let each = read.iter().map(|(name, value)| format!("{name}={}", value.expose()));
            Ok(each.collect::<Vec<_>>().join(" "))
        };
        for (text, expected) in [
            ("", Ok("")),
            (
                "Authorization: Bearer s3cret\r\n\nX-Scope: a:b\n",
                Ok("Authorization=Bearer s3cret X-Scope=a:b"),
            ),
            ("s3cret", Err("printed no `Name: value` in line 1")),
            ("X-A: b\ns3cret or: so", Err("printed no header's name in line 2")),
            ("content-TYPE: s3cret", Err("printed a header that is not its to say in line 1")),
            ("X-A: s3cret\u{7f}", Err("printed a value that no header may have in line 1")),
        ] {
            assert_eq!(told(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert!(read(&"A: b\n".repeat(33)).is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_that_fails_or_is_not_there_is_told_without_what_it_printed() {
        let shell = |script: &str| ["/bin/sh", "-c", script].map(str::to_owned);
        let headers = printed(&shell("echo 'X-Key: s3cret'")).await.unwrap();
        assert_eq!((headers[0].0.as_str(), headers[0].1.expose().as_str()), ("X-Key", "s3cret"));
        assert!(printed(&[]).await.unwrap().is_empty());
        for (command, words) in [
            (shell("echo s3cret; exit 3").to_vec(), "ended with exit status: 3"),
            (shell("echo s3cret").to_vec(), "printed no `Name: value` in line 1"),
            (vec!["/nonexistent/program".to_owned()], "cannot be started"),
            (shell("yes s3cret").to_vec(), "printed more than headers"),
        ] {
            let why = printed(&command).await.unwrap_err();
            assert!(why.contains(words) && !why.contains("s3cret"), "{why}");
        }
    }
}
