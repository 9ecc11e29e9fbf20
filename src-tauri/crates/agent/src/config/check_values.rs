//! Raw to true: the values that several tables share. Each says what is wrong with its own key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dagpass_core::profile::Network;
use url::Url;

use super::CaFileKey;
use super::check::Check;
use super::reserved::{Reserved, reservation};
use super::section::{At, Place};
use super::words::is_name;
use crate::outgoing_proxy::{Address, Unusable, is_safe};

impl Check<'_> {
    pub(super) fn network(
        &mut self,
        proxy: Option<At<String>>,
        no_proxy: Option<At<String>>,
        ca_file: Option<At<String>>,
    ) -> Network {
        if let Some(proxy) = &proxy
            && let Some(message) = unusable_proxy(&proxy.value)
        {
            self.problems.add_hint(&proxy.place, message, "write it as http://host:port");
        }
        Network {
            ca_file: self.ca_file(ca_file),
            proxy: proxy.map(|proxy| proxy.value),
            no_proxy: no_proxy.map(|hosts| hosts.value),
        }
    }

    fn ca_file(&mut self, at: Option<At<String>>) -> Option<PathBuf> {
        let place = at.as_ref()?.place.clone();
        let path = self.filled(at).map(|typed| self.path(&place, &typed))?;
        let (line, column) = self.problems.line_and_column(&place);
        let file = self.problems.file(&place).to_owned();
        self.ca_files.push(CaFileKey { path: path.clone(), file, key: place.key, line, column });
        Some(path)
    }

    /// Reports a key that is absent or empty.
    pub(super) fn required(
        &mut self,
        value: Option<At<String>>,
        table: &Place,
        key: &str,
    ) -> Option<At<String>> {
        match value {
            Some(at) if at.value.trim().is_empty() => {
                self.problems.add(&at.place, "is empty");
                None
            }
            Some(at) => Some(at),
            None => {
                let place = table.missing(key);
                if !self.problems.has(&place) {
                    self.problems.add(&place, format!("`{key}` is missing"));
                }
                None
            }
        }
    }

    /// A key that may be absent, but not blank.
    pub(super) fn filled(&mut self, value: Option<At<String>>) -> Option<String> {
        let At { value, place } = value?;
        if value.trim().is_empty() {
            self.problems.add_hint(&place, "is empty", "leave the line out");
            return None;
        }
        Some(value)
    }

    /// What the protocol itself sends cannot be set by hand: a second `scope` or `code_verifier`
    /// breaks the request, and a secret has no place in this file.
    pub(super) fn params(
        &mut self,
        at: Option<At<BTreeMap<String, String>>>,
    ) -> BTreeMap<String, String> {
        let Some(At { value, place }) = at else { return BTreeMap::new() };
        for name in value.keys() {
            let place = place.missing(name);
            match reservation(name) {
                Some(Reserved::Secret) => {
                    let hint =
                        "register a public client at Ping: a desktop program cannot keep a secret";
                    self.problems.add_hint(&place, "only public clients are supported", hint);
                }
                Some(Reserved::Protocol) => {
                    self.problems.add(&place, format!("`{name}` is set by the protocol"));
                }
                Some(Reserved::Key(key)) => {
                    self.problems.add(&place, format!("`{name}` has a key of its own: `{key}`"));
                }
                Some(Reserved::Taken) | None => {}
            }
        }
        value
    }

    /// Tokens travel to this URL: https, or this machine alone.
    pub(super) fn secure(&mut self, place: &Place, url: &str) -> bool {
        let message = match Url::parse(url) {
            Err(error) => format!("is not a URL: {error}"),
            Ok(url) if is_safe(&url) => return true,
            Ok(url) if url.scheme() == "http" => {
                self.problems.add_hint(place, "must be https", "http is taken for loopback alone");
                return false;
            }
            Ok(url) => format!("must be https, not {}", url.scheme()),
        };
        self.problems.add(place, message);
        false
    }

    /// Relative to the file that it was typed in.
    pub(super) fn path(&self, place: &Place, typed: &str) -> PathBuf {
        match self.reading.managed() {
            Some(managed) if !self.problems.is_own(place) => managed.folder().join(typed),
            Some(_) | None => self.folder.join(typed),
        }
    }

    pub(super) fn name(&mut self, name: &str, place: &Place) {
        if !is_name(name) {
            let hint = "letters, digits, `_`, `-` and `.`, at most 64";
            self.problems.add_hint(place, format!("`{name}` cannot be a name"), hint);
        }
    }
}

/// Never repeats the value, which may hold a password.
fn unusable_proxy(text: &str) -> Option<String> {
    match Address::parse(text) {
        Ok(_) if text.contains("://") => None,
        Ok(_) | Err(Unusable::NoAddress) => Some("is not the URL of an HTTP proxy".to_owned()),
        Err(unusable @ Unusable::Scheme(_)) => Some(format!("names {unusable}")),
    }
}
