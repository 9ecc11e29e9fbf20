//! What a person sees during a sign-in, as text.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::duration;

/// How long may an address be good and still be opened in time by whoever reads on? Shorter is announced.
const AT_LEISURE: i64 = 540;

/// `left`: seconds for which the address can be opened.
pub(super) fn browser(url: &str, opened: bool, left: i64) -> String {
    let text = if opened {
        format!("your browser shows Ping's sign-in; if it does not, open\n  {url}")
    } else {
        format!("to sign in, open in a browser\n  {url}")
    };
    if left >= AT_LEISURE {
        return text;
    }
    format!("{text}\nopen it within {}: then this address ends", duration::show(left))
}

/// The code is shown even where the address holds it (RFC 8628 §3.3.1): it is compared by eye.
pub(super) fn device(user_code: &str, uri: &str, left: &str) -> String {
    format!(
        "to sign in, open   {uri}\nand enter          {user_code}\n\
         never enter a code you did not ask for; this one ends in {left}"
    )
}

/// Half blocks: two modules a character. On a terminal black on white, whatever its theme.
pub(super) fn qr(text: &str, colours: bool) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    if !colours {
        let drawn = renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        return Some(drawn);
    }
    let drawn = renderer.dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build();
    let lines: Vec<String> =
        drawn.lines().map(|line| format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m")).collect();
    Some(lines.join("\n"))
}

/// How this shell was reached, if by ssh.
pub(super) struct Ssh {
    user: Option<String>,
    /// `client-address client-port server-address server-port`, as sshd sets it.
    connection: Option<String>,
}

impl Ssh {
    pub(super) fn here() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        Self { user: variable("USER"), connection: variable("SSH_CONNECTION") }
    }

    pub(super) fn is_used(&self) -> bool {
        self.connection.is_some()
    }
}

/// The line that brings the callback from the browser's machine to this one.
pub(super) fn tunnel(redirect_uri: &str, ssh: &Ssh) -> Option<String> {
    let port = port(redirect_uri)?;
    let fields: Vec<&str> = ssh.connection.as_deref().unwrap_or("").split(' ').collect();
    let (host, option) = match fields.as_slice() {
        [_, _, host, "22"] => ((*host).to_owned(), String::new()),
        [_, _, host, port] => ((*host).to_owned(), format!("-p {port} ")),
        _ => ("THIS-MACHINE".to_owned(), String::new()),
    };
    let user = ssh.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    Some(format!(
        "where the browser is on another machine, first run there\n  \
         ssh -L {port}:127.0.0.1:{port} {option}{user}{host}"
    ))
}

fn port(uri: &str) -> Option<u16> {
    let authority = uri.strip_prefix("http://")?.split(['/', '?', '#']).next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_code_is_always_shown_with_the_warning() {
        assert_eq!(
            device("BVKV-2GZ2", "https://p.example/device", "10 min"),
            "to sign in, open   https://p.example/device\nand enter          BVKV-2GZ2\n\
             never enter a code you did not ask for; this one ends in 10 min"
        );
    }

    #[test]
    fn an_address_that_ends_soon_says_when() {
        for (left, end) in [
            (600, "\n  https://p"),
            (60, "https://p\nopen it within 1 min: then this address ends"),
        ] {
            for opened in [true, false] {
                let text = browser("https://p", opened, left);
                assert!(text.ends_with(end), "{text}");
            }
        }
    }

    #[test]
    fn the_tunnel_leads_to_the_address_ssh_came_by() {
        let ssh = |connection: Option<&str>| Ssh {
            user: Some("ada".to_owned()),
            connection: connection.map(str::to_owned),
        };
        let table = [
            (Some("10.0.0.2 5000 10.0.0.9 22"), "ssh -L 21217:127.0.0.1:21217 ada@10.0.0.9"),
            (
                Some("10.0.0.2 5000 10.0.0.9 2222"),
                "ssh -L 21217:127.0.0.1:21217 -p 2222 ada@10.0.0.9",
            ),
            (None, "ssh -L 21217:127.0.0.1:21217 ada@THIS-MACHINE"),
        ];
        for (connection, line) in table {
            let text = tunnel("http://127.0.0.1:21217/callback", &ssh(connection)).unwrap();
            assert_eq!(text.lines().last().map(str::trim), Some(line));
        }
        assert_eq!(tunnel("https://corp.example/cb", &ssh(None)), None);
    }

    #[test]
    fn a_qr_code_is_drawn_by_half_blocks() {
        let plain = qr("https://p.example/device?user_code=BVKV-2GZ2", false).unwrap();
        assert!(plain.contains('▀') && !plain.contains('\x1b'));
        let coloured = qr("https://p.example/device", true).unwrap();
        assert!(coloured.lines().all(|line| line.ends_with("\x1b[0m")));
    }
}
