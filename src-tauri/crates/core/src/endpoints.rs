//! Where a sign-in's tokens may go: to the hosts that the config named when it was made, and to the
//! issuer's own. Decides whether a config sends them elsewhere; asks nobody, and never compares what a
//! discovery document names: the issuer answers for that, and is compared byte for byte.
//!
//! A file is easier to write than a keychain is to read. Whoever can edit `config.toml`, or have it
//! edited, must not be handed the live refresh token for it. So what was named at the sign-in lies with
//! the token, and not beside the config. Paths, proxies and certificates stay free: they are how a person
//! cures an outage, and are told instead.

use std::collections::BTreeSet;

use crate::profile::{EndpointOverrides, Issuer, Profile};
use crate::session::end::EndReason;
use crate::session::stored::StoredSession;

/// What a stored session is to a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its tokens may go where the profile sends them.
    Ours,
    /// The same client, and the config would send its tokens to a host that the sign-in never knew.
    Elsewhere(EndReason),
    /// Another issuer's, or another client's.
    Another,
}

/// May this session's tokens be sent where the profile says? A record of before hosts were written down
/// is taken at the config's word.
pub fn standing(stored: &StoredSession, profile: &Profile) -> Standing {
    if stored.issuer != profile.issuer || stored.client_id != profile.client_id {
        return Standing::Another;
    }
    let elsewhere = stored.endpoints.as_ref().and_then(|made_with| elsewhere(made_with, profile));
    elsewhere.map_or(Standing::Ours, Standing::Elsewhere)
}

/// May the ID token be shown where the config has Ping's own session ended? That address gets no token but
/// this one, and is asked of the browser: the issuer's own hosts, and those the sign-in knew.
pub(crate) fn may_be_shown(stored: &StoredSession, profile: &Profile) -> bool {
    let known = |url: &String| {
        let made_with = stored.endpoints.iter().flat_map(hosts);
        made_with.chain([host(profile.issuer.as_str())]).any(|known| known == host(url))
    };
    standing(stored, profile) == Standing::Ours
        && profile.endpoints.end_session.as_ref().is_none_or(known)
}

/// Is a session of the one a session of the other, and may its tokens go to the same hosts?
pub(crate) fn same_client(old: &Profile, new: &Profile) -> bool {
    old.kind.signs_in() == new.kind.signs_in()
        && old.issuer == new.issuer
        && old.client_id == new.client_id
        // Both ways: then whatever session it is has the same standing under either.
        && elsewhere(&of(old), new).is_none()
        && elsewhere(&of(new), old).is_none()
}

/// What the config names of the endpoints that a token or its sign-in is sent to, and of the document
/// that names them. The rest is opened by a person's browser, or is sent nothing.
pub fn of(profile: &Profile) -> EndpointOverrides {
    let named = profile.endpoints.clone();
    EndpointOverrides { authorization: None, jwks: None, end_session: None, ..named }
}

/// The profile as it was when the session was made: where its token may still be revoked.
pub(crate) fn as_made(stored: &StoredSession, profile: &Profile) -> Profile {
    let Some(made_with) = stored.endpoints.clone() else { return profile.clone() };
    let now = &profile.endpoints;
    let endpoints = EndpointOverrides {
        authorization: now.authorization.clone(),
        jwks: now.jwks.clone(),
        end_session: now.end_session.clone(),
        ..made_with
    };
    Profile { endpoints, ..profile.clone() }
}

/// The hosts that the config names beside the issuer's own.
pub fn beside_the_issuer(profile: &Profile) -> Option<String> {
    match elsewhere(&EndpointOverrides::default(), profile) {
        Some(EndReason::Elsewhere { is, .. }) => Some(is),
        Some(_) | None => None,
    }
}

fn elsewhere(made_with: &EndpointOverrides, profile: &Profile) -> Option<EndReason> {
    let was = hosts(made_with);
    let issuer = host(profile.issuer.as_str());
    let mut is = hosts(&of(profile));
    is.retain(|host| *host != issuer && !was.contains(host));
    let shown = |hosts: BTreeSet<String>| hosts.into_iter().collect::<Vec<_>>().join(", ");
    let before = |issuer: &Issuer| format!("where {} itself says", issuer.as_str());
    (!is.is_empty()).then(|| EndReason::Elsewhere {
        was: if was.is_empty() { before(&profile.issuer) } else { shown(was) },
        is: shown(is),
    })
}

/// Each of them once.
fn hosts(named: &EndpointOverrides) -> BTreeSet<String> {
    // Field by field, so that a new one has to be thought of here.
    let EndpointOverrides {
        discovery,
        authorization: _,
        token,
        device_authorization,
        pushed_authorization_request,
        revocation,
        userinfo,
        jwks: _,
        end_session: _,
    } = named;
    [discovery, token, device_authorization, pushed_authorization_request, revocation, userinfo]
        .into_iter()
        .flatten()
        .map(|url| host(url))
        .collect()
}

/// Scheme, host and port, one spelling each. What any two readers of URLs could read differently is no
/// host but itself, whole: it equals nothing else.
pub fn host(url: &str) -> String {
    plain(url).unwrap_or_else(|| url.to_owned())
}

fn plain(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, number(port)?),
        Some(_) | None => (authority, usual),
    };
    let name = name.to_ascii_lowercase();
    let port = if port == usual { String::new() } else { format!(":{port}") };
    is_name(&name).then(|| format!("{scheme}://{name}{port}"))
}

fn number(port: &str) -> Option<u16> {
    port.bytes().all(|digit| digit.is_ascii_digit()).then(|| port.parse().ok())?
}

fn is_name(text: &str) -> bool {
    let in_brackets = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match in_brackets {
        Some(address) => address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)),
        None => {
            let named = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            !text.is_empty() && text.bytes().all(named)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{profile, stored};
    use crate::profile::Scopes;

    /// `token=https://a/t revocation=https://b/r`.
    fn named(text: &str) -> EndpointOverrides {
        let mut named = EndpointOverrides::default();
        for part in text.split_whitespace() {
            let (key, url) = part.split_once('=').unwrap();
            let place = match key {
                "discovery" => &mut named.discovery,
                "authorization" => &mut named.authorization,
                "token" => &mut named.token,
                "device" => &mut named.device_authorization,
                "par" => &mut named.pushed_authorization_request,
                "revocation" => &mut named.revocation,
                "userinfo" => &mut named.userinfo,
                "jwks" => &mut named.jwks,
                "end-session" => &mut named.end_session,
                other => panic!("{other}"),
            };
            *place = Some(url.to_owned());
        }
        named
    }

    fn with(text: &str) -> Profile {
        Profile { endpoints: named(text), ..profile() }
    }

    fn made_with(text: &str) -> StoredSession {
        StoredSession { endpoints: Some(of(&with(text))), ..stored("rt") }
    }

    #[test]
    fn a_token_goes_to_the_hosts_it_was_made_with_and_to_the_issuers_own() {
        let free = "where https://idp.example itself says";
        let table = [
            // made with, config now, (was, is)
            ("", "", None),
            ("", "token=https://evil/t", Some((free, "https://evil"))),
            ("", "device=https://evil/d", Some((free, "https://evil"))),
            ("", "par=https://evil/p", Some((free, "https://evil"))),
            ("", "revocation=https://evil/r", Some((free, "https://evil"))),
            // What is read there names all the others; userinfo is shown the access token.
            ("", "discovery=https://evil/d", Some((free, "https://evil"))),
            ("", "userinfo=https://evil/u", Some((free, "https://evil"))),
            ("", "token=https://b/t revocation=https://a/r", Some((free, "https://a, https://b"))),
            ("token=https://gw/t", "token=https://evil/t", Some(("https://gw", "https://evil"))),
            (
                "token=https://gw/t",
                "token=https://gw:8443/t",
                Some(("https://gw", "https://gw:8443")),
            ),
            ("token=https://gw/t", "token=http://gw/t", Some(("https://gw", "http://gw"))),
            (
                "token=https://gw/t",
                "token=https://gw.evil/t",
                Some(("https://gw", "https://gw.evil")),
            ),
            // Cures of an outage.
            ("token=https://gw/t", "token=https://GW:443/v2/token?x=1", None),
            ("token=https://gw/t", "token=https://gw/t revocation=https://gw/r", None),
            ("token=https://gw/t", "", None),
            ("", "token=https://idp.example/other/token", None),
            ("", "discovery=https://IDP.example:443/doc token=https://idp.example/t", None),
            // Nothing that a token is sent to.
            ("", "authorization=https://x/a jwks=https://x/k end-session=https://x/e", None),
        ];
        for (made, now, expected) in table {
            let expected = match expected {
                None => Standing::Ours,
                Some((was, is)) => Standing::Elsewhere(EndReason::Elsewhere {
                    was: was.to_owned(),
                    is: is.to_owned(),
                }),
            };
            assert_eq!(standing(&made_with(made), &with(now)), expected, "{made:?} -> {now:?}");
        }
    }

    #[test]
    fn a_record_without_hosts_is_taken_at_the_configs_word_and_another_client_is_another() {
        let older = StoredSession { endpoints: None, ..stored("rt") };
        assert_eq!(standing(&older, &with("token=https://gw/t")), Standing::Ours);
        let other = Profile { issuer: Issuer::new("https://idp.example/"), ..profile() };
        assert_eq!(standing(&older, &other), Standing::Another);
        assert_eq!(standing(&made_with(""), &other), Standing::Another);
        let other = Profile { client_id: "other".to_owned(), ..profile() };
        assert_eq!(standing(&made_with(""), &other), Standing::Another);
    }

    #[test]
    fn an_id_token_is_shown_to_the_issuers_hosts_and_to_those_the_sign_in_knew() {
        for (made, now, expected) in [
            ("", "", true),
            ("", "end-session=https://idp.example/off", true),
            ("", "end-session=https://evil/off", false),
            ("token=https://gw/t", "token=https://gw/t end-session=https://gw/off", true),
            ("", "token=https://evil/t", false),
        ] {
            assert_eq!(may_be_shown(&made_with(made), &with(now)), expected, "{made:?} -> {now:?}");
        }
    }

    #[test]
    fn a_slot_is_kept_where_every_session_stands_the_same_under_both() {
        let texts = [
            "",
            "token=https://gw/t",
            "token=https://gw/v2 userinfo=https://gw/u",
            "token=https://evil/t",
            "token=https://idp.example/t",
            "discovery=https://evil/d",
            "jwks=https://evil/k",
        ];
        for old in texts {
            for new in texts {
                let stands = |one: &str, config: &str| {
                    matches!(standing(&made_with(one), &with(config)), Standing::Ours)
                };
                let alike = texts.iter().all(|made| stands(made, old) == stands(made, new));
                assert_eq!(same_client(&with(old), &with(new)), alike, "{old:?} -> {new:?}");
            }
        }
        let wider = Profile { scopes: Scopes::parse("openid more"), ..profile() };
        assert!(same_client(&profile(), &wider), "more scopes are the next sign-in's");
    }

    #[test]
    fn what_was_made_elsewhere_is_revoked_there() {
        let made = made_with("token=https://gw/t revocation=https://gw/r jwks=https://gw/old");
        let now = with("token=https://evil/t userinfo=https://evil/u jwks=https://gw/k");
        let endpoints = as_made(&made, &now).endpoints;
        let expected = "token=https://gw/t revocation=https://gw/r jwks=https://gw/k";
        assert_eq!(endpoints, named(expected));
    }

    #[test]
    fn one_host_has_one_spelling_and_what_is_unclear_equals_nothing_else() {
        for (url, expected) in [
            ("https://idp.example", "https://idp.example"),
            ("HTTPS://IdP.Example:443/a:b@c", "https://idp.example"),
            ("http://127.0.0.1:80?x", "http://127.0.0.1"),
            ("http://127.0.0.1:8080#x", "http://127.0.0.1:8080"),
            ("https://idp.example:0443/t", "https://idp.example"),
            ("http://[::1]:9/t", "http://[::1]:9"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
        for unclear in [
            "https://idp.example@evil/t",
            "https://idp.example\\@evil/t",
            "https://idp.example\\.evil/t",
            "https:idp.example/t",
            "https:///idp.example/t",
            "https://idp.example\t.evil/t",
            "https://idp.exam\u{ff50}le/t",
            "https://idp%2eexample/t",
            "https://idp.example:/t",
            "https://idp.example:+443/t",
            "https://idp.example:99999/t",
            " https://idp.example/t",
            "ftp://idp.example/t",
            "https://",
            "",
        ] {
            assert_eq!(host(unclear), unclear);
        }
    }
}
