//! From what broke TLS to a sentence and who can mend it: the table that sign-in, token, deployment and
//! `doctor` all speak by. Judges nothing.

use std::path::Path;

use dagpass_core::error::Why;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription as Alert, CertificateError};

use super::chain::{Chain, Reach};
use crate::http::plain;

/// `host` is the name that was asked for.
pub(super) fn certificate(
    error: &CertificateError,
    chain: &Chain,
    (host, ca_file): (&str, Option<&Path>),
) -> Why {
    use CertificateError as E;
    let subject = &chain.subject;
    let owner = "have whoever runs the server";
    match error {
        E::UnknownIssuer => unknown_issuer(chain, ca_file),
        E::Expired => Why::from("the server's certificate, or one above it, has expired")
            .mended_by(format!("{owner} renew it; is this machine's clock right?")),
        E::ExpiredContext { time, not_after } => Why::from(format!(
            "the server's certificate, or one above it, expired at {}; this machine's clock says {}",
            instant(*not_after),
            instant(*time)
        ))
        .mended_by(format!("{owner} renew it; or set this machine's clock, if it is wrong")),
        E::NotValidYet => Why::from("the server's certificate, or one above it, is not valid yet")
            .mended_by(CLOCK),
        E::NotValidYetContext { time, not_before } => Why::from(format!(
            "the server's certificate, or one above it, is valid from {}; this machine's clock says {}",
            instant(*not_before),
            instant(*time)
        ))
        .mended_by(CLOCK),
        E::NotValidForName => wrong_name(host, &[]),
        E::NotValidForNameContext { presented, .. } => wrong_name(host, presented),
        E::Revoked => Why::from("the server's certificate was revoked by its authority")
            .mended_by(format!("sign in nowhere with it; {owner} get a new one")),
        E::UnknownRevocationStatus
        | E::ExpiredRevocationList
        | E::ExpiredRevocationListContext { .. } => {
            Why::from("whether the server's certificate was revoked cannot be found out")
                .mended_by("is the authority's revocation list reachable through proxy and firewall?")
        }
        E::BadEncoding => Why::from("the server's certificate cannot be read")
            .mended_by(format!("{owner} renew it by a tool that follows RFC 5280")),
        E::BadSignature => Why::from(format!(
            "the server's certificate is not signed by the `{}` that is trusted here",
            chain.issuer
        ))
        .mended_by("the authority may have a new certificate of the same name: put that into `ca-file`"),
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Why::from("the server's certificate, or one above it, is signed in a way that is no longer safe (SHA-1, a short key)")
                .mended_by(format!("{owner} renew it with SHA-256 and a key of 2048 bits or more"))
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            Why::from(format!("the certificate `{subject}` is not made for a server"))
                .mended_by(format!("{owner} get one with the purpose `serverAuth`"))
        }
        E::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(rule) => by_rule(rule, subject, host),
            None if other.0.to_string() == WRONG_PURPOSE => {
                certificate(&E::InvalidPurpose, chain, (host, ca_file))
            }
            None => Why::from(format!("the server's certificate is refused: {}", other.0))
                .mended_by(format!("{owner} look at it: `openssl s_client -connect {host}:443`")),
        },
        other => Why::from(format!("the server's certificate is refused: {other}"))
            .mended_by(format!("{owner} look at it: `openssl s_client -connect {host}:443`")),
    }
}

/// What the system's verifier says of every purpose but `serverAuth`; its type is its own.
const WRONG_PURPOSE: &str = "certificate had invalid extensions";

const CLOCK: &str =
    "let the system set its time from the network (NTP), or wait until the certificate is valid";

fn unknown_issuer(chain: &Chain, ca_file: Option<&Path>) -> Why {
    let into = match ca_file {
        Some(path) => format!("add it to `ca-file` {}", path.display()),
        None => "name its PEM file as `ca-file` in the config".to_owned(),
    };
    let Chain { subject, issuer, reach } = chain;
    match reach {
        Reach::Unknown => Why::from("the server's certificate leads to no authority that is trusted here")
            .mended_by(format!("get the certificate of its authority from whoever runs it, and {into}")),
        Reach::SelfSigned => Why::from(format!(
            "the server's certificate (`{subject}`) is signed by itself, and nobody here vouches for it"
        ))
        .mended_by(format!(
            "if the server is yours, get its certificate from whoever runs it, and {into}"
        )),
        Reach::LeafAlone => Why::from(format!(
            "the server sent its own certificate without that of its issuer (`{issuer}`), which is not trusted here"
        ))
        .mended_by(format!(
            "have whoever runs the server send the intermediate certificates too; or get the certificate of `{issuer}` and {into}"
        )),
        Reach::UpTo(top) => Why::from(format!(
            "the server's certificate leads to `{top}`, which is not trusted here"
        ))
        .mended_by(format!(
            "if `{top}` is your company's authority, or that of a proxy which inspects TLS, get its certificate from your IT and {into}"
        )),
    }
}

fn wrong_name(host: &str, presented: &[String]) -> Why {
    let known = presented.iter().map(|name| plain(name)).collect::<Vec<_>>();
    let text = if known.is_empty() {
        // The common name has not counted since RFC 6125.
        format!("the server's certificate is not for {host}: it has no such `subjectAltName`")
    } else {
        format!("the server's certificate is for {}, not for {host}", known.join(", "))
    };
    Why::from(text).mended_by(format!(
        "use the name that it is for in the config, or have whoever runs the server get one for {host}"
    ))
}

/// What is left over by the names that rustls has of its own.
fn by_rule(rule: &webpki::Error, subject: &str, host: &str) -> Why {
    use webpki::Error as E;
    match rule {
        E::CaUsedAsEndEntity => Why::from(format!(
            "the server shows the certificate of an authority (`{subject}`) as its own, which is refused even where `ca-file` holds it"
        ))
        .mended_by(format!(
            "give the server a certificate that is none: `openssl req -x509 -nodes -newkey rsa:2048 -subj /CN={host} -addext subjectAltName={} -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out cert.pem`, with cert.pem as `ca-file`",
            alternative(host)
        )),
        E::EndEntityUsedAsCa => Why::from(
            "the server's certificate is signed by one that is no authority's",
        )
        .mended_by("have it signed by an authority (CA:TRUE)"),
        E::UnsupportedCertVersion => Why::from(
            "the server's certificate, or one above it, is of X.509 version 1",
        )
        .mended_by("have it renewed as version 3, with a `subjectAltName`"),
        E::NameConstraintViolation => Why::from(format!(
            "an authority of the server's certificate may not vouch for {host} (name constraints)"
        ))
        .mended_by("have it signed by an authority that may"),
        E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => Why::from(
            "the server's certificate has more authorities above it than they allow",
        )
        .mended_by("have whoever runs the server look at its chain"),
        other => Why::from(format!("the server's certificate is refused: it breaks a rule of X.509 ({other})"))
            .mended_by("have whoever runs the server renew it by a tool that follows RFC 5280"),
    }
}

fn alternative(host: &str) -> String {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => format!("IP:{address}"),
        Err(_) => format!("DNS:{host}"),
    }
}

/// Before there was a certificate to judge, or after.
pub(super) fn handshake(error: &rustls::Error) -> Option<Why> {
    use rustls::Error as E;
    let nothing_in_common = || {
        Why::from("dagpass and the server have no version or cipher of TLS in common")
            .mended_by("have the server offer TLS 1.2 or 1.3")
    };
    Some(match error {
        E::PeerIncompatible(_)
        | E::AlertReceived(
            Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity,
        ) => nothing_in_common(),
        E::AlertReceived(Alert::UnrecognisedName) => {
            Why::from("the server knows nobody of that name (TLS alert `unrecognized_name`)")
                .mended_by("check the host in the config's URL")
        }
        E::AlertReceived(
            Alert::CertificateRequired | Alert::BadCertificate | Alert::NoCertificate,
        ) => Why::from("the server asks for a client's certificate, and dagpass has none")
            .mended_by("use an address of the server that asks for none"),
        E::AlertReceived(alert) => {
            Why::from(format!("the server broke off the TLS handshake (alert `{alert:?}`)"))
                .mended_by("the server's log says why")
        }
        E::InvalidMessage(_) => Why::from("what answers there does not speak TLS")
            .mended_by("check the port, and whether a proxy or portal stands between"),
        E::NoCertificatesPresented => Why::from("the server shows no certificate")
            .mended_by("have whoever runs the server install one"),
        E::PeerMisbehaved(how) => {
            Why::from(format!("what answers there breaks the rules of TLS ({how:?})"))
                .mended_by("does a proxy or firewall stand between?")
        }
        _ => return None,
    })
}

/// As RFC 3339 writes it.
fn instant(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    fn other(error: webpki::Error) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(error)))
    }

    #[test]
    fn every_refusal_is_a_sentence_that_says_who_can_mend_it() {
        use CertificateError as E;
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let chain = Chain { subject: "idp".into(), issuer: "Corp CA".into(), ..Chain::default() };
        let table = [
            (E::UnknownIssuer, "leads to no authority that is trusted here", "`ca-file`"),
            (E::Expired, "has expired", "renew it"),
            (
                E::ExpiredContext { time: at(9), not_after: at(7) },
                "expired at 1970-01-01T00:00:07Z",
                "clock",
            ),
            (E::NotValidYet, "not valid yet", "(NTP)"),
            (E::NotValidForName, "is not for idp.example", "get one for idp.example"),
            (E::Revoked, "was revoked", "get a new one"),
            (E::UnknownRevocationStatus, "cannot be found out", "revocation list"),
            (E::BadEncoding, "cannot be read", "RFC 5280"),
            (E::BadSignature, "is not signed by the `Corp CA` that is trusted", "`ca-file`"),
            (E::InvalidPurpose, "`idp` is not made for a server", "`serverAuth`"),
            (E::UnhandledCriticalExtension, "is refused: ", "openssl s_client"),
            (
                other(webpki::Error::CaUsedAsEndEntity),
                "of an authority (`idp`) as its own",
                "CA:FALSE",
            ),
            (other(webpki::Error::EndEntityUsedAsCa), "no authority's", "CA:TRUE"),
            (other(webpki::Error::UnsupportedCertVersion), "version 1", "version 3"),
            (other(webpki::Error::NameConstraintViolation), "may not vouch for idp.example", "may"),
            (other(webpki::Error::PathLenConstraintViolated), "more authorities", "chain"),
            (other(webpki::Error::InvalidSerialNumber), "breaks a rule of X.509", "RFC 5280"),
        ];
        for (error, text, remedy) in table {
            let why = certificate(&error, &chain, ("idp.example", None));
            assert!(why.text.contains(text) && !why.text.contains("OtherError"), "{why:?}");
            assert!(why.remedy.is_some_and(|said| said.contains(remedy)), "{text}");
        }
    }

    #[test]
    fn a_handshake_that_broke_is_told_by_what_broke_it() {
        use rustls::Error as E;
        let table = [
            (E::AlertReceived(Alert::HandshakeFailure), Some("no version or cipher of TLS")),
            (E::AlertReceived(Alert::ProtocolVersion), Some("no version or cipher of TLS")),
            (E::AlertReceived(Alert::UnrecognisedName), Some("nobody of that name")),
            (E::AlertReceived(Alert::CertificateRequired), Some("asks for a client's certificate")),
            (E::AlertReceived(Alert::InternalError), Some("broke off the TLS handshake")),
            (E::NoCertificatesPresented, Some("shows no certificate")),
            (E::General("x".into()), None),
        ];
        for (error, expected) in table {
            let why = handshake(&error);
            assert_eq!(why.is_some(), expected.is_some(), "{error:?}");
            if let (Some(why), Some(expected)) = (why, expected) {
                assert!(why.text.contains(expected) && why.remedy.is_some(), "{why:?}");
            }
        }
    }
}
