//! Who cosigns the ledger: what is taken, and what is wrong with the rest and where.

use super::{good, read};

const KEY: &str = "witness.example/w1+c65ffb5b+BOGuWpapeILqD2RlGFjWmXzGGbDFZ9bJk3zXzm1cVyqd";

fn keys() -> (String, String) {
    let named = |name: &str| {
        dagpass_client::ledger::log::Cosigner::new(name, [9; 32]).unwrap().key().to_string()
    };
    (named("witness.example/w1"), named("witness.example/w2"))
}

fn wrong(text: &str) -> Vec<String> {
    let problems = read(text).expect_err(text);
    problems.iter().map(|p| format!("{}:{} {}: {}", p.line, p.column, p.key, p.message)).collect()
}

#[test]
fn witnesses_are_asked_for_by_url_and_key_and_all_of_them_are_needed_unless_fewer_are() {
    let (one, two) = keys();
    let text = format!(
        "[audit]\n[[audit.witness]]\nurl = \"https://w.example/ada/\"\nkey = \"{one}\"\n\
         [[audit.witness]]\nurl = \"http://127.0.0.1:21380\"\nkey = \"{two}\"\n"
    );
    let witnesses = good(&text).witnesses;
    assert_eq!((witnesses.all.len(), witnesses.quorum), (2, 2));
    assert_eq!(witnesses.all[0].url.as_str(), "https://w.example/ada");
    assert_eq!(witnesses.all[1].key.to_string(), two);
    let fewer = text.replace("[audit]\n", "[audit]\nwitness-quorum = 1\n");
    assert_eq!(good(&fewer).witnesses.quorum, 1);
    assert_eq!(good("").witnesses.quorum, 0);
}

#[test]
fn a_bad_witness_names_line_key_and_fix() {
    let (one, _) = keys();
    let of =
        |url: &str, key: &str| format!("[[audit.witness]]\nurl = \"{url}\"\nkey = \"{key}\"\n");
    let log = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let url = "https://w.example";
    for (text, expected) in [
        (of("http://w.example", &one), "2:7 audit.witness[0].url: must be https"),
        (
            of("w.example", &one),
            "2:7 audit.witness[0].url: is not a URL: relative URL without a base",
        ),
        (
            of("https://w.example/?a=b", &one),
            "2:7 audit.witness[0].url: a witness's URL has no query, no fragment and no login",
        ),
        (
            of("https://:secret@w.example", &one),
            "2:7 audit.witness[0].url: a witness's URL has no query, no fragment and no login",
        ),
        (of(url, log), "3:7 audit.witness[0].key: is a log's key and no witness's"),
        (
            of(url, KEY),
            "3:7 audit.witness[0].key: is no verifier key: the key's id does not belong to its name and key",
        ),
        (
            format!("{}{}", of(url, &one), of(url, &one)),
            "6:7 audit.witness[1].key: is another witness's key already",
        ),
        (
            format!("[audit]\nwitness-quorum = 2\n{}", of(url, &one)),
            "2:18 audit.witness-quorum: is 1 to 1, as many as there are witnesses",
        ),
        (
            "[audit]\nwitness-quorum = 1\n".to_owned(),
            "2:18 audit.witness-quorum: there is no witness: name one as [[audit.witness]]",
        ),
        (
            "[[audit.witness]]\nurl = \"https://w.example\"\n".to_owned(),
            "1:1 audit.witness: missing field `key`",
        ),
        (
            format!("{}colour = 1\n", of(url, &one)),
            "4:1 audit.witness: unknown field `colour`, expected `url` or `key`",
        ),
    ] {
        assert_eq!(wrong(&text), [expected], "{text}");
    }
    let many: String = (0..17).map(|_| of(url, &one)).collect();
    assert!(wrong(&many).iter().any(|one| one.contains("names 17 witnesses, and 16 may be")));
}
