//! One cryptography for TLS and tokens: aws-lc, installed by name so that a missing feature is a
//! compile error and not a panic on first use.

use std::sync::Once;

static INSTALLED: Once = Once::new();

/// To be called before the first request or token; a second call does nothing.
pub fn install_crypto() {
    INSTALLED.call_once(|| {
        let tls = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let jwt = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        if tls.is_err() || jwt.is_err() {
            tracing::debug!("a crypto provider was installed already");
        }
    });
}
