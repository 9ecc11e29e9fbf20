//! A private CA and a leaf for loopback, made at test time and trusted by nobody but whom a test
//! tells: the agent by `ca-file`, Chromium by its own store.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// For `ca-file`.
    pub(crate) ca: PathBuf,
    /// The leaf and its CA, for the server.
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// Writes the three files into `folder`.
pub(crate) fn make(folder: &Path) -> Certificates {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "a private CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key).unwrap();

    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut leaf = CertificateParams::new(names).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, "a provider on loopback");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf_key = KeyPair::generate().unwrap();
    let leaf_certificate = leaf.signed_by(&leaf_key, &Issuer::new(ca, ca_key)).unwrap();

    let made = Certificates {
        ca: folder.join("ca.pem"),
        chain: folder.join("chain.pem"),
        key: folder.join("leaf.key"),
    };
    fs::write(&made.ca, ca_certificate.pem()).unwrap();
    fs::write(&made.chain, leaf_certificate.pem() + &ca_certificate.pem()).unwrap();
    fs::write(&made.key, leaf_key.serialize_pem()).unwrap();
    made
}

/// Makes the Chromium of this home trust the CA.
pub(crate) fn trust_in_chromium(home: &Path, ca: &Path) {
    let store = home.join(".pki/nssdb");
    fs::create_dir_all(&store).unwrap();
    let store = format!("sql:{}", store.display());
    for rest in [vec!["-N", "--empty-password"], vec!["-A", "-t", "C,,", "-n", "test", "-i"]] {
        let mut certutil = Command::new("certutil");
        certutil.args(["-d", &store]).args(&rest);
        if rest.contains(&"-i") {
            certutil.arg(ca);
        }
        let done = certutil.output().expect("certutil (libnss3-tools) is installed");
        assert!(done.status.success(), "certutil: {}", String::from_utf8_lossy(&done.stderr));
    }
}
