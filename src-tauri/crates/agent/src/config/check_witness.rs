//! Raw to true: who cosigns the ledger, and how many of them have to.

use dagpass_client::ledger::log::VerifierKey;
use toml::Spanned;
use url::Url;

use super::check::Check;
use super::raw::RawAudit;
use super::raw_audit::RawWitness;
use super::section::{At, Place};
use super::{AuditWitness, Witnesses};

/// How many may there be? A checkpoint has room for four times as many signatures.
const MOST: usize = 16;

impl Check<'_> {
    pub(super) fn witnesses(&mut self, audit: Option<&At<RawAudit>>) -> Witnesses {
        let none = At { value: Vec::new(), place: Place::default() };
        let typed = audit.and_then(|audit| audit.value.witness.as_ref()).unwrap_or(&none);
        let mut witnesses = Vec::new();
        for (number, raw) in typed.value.iter().enumerate() {
            if let Some(one) = self.one_witness(raw, &typed.place, number) {
                let same = |other: &AuditWitness| other.key == one.key;
                if witnesses.iter().any(same) {
                    let place = within(&typed.place, number, "key", &raw.key);
                    self.problems.add(&place, "is another witness's key already");
                }
                witnesses.push(one);
            }
        }
        let count = typed.value.len();
        if count > MOST {
            self.problems.add(&typed.place, format!("names {count} witnesses, and {MOST} may be"));
        }
        let quorum = audit.and_then(|audit| audit.value.witness_quorum.as_ref());
        if let Some(quorum) = quorum
            && !(1..=count).contains(&quorum.value)
        {
            let message = match count {
                0 => "there is no witness: name one as [[audit.witness]]".to_owned(),
                count => format!("is 1 to {count}, as many as there are witnesses"),
            };
            self.problems.add(&quorum.place, message);
        }
        Witnesses { quorum: quorum.map_or(count, |quorum| quorum.value), all: witnesses }
    }

    fn one_witness(
        &mut self,
        raw: &RawWitness,
        table: &Place,
        number: usize,
    ) -> Option<AuditWitness> {
        let place = within(table, number, "url", &raw.url);
        let typed = raw.url.get_ref().trim_end_matches('/');
        let url = Url::parse(typed).ok().filter(|_| self.secure(&place, typed));
        if url.is_none() {
            // Says why it is no URL.
            self.secure(&place, typed);
        }
        if let Some(url) = &url
            && (url.query().is_some()
                || url.fragment().is_some()
                || !url.username().is_empty()
                || url.password().is_some())
        {
            self.problems.add(&place, "a witness's URL has no query, no fragment and no login");
        }
        let place = within(table, number, "key", &raw.key);
        let hint = "take what `dagpass witness key` prints on the witness's machine";
        let key = match VerifierKey::parse(raw.key.get_ref()) {
            Ok(key) if key.is_witness() => Some(key),
            Ok(_) => {
                self.problems.add_hint(&place, "is a log's key and no witness's", hint);
                None
            }
            Err(why) => {
                self.problems.add_hint(&place, format!("is no verifier key: {why}"), hint);
                None
            }
        };
        Some(AuditWitness { url: url?, key: key? })
    }
}

fn within(table: &Place, number: usize, key: &str, typed: &Spanned<String>) -> Place {
    Place { key: format!("{}[{number}].{key}", table.key), offset: typed.span().start }
}
