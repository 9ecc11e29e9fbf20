//! Core says of two addresses whether they are one host. The library that every request is made with
//! must never find two where core found one.

use dagpass_core::endpoints::host;
use url::Url;

#[test]
fn what_is_one_host_to_core_is_one_host_to_whoever_sends() {
    let schemes = ["https", "HTTPS", "http", " https", "https\t", "ht\ntps"];
    let slashes = ["://", ":", ":/", ":///", ":\\\\", "://\t"];
    let names = [
        "idp.example",
        "IDP.example",
        "idp.example.",
        "idp.example@evil.example",
        "evil.example@idp.example",
        "idp.example\\@evil.example",
        "idp.example\\.evil.example",
        "evil.example\\idp.example",
        "idp.example\u{3002}evil",
        "idp\u{ff0e}example",
        "idp%2eexample",
        "xn--idp-example",
        "idp.exam\tple",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[0:0::1]",
        "[::ffff:127.0.0.1]",
        "[::1]evil",
        "",
    ];
    let ports = ["", ":", ":443", ":0443", ":80", ":8080", ":+443", ":443@evil", ":[1]"];
    let ends = ["", "/", "?@evil.example", "#@evil.example", "/a@evil:1", "\\@evil.example"];
    let mut seen: Vec<(String, String, String)> = Vec::new();
    for scheme in schemes {
        for slash in slashes {
            for name in names {
                for port in ports {
                    for end in ends {
                        let text = format!("{scheme}{slash}{name}{port}{end}");
                        let Ok(url) = Url::parse(&text) else { continue };
                        seen.push((host(&text), url.origin().ascii_serialization(), text));
                    }
                }
            }
        }
    }
    assert!(seen.len() > 2_000, "{}", seen.len());
    seen.sort();
    for pair in seen.windows(2) {
        let ([one, other], same) = ([&pair[0], &pair[1]], pair[0].0 == pair[1].0);
        assert!(!same || one.1 == other.1, "{one:?} and {other:?}");
    }
}
