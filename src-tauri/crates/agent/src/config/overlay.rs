//! A person's config over the machine's: a key of the person's replaces that of the machine, whole. Only tables
//! that are read key by key are put together.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Puts beneath `own` what it does not say itself. `path` is where both stand.
pub(super) fn lay<'t>(own: &mut DeTable<'t>, theirs: DeTable<'t>, path: &mut Vec<String>) {
    for (key, value) in theirs {
        path.push(key.get_ref().to_string());
        match (own.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.get_ref()) {
            (None, _) => drop(own.insert(key, value)),
            (Some(DeValue::Table(own)), DeValue::Table(_)) if is_by_key(path) => {
                if let DeValue::Table(theirs) = value.into_inner() {
                    lay(own, theirs, path);
                }
            }
            (Some(_), _) => {}
        }
        path.pop();
    }
}

/// Not a store: a key file beside another kind than its own is an error that nobody could mend.
fn is_by_key(path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        names.as_slice(),
        ["endpoint" | "notifications" | "logout" | "approvals" | "audit" | "policy"]
            | ["profile" | "connection" | "airflow" | "lane" | "upstream" | "env"]
            | ["profile" | "connection" | "airflow" | "lane" | "upstream" | "env", _]
            | ["env", _, "connection"]
            | ["env", _, "connection", _]
    )
}
