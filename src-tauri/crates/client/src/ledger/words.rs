//! A record in words, the same ones as in the window's Activity view (`ui/views/activity/record.js`, and a
//! test holds the two together). Pure; knows no colour and no column.

use super::record::Line;

/// `Served from cache`, `Request denied, 12 times`, `Task success`.
pub fn title(line: &Line) -> String {
    if let Some(run) = &line.run {
        return format!("{} {}", plain(&run.kind), run.state);
    }
    match &*line.event {
        "ledger-lost" => return "Record before this lost".to_owned(),
        "ledger-altered" => return "Record written to by another program".to_owned(),
        "ledger-forked" => return "A witness holds another record".to_owned(),
        "approval-expired" => return "Approval not answered".to_owned(),
        "refused" if line.outcome != "ok" => {
            return match line.count {
                Some(many @ 2..) => format!("{many} requests turned away"),
                _ => "Request turned away".to_owned(),
            };
        }
        _ => {}
    }
    let title = match &*line.outcome {
        "ok" => done(line).map_or_else(|| plain(&line.event), str::to_owned),
        outcome => format!("{} {outcome}", undone(&line.event)),
    };
    match amount(line) {
        Some(many @ 2..) => format!("{title}, {many} times"),
        _ => title,
    }
}

/// How many a line stands for, where it says so; of a mended ledger the count is of those that were denied
/// meanwhile.
pub fn amount(line: &Line) -> Option<u64> {
    line.count.filter(|_| !matches!(&*line.event, "ledger-mended" | "ledger-pruned"))
}

/// As short as a narrow row wants it: `From cache`.
pub fn short(line: &Line) -> String {
    match (&*line.event, &*line.outcome) {
        ("issue", "ok") => match line.served.as_deref() {
            Some("refresh") => "Refreshed",
            Some("exchange") => "By a grant",
            Some(_) | None => "From cache",
        }
        .to_owned(),
        ("refresh", "ok") => "Refreshed ahead".to_owned(),
        (_, _) => title(line),
    }
}

/// Is there another line that tells the same? A request that was permitted is followed by its issue, a
/// deed by its own line; what was only looked at is told by nobody, and few want it.
pub fn is_echo(line: &Line) -> bool {
    let Some(action) = line.action.as_deref() else {
        return line.event == "decision" && line.outcome == "ok";
    };
    line.event == "decision"
        && line.outcome == "ok"
        && (SERVED.contains(&action) || OWN_LINE.contains(&action) || deed(action).is_none())
}

const SERVED: [&str; 4] = ["token", "connection", "try", "proxy"];
const OWN_LINE: [&str; 10] = [
    "sign-in",
    "sign-out",
    "open-door",
    "close-door",
    "make-evidence",
    "prune-ledger",
    "approve",
    "revoke-approval",
    "revoke-lease",
    "change-client",
];

fn done(line: &Line) -> Option<&'static str> {
    Some(match &*line.event {
        "issue" if line.upstream.is_some() => "Sent to an upstream",
        "issue" => match line.served.as_deref() {
            Some("cache") => "Served from cache",
            Some("refresh") => "Served after a refresh",
            Some("exchange") if line.deployment.is_some() => "Served after a JWT bearer grant",
            Some("exchange") => "Served after an exchange",
            _ => "Token served",
        },
        "refresh" => "Refreshed ahead of need",
        "exchange" => "Airflow gave its token",
        "sign-in" => "Signed in",
        "sign-out" => "Signed out",
        "revocation" => "Revoked at Ping",
        "door-opened" => "Door opened",
        "door-closed" => "Door closed",
        "ledger-mended" => "Record written again",
        "ledger-pruned" => "Old lines pruned",
        "evidence" => "Evidence pack signed",
        "approval-asked" => "Approval asked for",
        "approval-answered" => "Approved",
        "approval-revoked" => "Approval taken back",
        "token-found" => "Token found in a file",
        "lease-revoked" => "Lease revoked",
        "client-credential" => "Secret or key of a client changed",
        "sign-out-everywhere" => "Signed out everywhere",
        "decision" => match line.action.as_deref() {
            None => "Request permitted",
            Some(action) if SERVED.contains(&action) => "Request permitted",
            Some(action) => deed(action).unwrap_or("Looked"),
        },
        "agent-start" => "Agent started",
        "agent-stop" => "Agent ended",
        "config-change" if line.session.is_some() => "Tokens go another way",
        "config-change" => "Config changed on disk",
        _ => return None,
    })
}

/// What was asked of the agent itself, done.
fn deed(action: &str) -> Option<&'static str> {
    Some(match action {
        "write-config" => "Config changed",
        "sign-in" => "Sign-in begun",
        "finish-sign-in" => "Sign-in finished by hand",
        "sign-out" => "Sign-out asked for",
        "purge" => "Purged",
        "change-client" => "Secret or key of a client to be changed",
        "unlock" => "Store opened",
        "use-store" => "Store changed",
        "begin-run" => "Run begun",
        "enter-proxy" => "Way to an upstream given",
        "end-run" => "Run ended",
        "open-door" => "Door asked for",
        "close-door" => "Door closing",
        "begin-relay" => "Relay begun",
        "pause" => "Paused",
        "resume" => "Resumed",
        "stop" => "Agent told to end",
        "set-login-item" => "Start at login changed",
        "make-evidence" => "Evidence asked for",
        "prune-ledger" => "Ledger to be pruned",
        "break-glass" => "Own policy switched off or on",
        "approve" => "Approval answered",
        "revoke-approval" => "Approval to be taken back",
        "revoke-lease" => "Lease to be revoked",
        _ => return None,
    })
}

fn undone(event: &str) -> String {
    match event {
        "issue" | "decision" => "Request".to_owned(),
        "refresh" => "Refresh".to_owned(),
        "exchange" => "JWT bearer grant".to_owned(),
        "sign-in" => "Sign-in".to_owned(),
        "sign-out" => "Sign-out".to_owned(),
        "revocation" => "Revocation".to_owned(),
        "approval-answered" => "Approval".to_owned(),
        event => plain(event),
    }
}

/// A code as English.
fn plain(code: &str) -> String {
    let text = code.replace(['_', '-'], " ");
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: &str = include_str!("../../../../../ui/views/activity/record.js");

    fn line(more: &str) -> Line {
        Line::parse(&format!("{{{more}}}")).unwrap()
    }

    #[test]
    fn a_record_is_told_in_words() {
        for (more, expected) in [
            (r#""event":"issue","outcome":"ok","served":"cache""#, "Served from cache"),
            (r#""event":"issue","outcome":"ok","action":"token""#, "Token served"),
            (
                r#""event":"issue","outcome":"ok","served":"cache","upstream":{"name":"w"}"#,
                "Sent to an upstream",
            ),
            (
                r#""event":"issue","outcome":"ok","served":"exchange","deployment":"prod""#,
                "Served after a JWT bearer grant",
            ),
            (r#""event":"issue","outcome":"denied","count":12"#, "Request denied, 12 times"),
            (r#""event":"decision","outcome":"ok","action":"pause""#, "Paused"),
            (
                r#""event":"decision","outcome":"ok","action":"show-status","count":12"#,
                "Looked, 12 times",
            ),
            (r#""event":"decision","outcome":"ok""#, "Request permitted"),
            (r#""event":"refused","outcome":"denied","count":1"#, "Request turned away"),
            (r#""event":"refused","outcome":"denied","count":7"#, "7 requests turned away"),
            (r#""event":"sign-in","outcome":"failed""#, "Sign-in failed"),
            (r#""event":"ledger-mended","outcome":"ok","count":12"#, "Record written again"),
            (r#""event":"ledger-pruned","outcome":"ok","count":12"#, "Old lines pruned"),
            (r#""event":"ledger-lost","outcome":"failed""#, "Record before this lost"),
            (r#""event":"approval-answered","outcome":"denied""#, "Approval denied"),
            (r#""event":"approval-expired","outcome":"denied","count":9"#, "Approval not answered"),
            (
                r#""event":"run","outcome":"ok","run":{"kind":"task","state":"success"}"#,
                "Task success",
            ),
            (r#""event":"config-change","outcome":"ok","session":{}"#, "Tokens go another way"),
            (r#""event":"a-new-one","outcome":"ok""#, "A new one"),
            (r#""event":"a-new-one","outcome":"failed""#, "A new one failed"),
            ("", " "),
        ] {
            assert_eq!(title(&line(more)), expected, "{more}");
        }
    }

    #[test]
    fn the_window_says_the_same() {
        // Each of ours by its code, as it stands there; and none there that is not here.
        let entry = |code: &str, words: &str| {
            let (bare, quoted) = (format!("{code}: '{words}'"), format!("'{code}': '{words}'"));
            WINDOW.contains(&bare) || WINDOW.contains(&quoted)
        };
        let (_, deeds) = WINDOW.split_once("const DEEDS = {").unwrap();
        let (deeds, _) = deeds.split_once("};").unwrap();
        let mut told = 0;
        for entry in deeds.lines().filter_map(|line| line.trim().strip_suffix("',")) {
            let (code, words) = entry.split_once(": '").unwrap();
            assert_eq!(deed(code.trim_matches('\'')), Some(words), "{entry}");
            told += 1;
        }
        assert_eq!(told, 24);
        for event in [
            "refresh",
            "exchange",
            "sign-in",
            "sign-out",
            "revocation",
            "door-opened",
            "door-closed",
            "ledger-mended",
            "ledger-pruned",
            "evidence",
            "approval-asked",
            "approval-answered",
            "approval-revoked",
            "token-found",
            "lease-revoked",
            "client-credential",
            "sign-out-everywhere",
            "agent-start",
            "agent-stop",
        ] {
            let words = title(&line(&format!(r#""event":"{event}","outcome":"ok""#)));
            assert!(entry(event, &words), "{event}: {words}");
        }
        for served in ["cache", "refresh"] {
            let issue = format!(r#""event":"issue","outcome":"ok","served":"{served}""#);
            assert!(entry(served, &title(&line(&issue))), "{served}");
        }
        for served in ["cache", "refresh", "exchange"] {
            let issue = format!(r#""event":"issue","outcome":"ok","served":"{served}""#);
            let kind = format!("{served}: ['{}'", short(&line(&issue)));
            assert!(WINDOW.contains(&kind), "{kind}");
        }
        let ahead = short(&line(r#""event":"refresh","outcome":"ok""#));
        assert!(WINDOW.contains(&format!("'{ahead}'")), "{ahead}");
        for event in [
            "issue",
            "decision",
            "refresh",
            "exchange",
            "sign-in",
            "sign-out",
            "revocation",
            "approval-answered",
        ] {
            assert!(entry(event, &undone(event)), "{event}");
        }
        for words in [
            "Token served",
            "Served after ${broughtBy(record)}",
            "'a JWT bearer grant' : 'an exchange'",
            "Tokens go another way",
            "Config changed on disk",
            "Request permitted",
            "'Looked'",
            "'Record before this lost'",
            "'Record written to by another program'",
            "'Approval not answered'",
            "${record.count} requests turned away",
            "'Request turned away'",
            "amountOf(record) > 1 ? `${title}, ${record.count} times`",
            "COUNTS_OTHERS.has(record.event) ? 1 : record.count ?? 1",
        ] {
            assert!(WINDOW.contains(words), "{words}");
        }
    }

    #[test]
    fn an_echo_is_a_permit_that_another_line_tells_of_or_a_look() {
        for (more, expected) in [
            (r#""event":"decision","outcome":"ok""#, true),
            (r#""event":"decision","outcome":"ok","action":"token""#, true),
            (r#""event":"decision","outcome":"ok","action":"sign-out""#, true),
            (r#""event":"decision","outcome":"ok","action":"show-status""#, true),
            (r#""event":"decision","outcome":"ok","action":"pause""#, false),
            (r#""event":"decision","outcome":"denied","action":"show-status""#, false),
            (r#""event":"issue","outcome":"ok","action":"token""#, false),
            (r#""event":"agent-start","outcome":"ok""#, false),
        ] {
            assert_eq!(is_echo(&line(more)), expected, "{more}");
        }
    }
}
