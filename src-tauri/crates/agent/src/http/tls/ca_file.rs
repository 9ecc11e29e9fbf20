//! What `ca-file` names: certificates, in PEM or one in DER, as editors, browsers and Windows write them. Says
//! what a file is instead where it holds none.

use std::io;
use std::path::Path;

use dagpass_core::error::Why;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{PemObject as _, SectionKind};

type Roots = Vec<CertificateDer<'static>>;

/// Its certificates, each of them one that can be trusted.
pub(crate) fn read(path: &Path) -> Result<Roots, Why> {
    match std::fs::read(path) {
        Ok(bytes) => certificates(&bytes, &path.display().to_string()),
        Err(error) => Err(unreadable(&error)),
    }
}

fn unreadable(error: &io::Error) -> Why {
    let why = Why::from(format!("cannot be read: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => why.mended_by("name a file that is there, or leave the key out"),
        _ => why,
    }
}

/// `shown` is the file as a command line would name it.
fn certificates(bytes: &[u8], shown: &str) -> Result<Roots, Why> {
    let text = without_mark(bytes);
    if text.trim_ascii().is_empty() {
        return Err(Why::from("is empty").mended_by(WANTED));
    }
    // An ASN.1 sequence with a long length: DER, whatever it is a sequence of.
    if text.starts_with(&[0x30, 0x82]) {
        return binary(&text, shown);
    }
    let mut roots = Roots::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&text) {
        let (kind, der) = section.map_err(|error| {
            let what = format!("is no whole PEM: {error:?}");
            Why::from(what).mended_by(WANTED)
        })?;
        match kind {
            SectionKind::Certificate => {
                let root = CertificateDer::from(der);
                taken(&root).map_err(|error| {
                    let number = roots.len() + 1;
                    Why::from(format!("certificate {number} cannot be used: {error}"))
                        .mended_by(format!("`openssl x509 -in {shown} -text` shows it"))
                })?;
                roots.push(root);
            }
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                return Err(Why::from("holds a private key, which has no place there")
                    .mended_by(format!(
                        "`openssl x509 -in {shown}` prints the certificate alone; keep the key away from this file"
                    )));
            }
            // A request or a revocation list beside the certificates harms nobody.
            _ => {}
        }
    }
    if roots.is_empty() { Err(instead(&text, shown)) } else { Ok(roots) }
}

const WANTED: &str = "`ca-file` is a PEM file with the certificates of your company's authority: -----BEGIN CERTIFICATE-----";

fn binary(der: &[u8], shown: &str) -> Result<Roots, Why> {
    let root = CertificateDer::from(der.to_vec());
    match taken(&root) {
        Ok(()) => Ok(vec![root]),
        Err(_) => Err(Why::from("is binary, and no certificate in DER form").mended_by(format!(
            "of a PKCS#12 file, `openssl pkcs12 -in {shown} -cacerts -nokeys` prints the certificates; of a PKCS#7 file, `openssl pkcs7 -inform der -in {shown} -print_certs`"
        ))),
    }
}

/// What is wrong with a text without certificates.
fn instead(text: &[u8], shown: &str) -> Why {
    let has = |word: &str| text.windows(word.len()).any(|window| window == word.as_bytes());
    if has("-----BEGIN TRUSTED CERTIFICATE-----") {
        return Why::from("holds OpenSSL's trusted certificates, which only OpenSSL reads")
            .mended_by(format!("`openssl x509 -in {shown}` prints a plain one"));
    }
    if has("-----BEGIN PKCS7-----") {
        return Why::from("holds a PKCS#7 bundle").mended_by(format!(
            "`openssl pkcs7 -in {shown} -print_certs` prints its certificates"
        ));
    }
    if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return Why::from("holds a private key, which has no place there").mended_by(WANTED);
    }
    Why::from("holds no certificate in PEM form").mended_by(WANTED)
}

fn taken(root: &CertificateDer<'_>) -> Result<(), rustls::Error> {
    RootCertStore::empty().add(root.clone().into_owned())
}

/// Without the byte order mark that Windows' editors begin a file with; PowerShell's `>` writes
/// UTF-16.
fn without_mark(bytes: &[u8]) -> Vec<u8> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect::<String>().into_bytes()
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(vec!["ca.example".into()]).unwrap()
    }

    #[test]
    fn certificates_are_taken_as_editors_and_systems_write_them() {
        let made = one();
        let pem = made.cert.pem();
        let utf16 = |order: fn(u16) -> [u8; 2]| {
            "\u{feff}".encode_utf16().chain(pem.encode_utf16()).flat_map(order).collect::<Vec<_>>()
        };
        let table: &[(&str, Vec<u8>, usize)] = &[
            ("plain", pem.clone().into_bytes(), 1),
            ("two", pem.repeat(2).into_bytes(), 2),
            ("a byte order mark", format!("\u{feff}{pem}").into_bytes(), 1),
            ("lines of Windows", pem.replace('\n', "\r\n").into_bytes(), 1),
            ("both", format!("\u{feff}{}", pem.replace('\n', "\r\n")).into_bytes(), 1),
            ("text before", format!("subject=CN = ca\nissuer=CN = ca\n{pem}").into_bytes(), 1),
            ("text between", format!("{pem}\n# the other\n{pem}").into_bytes(), 2),
            ("no last newline", pem.trim_end().as_bytes().to_vec(), 1),
            ("UTF-16 of PowerShell", utf16(u16::to_le_bytes), 1),
            ("UTF-16, the other way", utf16(u16::to_be_bytes), 1),
            ("DER", made.cert.der().to_vec(), 1),
        ];
        for (name, bytes, expected) in table {
            let roots = certificates(bytes, "ca.pem").unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!(roots.len(), *expected, "{name}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_named_with_what_makes_it_one() {
        let made = one();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let mut cut = made.cert.der().to_vec();
        cut.truncate(cut.len() - 7);
        let renamed = |name: &str| pem.replace("CERTIFICATE", name).into_bytes();
        let table: &[(Vec<u8>, &str, &str)] = &[
            (b"".to_vec(), "is empty", "BEGIN CERTIFICATE"),
            (b"\xef\xbb\xbf\r\n".to_vec(), "is empty", "BEGIN CERTIFICATE"),
            (b"hello".to_vec(), "holds no certificate in PEM form", "BEGIN CERTIFICATE"),
            (b"-----BEGIN CERTIFICATE-----\nMIIB\n".to_vec(), "is no whole PEM: ", "BEGIN CERT"),
            (pem.replace("MII", "AAA").into_bytes(), "certificate 1 cannot be used: ", "x509 -in"),
            (key.clone().into_bytes(), "holds a private key", "x509 -in ca.pem"),
            (format!("{pem}{key}").into_bytes(), "holds a private key", "x509 -in ca.pem"),
            (renamed("TRUSTED CERTIFICATE"), "holds OpenSSL's trusted", "x509 -in ca.pem"),
            (renamed("PKCS7"), "holds a PKCS#7 bundle", "pkcs7 -in ca.pem"),
            (renamed("ENCRYPTED PRIVATE KEY"), "holds a private key", "BEGIN CERTIFICATE"),
            (cut, "is binary, and no certificate", "openssl pkcs12 -in ca.pem"),
        ];
        for (bytes, text, remedy) in table {
            let why = certificates(bytes, "ca.pem").expect_err(text);
            assert!(why.text.starts_with(text), "{text}: {why:?}");
            assert!(why.remedy.as_ref().is_some_and(|found| found.contains(remedy)), "{why:?}");
            assert!(!why.text.contains(&key[30..60]), "{why:?}");
        }
    }
}
