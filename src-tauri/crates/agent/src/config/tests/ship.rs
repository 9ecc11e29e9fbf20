//! Where the ledger's lines go: what is taken, and what is wrong with the rest and where.

use super::super::Compression;
use super::{good, read};

fn wrong(text: &str) -> Vec<String> {
    let problems = read(text).expect_err(text);
    problems.iter().map(|p| format!("{}:{} {}: {}", p.line, p.column, p.key, p.message)).collect()
}

#[test]
fn a_collector_is_named_by_its_base_or_by_where_it_takes_logs() {
    for (text, expected) in [
        ("otlp = \"http://127.0.0.1:4318\"", "http://127.0.0.1:4318/v1/logs"),
        ("otlp = \"https://c.example/otlp/\"", "https://c.example/otlp/v1/logs"),
        ("otlp = \"https://c.example/v1/logs\"", "https://c.example/v1/logs"),
        ("otlp = \"http://c.example:4318\"\ninsecure = true", "http://c.example:4318/v1/logs"),
    ] {
        let ship = good(&format!("[audit.ship]\n{text}\n")).ship.unwrap();
        assert_eq!((ship.url.as_str(), ship.headers_command.len()), (expected, 0));
    }
    let text = "[audit.ship]\notlp = \"https://c\"\nheaders-command = [\"pass\", \"otlp\"]\n";
    assert_eq!(good(text).ship.unwrap().headers_command, ["pass", "otlp"]);
    assert_eq!(good("[audit]\n").ship, None);
    for (text, expected) in [
        ("", Compression::Gzip),
        ("compression = \"gzip\"", Compression::Gzip),
        ("compression = \"none\"", Compression::None),
    ] {
        let ship = good(&format!("[audit.ship]\notlp = \"https://c\"\n{text}\n")).ship.unwrap();
        assert_eq!(ship.compression, expected, "{text}");
    }
}

#[test]
fn lines_are_kept_for_ever_or_for_a_day_at_least() {
    assert_eq!(good("[audit]\n").retain, None);
    let days = |days: u64| Some(std::time::Duration::from_secs(days * 24 * 60 * 60));
    for (text, expected) in [("400d", days(400)), ("24h", days(1))] {
        assert_eq!(good(&format!("[audit]\nretain = \"{text}\"\n")).retain, expected);
    }
    for (text, expected) in [
        ("23h", "2:10 audit.retain: is shorter than a day"),
        ("0d", "2:10 audit.retain: is shorter than a day"),
        ("a year", "2:10 audit.retain: `a year` is not a span of time"),
    ] {
        assert_eq!(wrong(&format!("[audit]\nretain = \"{text}\"\n")), [expected], "{text}");
    }
}

#[test]
fn a_bad_collector_names_line_key_and_fix() {
    for (text, expected) in [
        ("otlp = \"http://c.example\"", "2:8 audit.ship.otlp: must be https"),
        (
            "otlp = \"ftp://c.example\"\ninsecure = true",
            "2:8 audit.ship.otlp: must be https, not ftp",
        ),
        ("otlp = \"c.example\"", "2:8 audit.ship.otlp: is not a URL: relative URL without a base"),
        (
            "otlp = \"https://u:p@c.example\"",
            "2:8 audit.ship.otlp: a collector's URL has no query, no fragment and no login",
        ),
        (
            "otlp = \"https://c.example?key=1\"",
            "2:8 audit.ship.otlp: a collector's URL has no query, no fragment and no login",
        ),
        (
            "otlp = \"https://c\"\nheaders-command = []",
            "3:19 audit.ship.headers-command: names no program",
        ),
        ("insecure = true", "1:1 audit.ship: missing field `otlp`"),
        (
            "otlp = \"https://c\"\nheaders = \"x\"",
            "3:1 audit.ship: unknown field `headers`, expected one of `otlp`, `headers-command`, `compression`, `insecure`",
        ),
        (
            "otlp = \"https://c\"\ncompression = \"zstd\"",
            "3:15 audit.ship: unknown variant `zstd`, expected `gzip` or `none`",
        ),
    ] {
        assert_eq!(wrong(&format!("[audit.ship]\n{text}\n")), [expected], "{text}");
    }
}
