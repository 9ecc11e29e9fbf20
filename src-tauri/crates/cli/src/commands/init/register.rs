//! What has to be registered at Ping for a profile, by the config's text. Changes nothing.

use toml_edit::{DocumentMut, Item, TableLike};

/// The callbacks; none where the profile signs in by code alone.
pub(super) fn callbacks(text: &str, profile: &str, usual: &[u16]) -> Vec<String> {
    let config: DocumentMut = text.parse().unwrap_or_default();
    let profiles = config.get("profile").and_then(Item::as_table_like);
    let table = profiles.and_then(|all| all.get(profile)).and_then(Item::as_table_like);
    table.map_or_else(Vec::new, |table| of(table, usual))
}

fn of(profile: &dyn TableLike, usual: &[u16]) -> Vec<String> {
    let text = |key: &str| profile.get(key).and_then(Item::as_str);
    if text("flow") == Some("device") {
        return Vec::new();
    }
    let ports = profile.get("redirect-ports").and_then(Item::as_array);
    let ports: Vec<i64> = match ports {
        Some(ports) => ports.iter().filter_map(toml_edit::Value::as_integer).collect(),
        None => usual.iter().map(|port| i64::from(*port)).collect(),
    };
    let path = text("redirect-path").unwrap_or("/callback");
    let uri = text("redirect-uri")
        .map_or_else(|| format!("http://127.0.0.1:{{port}}{path}"), str::to_owned);
    let mut uris: Vec<String> = ports.iter().map(|port| with_port(&uri, *port)).collect();
    // One that names its port is the same for all.
    uris.dedup();
    uris
}

/// Where any port will do, none is named (RFC 8252 §7.3).
fn with_port(uri: &str, port: i64) -> String {
    match port {
        0 if uri.contains(":{port}") => format!("{} with any port", uri.replace(":{port}", "")),
        port => uri.replace("{port}", &port.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_what_the_profile_listens_at() {
        for (keys, expected) in [
            ("", "http://127.0.0.1:7/callback http://127.0.0.1:8/callback"),
            ("flow = \"device\"", ""),
            ("redirect-ports = [9]", "http://127.0.0.1:9/callback"),
            ("redirect-ports = [0]", "http://127.0.0.1/callback with any port"),
            (
                "redirect-path = \"/callback/dev\"",
                "http://127.0.0.1:7/callback/dev http://127.0.0.1:8/callback/dev",
            ),
            ("redirect-uri = \"http://localhost:5/cb\"", "http://localhost:5/cb"),
            (
                "redirect-uri = \"http://localhost:{port}/cb\"",
                "http://localhost:7/cb http://localhost:8/cb",
            ),
        ] {
            let text = format!("[profile.dev]\n{keys}\n");
            assert_eq!(callbacks(&text, "dev", &[7, 8]).join(" "), expected, "{keys}");
        }
        assert!(callbacks("[profile.dev]\n", "prod", &[7]).is_empty());
    }
}
