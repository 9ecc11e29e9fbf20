//! Secrets that nobody can guess: capabilities, `state`, addresses of one use.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// What a line of the ledger begins with so that nobody can guess it: 128 bits, base64url.
pub(crate) fn salt() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// 256 fresh random bits, base64url.
pub(crate) fn random() -> String {
    let mut bytes = Zeroizing::new([0u8; 32]);
    // The system's own generator: that of aws-lc first gathers entropy for 35 ms, before the socket
    // stands. It does not fail once it has been seeded; an all-zero secret must not exist.
    if getrandom::fill(bytes.as_mut_slice()).is_err() {
        std::process::abort();
    }
    URL_SAFE_NO_PAD.encode(bytes.as_slice())
}
