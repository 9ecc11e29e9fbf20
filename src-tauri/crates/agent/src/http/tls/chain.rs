//! What a server showed of itself: whose certificate it is, who signed it, and how far up the certificates it
//! sent lead. Only reads; whether to believe them is the verifier's.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::http::plain;

/// How many steps from the server's own certificate do we follow? No real chain is longer.
const LONGEST: usize = 8;

/// The names are the server's own words: shown, never decided on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) reach: Reach,
}

/// Where the certificates that were sent end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// The server's certificate cannot be taken apart.
    #[default]
    Unknown,
    /// It is signed by itself.
    SelfSigned,
    /// The certificate of its issuer was not sent.
    LeafAlone,
    /// Up to one that is signed by this authority, which sent no more or signs itself.
    UpTo(String),
}

impl Chain {
    pub(super) fn of(leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> Self {
        let Ok(leaf) = EndEntityCert::try_from(leaf) else { return Self::default() };
        let above: Vec<_> =
            sent.iter().filter_map(|der| EndEntityCert::try_from(der).ok()).collect();
        let (subject, issuer) = (leaf.subject(), leaf.issuer());
        let next = |of: &[u8]| above.iter().find(|above| above.subject() == of);
        let reach = if subject == issuer {
            Reach::SelfSigned
        } else if next(issuer).is_none() {
            Reach::LeafAlone
        } else {
            let mut top = issuer;
            for _ in 0..LONGEST {
                match next(top) {
                    Some(above) if above.issuer() != top => top = above.issuer(),
                    Some(_) | None => break,
                }
            }
            Reach::UpTo(name(top))
        };
        Self { subject: name(subject), issuer: name(issuer), reach }
    }
}

/// The common name, else the unit, else the organization.
fn name(der: &[u8]) -> String {
    const KINDS: [u8; 3] = [3, 11, 10];
    let found = KINDS.iter().find_map(|kind| value(der, *kind));
    found.unwrap_or_else(|| "a name of nobody".to_owned())
}

/// The last attribute `2.5.4.kind` (RFC 5280 §4.1.2.4); each is an OID, then a string.
fn value(name: &[u8], kind: u8) -> Option<String> {
    let oid = [0x06, 0x03, 0x55, 0x04, kind];
    let at = name.windows(oid.len()).rposition(|window| window == oid)?;
    let [_tag, length, rest @ ..] = name.get(at + oid.len()..)? else { return None };
    let text = rest.get(..usize::from(*length)).filter(|_| *length < 0x80)?;
    let text = plain(&String::from_utf8_lossy(text));
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    fn params(name: &str, ca: bool) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, "an organization");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
        params
    }

    #[test]
    fn the_reach_of_a_chain_is_read_from_what_was_sent() {
        let key = || KeyPair::generate().unwrap();
        let root = Issuer::new(params("the root", true), key());
        let root_der = params("the root", true).self_signed(root.key()).unwrap().der().clone();
        let middle_key = key();
        let middle_der =
            params("the middle", true).signed_by(&middle_key, &root).unwrap().der().clone();
        let middle = Issuer::new(params("the middle", true), middle_key);
        let leaf = params("the leaf", false).signed_by(&key(), &middle).unwrap().der().clone();
        let alone = params("alone\n\u{1b}[1m", false).self_signed(&key()).unwrap().der().clone();

        let up = || Reach::UpTo("the root".to_owned());
        let table = [
            (&leaf, vec![], Reach::LeafAlone),
            (&leaf, vec![root_der.clone()], Reach::LeafAlone),
            (&leaf, vec![middle_der.clone()], up()),
            (&leaf, vec![middle_der.clone(), root_der.clone()], up()),
            (&leaf, vec![root_der.clone(), middle_der.clone()], up()),
            (&root_der, vec![], Reach::SelfSigned),
            (&alone, vec![], Reach::SelfSigned),
        ];
        for (leaf, sent, expected) in table {
            assert_eq!(Chain::of(leaf, &sent).reach, expected, "{} sent", sent.len());
        }
        let seen = Chain::of(&leaf, &[]);
        assert_eq!((seen.subject.as_str(), seen.issuer.as_str()), ("the leaf", "the middle"));
        assert_eq!(Chain::of(&alone, &[]).subject, "alone  [1m", "no control characters");
        assert_eq!(Chain::of(&CertificateDer::from(vec![1, 2]), &[]), Chain::default());
    }
}
