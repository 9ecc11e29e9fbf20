//! TLS to the outside: always verified, by the system's trust store and `ca-file`. The verifier is the
//! system's; beside its refusal we keep what the server showed, so that a person reads what is wrong and
//! who can mend it.

pub(crate) mod ca_file;
mod chain;
mod refused;

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dagpass_core::error::Why;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_platform_verifier::Verifier;
use url::Url;

use chain::Chain;
use refused::{certificate, handshake};

/// The TLS of every request.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, Why> {
    let extra = match ca_file {
        Some(path) => ca_file::read(path).map_err(|why| Why {
            text: format!("`ca-file` {} {}", path.display(), why.text),
            ..why
        })?,
        None => Vec::new(),
    };
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let verifier = if extra.is_empty() {
        // Not the same as no extra roots: Windows keeps an engine of its own for those.
        Verifier::new(provider.clone())
    } else {
        Verifier::new_with_extra_roots(extra, provider.clone())
    };
    let verifier = verifier.map_err(|error| {
        let text = error.to_string();
        // A bare Debian or container has none.
        if text.contains("No CA certificates") {
            return Why::from("this system has no CA certificates")
                .mended_by("install `ca-certificates`, or name a `ca-file` in the profile");
        }
        Why::from(format!("the system's trust store cannot be used: {text}"))
    })?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Why::from(format!("TLS cannot be set up: {error}")))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Witnessed { verifier }))
        .with_no_client_auth())
}

/// The system's verifier, whose refusals carry what was refused. It never believes what that does not.
#[derive(Debug)]
struct Witnessed {
    verifier: Verifier,
}

impl ServerCertVerifier for Witnessed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        verified.map_err(|error| match error {
            rustls::Error::InvalidCertificate(error) => {
                let refused = Refused { error, chain: Chain::of(end_entity, intermediates) };
                let refused = OtherError(Arc::new(refused));
                rustls::Error::InvalidCertificate(CertificateError::Other(refused))
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// A certificate that was not believed.
#[derive(Clone, Debug)]
struct Refused {
    error: CertificateError,
    chain: Chain,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

impl Error for Refused {}

/// What a failed request says of TLS, in a sentence; `None` where TLS is not what failed.
pub(super) fn why(error: &(dyn Error + 'static), url: &Url, ca_file: Option<&Path>) -> Option<Why> {
    let host = url.host_str().unwrap_or_default();
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            let refused = other.0.downcast_ref::<Refused>();
            Some(match refused {
                Some(refused) => certificate(&refused.error, &refused.chain, (host, ca_file)),
                None => certificate(
                    &CertificateError::Other(other.clone()),
                    &Chain::default(),
                    (host, ca_file),
                ),
            })
        }
        rustls::Error::InvalidCertificate(error) => {
            Some(certificate(error, &Chain::default(), (host, ca_file)))
        }
        other => handshake(other),
    }
}

/// The error of TLS under those of HTTP. An `io::Error` hides it from `source`.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = within.and_then(|inner| tls_error(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_found_under_the_errors_of_io_and_nothing_else_is() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::Revoked);
        let io = std::io::Error::other(std::io::Error::other(tls));
        let url = Url::parse("https://idp.example/").unwrap();
        assert!(why(&io, &url, None).is_some_and(|why| why.text.contains("revoked")));
        assert_eq!(why(&std::io::Error::other("reset"), &url, None), None);
    }
}
