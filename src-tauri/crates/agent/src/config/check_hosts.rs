//! Raw to true: to which hosts a connection or a deployment may go. What a hook makes of an address is not ours
//! to know: one that is no plain host is refused, where hosts are listed at all.

use serde_json::Value;

use super::check::{Check, Reading};
use super::raw_connection::RawConnection;
use super::section::{At, Place};

/// `connection-hosts`.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    named: Vec<String>,
    /// Where they are listed.
    file: String,
}

impl Hosts {
    /// `*.corp.example` is for all that is below it, and not for itself.
    fn have(&self, host: &str) -> bool {
        self.named.iter().any(|named| match named.strip_prefix('*') {
            Some(below) => host.len() > below.len() && host.ends_with(below),
            None => host == named,
        })
    }
}

impl Check<'_> {
    pub(super) fn connection_hosts(&mut self, at: Option<&At<Vec<String>>>) -> Option<Hosts> {
        let At { value, place } = at?;
        for named in value {
            let bare = named.strip_prefix("*.").unwrap_or(named);
            if host_of(bare).is_none_or(|host| !host.eq_ignore_ascii_case(bare)) {
                let hint = "the bare name, or `*.` and a name for all that is below it";
                self.problems.add_hint(place, format!("`{named}` is not a host name"), hint);
            }
        }
        let named = value.iter().map(|host| host.to_ascii_lowercase()).collect();
        Some(Hosts { named, file: self.problems.file(place).to_owned() })
    }

    /// May tokens go there?
    pub(super) fn goes_to(&mut self, place: &Place, address: &str) {
        let Some(hosts) = &self.hosts else { return };
        let is_listed = |one: &str| {
            host_of(one.trim()).is_some_and(|host| hosts.have(&host.to_ascii_lowercase()))
        };
        // Some hooks take several, with commas between.
        if address.split(',').all(is_listed) {
            return;
        }
        let message = format!("`{address}` is at none of the hosts that {} lists", hosts.file);
        let hint = format!("`connection-hosts` there: {}", hosts.named.join(", "));
        self.problems.add_hint(place, message, hint);
    }

    /// All of a connection that may say where it goes.
    pub(super) fn connection_goes_to(&mut self, raw: &RawConnection, table: &Place) {
        let Some(hosts) = self.hosts.clone() else { return };
        match &raw.host {
            Some(host) => self.goes_to(&host.place, &host.value),
            // Where it goes is then said by its `extra` or by who uses it.
            None if matches!(self.reading, Reading::Under(_)) && self.problems.is_own(table) => {
                let place = table.missing("host");
                let message = format!("has no host, and {} lists those there may be", hosts.file);
                self.problems.add_hint(&place, message, "set `host`");
            }
            None => {}
        }
        // `HttpHook` puts it before the host.
        if let Some(schema) = &raw.schema
            && schema.value.contains(['/', '\\', ':', '@', '?', '#'])
        {
            let message = "may name a host, and hosts are listed in `connection-hosts`";
            self.problems.add_hint(&schema.place, message, "set `host`, and a plain `schema`");
        }
        if let Some(At { value, place }) = &raw.extra {
            value.iter().for_each(|(key, value)| self.extra_goes_to(place, key, value));
        }
    }

    fn extra_goes_to(&mut self, place: &Place, key: &str, value: &Value) {
        match value {
            Value::String(text) if text.contains("://") || is_address(key) => {
                self.goes_to(&place.missing(key), text);
            }
            Value::Array(all) => all.iter().for_each(|one| self.extra_goes_to(place, key, one)),
            Value::Object(all) => {
                all.iter().for_each(|(key, one)| self.extra_goes_to(place, key, one));
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// By its name.
fn is_address(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["host", "hostname", "proxy", "endpoint_url", "base_url"].contains(&key.as_str())
}

/// The host of an address that nobody could read in two ways: a scheme or none, a name or an address, a port or
/// none, and what follows a slash.
fn host_of(address: &str) -> Option<&str> {
    let rest = match address.split_once("://") {
        Some((scheme, rest)) if is_word(scheme, "+.-") => rest,
        Some(_) => return None,
        None => address,
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) if is_word(host, ":.") => {
            (host, port.strip_prefix(':').or(port.is_empty().then_some("0"))?)
        }
        Some(_) => return None,
        None => authority.split_once(':').unwrap_or((authority, "0")),
    };
    let is_port = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    (is_port && is_word(host, ".-_:")).then_some(host)
}

fn is_word(text: &str, more: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_every_hook_reads_it_as_or_none() {
        for (address, host) in [
            ("warehouse.corp.example", Some("warehouse.corp.example")),
            ("https://warehouse.corp.example", Some("warehouse.corp.example")),
            ("https://warehouse.corp.example:8443/a@b?c", Some("warehouse.corp.example")),
            ("warehouse:5432", Some("warehouse")),
            ("http://[::1]:80/x", Some("::1")),
            ("[::1]", Some("::1")),
            ("", None),
            ("https://", None),
            ("https:///x", None),
            ("good.example@evil.example", None),
            ("https://good.example\\@evil.example", None),
            ("https://good.example#@evil.example", None),
            ("https://good.example?@evil.example", None),
            ("https:\\\\evil.example", None),
            ("good.example:80@evil.example", None),
            ("good.example:", None),
            ("good%2eexample", None),
            ("good.example evil.example", None),
            ("évil.example", None),
            ("x y://good.example", None),
        ] {
            assert_eq!(host_of(address), host, "{address}");
        }
    }

    #[test]
    fn a_star_is_for_all_below_and_not_for_itself() {
        let named = ["warehouse.example".to_owned(), "*.corp.example".to_owned()].to_vec();
        let hosts = Hosts { named, file: String::new() };
        for (host, is_listed) in [
            ("warehouse.example", true),
            ("a.warehouse.example", false),
            ("a.corp.example", true),
            ("a.b.corp.example", true),
            ("corp.example", false),
            (".corp.example", false),
            ("evilcorp.example", false),
            ("corp.example.evil", false),
        ] {
            assert_eq!(hosts.have(host), is_listed, "{host}");
        }
    }
}
