//! A body as it was meant: unpacked where a server packed it though nobody asked, and never larger than
//! its limit. Decides nothing of what is in it.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use zeroize::Zeroizing;

/// How large may an answer be? A person in 300 groups of an LDAP directory, named in both tokens, has
/// 80 KiB; so has a set of 24 keys with their certificates.
pub(super) const LARGEST: usize = 1024 * 1024;

/// `None` where it is larger than the limit. What cannot be unpacked stays as it came, and is no JSON.
pub(super) fn unpacked(body: Zeroizing<Vec<u8>>, encoding: &str) -> Option<Zeroizing<Vec<u8>>> {
    if !matches!(encoding.trim().to_ascii_lowercase().as_str(), "gzip" | "x-gzip") {
        return Some(body);
    }
    let mut plain = Zeroizing::new(Vec::new());
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX);
    let mut reader = MultiGzDecoder::new(body.as_slice()).take(limit.saturating_add(1));
    match reader.read_to_end(&mut plain) {
        Ok(length) if length > LARGEST => None,
        Ok(_) => Some(plain),
        Err(_) => Some(body),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        Zeroizing::new(encoder.finish().unwrap())
    }

    #[test]
    fn a_packed_body_is_unpacked_up_to_the_limit() {
        let table = [
            (packed(b"{}"), "gzip", Some(&b"{}"[..])),
            (packed(b"{}"), " X-GZIP ", Some(b"{}")),
            (Zeroizing::new(b"{}".to_vec()), "", Some(b"{}")),
            (Zeroizing::new(b"{}".to_vec()), "gzip", Some(b"{}")),
            (packed(&vec![b' '; LARGEST + 1]), "gzip", None),
        ];
        for (body, encoding, expected) in table {
            let unpacked = unpacked(body, encoding);
            assert_eq!(unpacked.as_ref().map(|body| body.as_slice()), expected, "{encoding}");
        }
        let whole = unpacked(packed(&vec![b' '; LARGEST]), "gzip").unwrap();
        assert_eq!(whole.len(), LARGEST);
    }
}
