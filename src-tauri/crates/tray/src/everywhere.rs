//! What a sign-out of everything came to, in a notice: what Ping confirmed, what is owed, what stays good and
//! until when. A pure function.

use dagpass_client::wire::SignOutReply;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::notice::Notice;

pub(crate) fn word(reply: &SignOutReply) -> Notice {
    in_zone(reply, &TimeZone::system())
}

fn in_zone(reply: &SignOutReply, zone: &TimeZone) -> Notice {
    let count = |word: &str| reply.profiles.iter().filter(|one| one.revocation == word).count();
    let said = [
        (count("confirmed"), "revoked, as Ping confirms"),
        (count("pending"), "owed to Ping, and tried again for a day"),
        (count("unconfirmed"), "not confirmed by Ping"),
        (count("unsupported"), "of an issuer that revokes no tokens"),
        (count("failed"), "not finished: run `dagpass logout --all`"),
    ];
    let mut lines: Vec<String> = said
        .iter()
        .filter(|(some, _)| *some > 0)
        .map(|(some, what)| format!("{some} {what}"))
        .collect();
    if let Some(longest) = reply.outstanding.first() {
        let until = Timestamp::from_second(longest.until).unwrap_or(Timestamp::MAX);
        let until = until.to_zoned(zone.clone()).strftime("%H:%M").to_string();
        let some = reply.outstanding.len();
        let what = if some == 1 { "1 lease's token" } else { &format!("{some} leases' tokens") };
        lines.push(format!("{what} good until {until} for whoever checks offline"));
    }
    let title = match (count("failed"), lines.is_empty()) {
        (0, true) => "Nobody was signed in",
        (0, false) => "Signed out everywhere on this machine",
        (_, _) => "Not signed out everywhere",
    };
    Notice::word(title, lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_client::wire::{Lease, SignedOut};

    fn reply(words: &[&str], leases: usize) -> SignOutReply {
        let one = |word: &&str| SignedOut { revocation: (*word).into(), ..SignedOut::default() };
        let lease = Lease { until: 1_795_548_600, ..Lease::default() };
        SignOutReply {
            profiles: words.iter().map(one).collect(),
            outstanding: vec![lease; leases],
            ..SignOutReply::default()
        }
    }

    #[test]
    fn the_notice_says_what_is_owed_and_what_stays_good() {
        let told = |words: &[&str], leases| in_zone(&reply(words, leases), &TimeZone::UTC);
        let notice = told(&["confirmed", "pending", "not_signed_in"], 2);
        assert_eq!(notice.title, "Signed out everywhere on this machine");
        assert_eq!(
            notice.text,
            "1 revoked, as Ping confirms\n1 owed to Ping, and tried again for a day\n2 leases' tokens good until 19:30 for whoever checks offline"
        );
        assert_eq!(told(&["failed"], 0).title, "Not signed out everywhere");
        assert_eq!(told(&["not_signed_in"], 0).title, "Nobody was signed in");
        assert!(told(&["confirmed"], 1).text.contains("1 lease's token good until 19:30"));
    }
}
