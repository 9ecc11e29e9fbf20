//! Whose cosignatures count: those that were given, else those that this machine's config names. The config is
//! the agent's to judge: here nothing depends on it that is not said as well, and a bad one names nobody.

use std::fs;
use std::path::Path;

use dagpass_client::ledger::log::VerifierKey;
use dagpass_client::place;
use toml_edit::{DocumentMut, Item};

use crate::exit::Failure;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Witnesses {
    pub(super) keys: Vec<VerifierKey>,
    pub(super) quorum: usize,
    /// `given`, `config` or `none`.
    pub(super) from: &'static str,
}

impl Witnesses {
    /// `own`: of this machine's agent, whose config knows.
    pub(super) fn of(given: &[String], quorum: Option<usize>, own: bool) -> Result<Self, Failure> {
        let keys = witnesses(given)?;
        let all = keys.len();
        let wanted = quorum.unwrap_or(all);
        if wanted > all || (wanted == 0 && all > 0) {
            let what = format!("--quorum is 1 to {all}, as many witnesses as are given");
            return Err(Failure::usage(what));
        }
        if all > 0 {
            return Ok(Self { keys, quorum: wanted, from: "given" });
        }
        let config = own.then(place::config_path).and_then(Result::ok);
        Ok(config
            .and_then(|path| configured(&path))
            .unwrap_or(Self { from: "none", ..Self::default() }))
    }
}

/// Each once.
pub(super) fn witnesses(texts: &[String]) -> Result<Vec<VerifierKey>, Failure> {
    let usage = |why: &str| Failure::usage("--witness is no witness's key").because(why);
    let mut witnesses = Vec::new();
    for text in texts {
        let witness = VerifierKey::parse(text).map_err(|why| usage(why.0))?;
        if !witness.is_witness() {
            return Err(usage("it is a log's key"));
        }
        if !witnesses.contains(&witness) {
            witnesses.push(witness);
        }
    }
    Ok(witnesses)
}

fn configured(path: &Path) -> Option<Witnesses> {
    let config: DocumentMut = fs::read_to_string(path).ok()?.parse().ok()?;
    let audit = config.get("audit")?;
    // `witness = [{ … }]` is the same to TOML.
    let tables = audit.get("witness")?.clone().into_array_of_tables().ok()?;
    let texts = tables.iter().map(|one| Some(one.get("key")?.as_str()?.to_owned()));
    let keys = witnesses(&texts.collect::<Option<Vec<_>>>()?).ok()?;
    let quorum = audit.get("witness-quorum").and_then(Item::as_integer);
    let quorum = quorum.map_or(Some(keys.len()), |number| usize::try_from(number).ok())?;
    (1..=keys.len()).contains(&quorum).then_some(Witnesses { keys, quorum, from: "config" })
}

#[cfg(test)]
mod tests {
    use dagpass_client::ledger::log::Cosigner;

    use super::*;

    #[test]
    fn those_of_the_config_count_where_none_is_given_and_a_bad_one_names_nobody() {
        let key = |number: u8| {
            let name = format!("witness.example/{number}");
            Cosigner::new(&name, [number; 32]).unwrap().key().clone()
        };
        let table =
            |number| format!("[[audit.witness]]\nurl = \"https://w\"\nkey = \"{}\"\n", key(number));
        let two = format!("[audit]\nwitness-quorum = 1\n{}{}", table(1), table(2));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for (text, expected) in [
            (two.clone(), Some((2, 1))),
            (two.replace("witness-quorum = 1", ""), Some((2, 2))),
            (two.replace("= 1", "= 3"), None),
            (two.replace("= 1", "= 0"), None),
            (two.replace("key = ", "kez = "), None),
            (two.replace("witness.example", "other"), None),
            (
                format!(
                    "[audit]\nwitness = [{{ url = \"https://w\", key = \"{}\" }}, {{ key = \"{}\" }}]\n",
                    key(1),
                    key(2)
                ),
                Some((2, 2)),
            ),
            (format!("audit = {{ witness = [{{ key = \"{}\" }}] }}\n", key(1)), Some((1, 1))),
            (format!("[audit]\nwitness = [\"{}\"]\n", key(1)), None),
            ("[audit]\nwitness = []\n".to_owned(), None),
            ("[audit]\n".to_owned(), None),
            ("[[".to_owned(), None),
        ] {
            fs::write(&path, &text).unwrap();
            let found = configured(&path).map(|one| (one.keys.len(), one.quorum));
            assert_eq!(found, expected, "{text}");
        }
        let given = [key(1).to_string(), key(1).to_string()];
        let once = Witnesses::of(&given, None, true).unwrap();
        assert_eq!((once.keys.len(), once.quorum, once.from), (1, 1, "given"));
        assert!(Witnesses::of(&given, Some(2), true).is_err());
        assert!(Witnesses::of(&["x".to_owned()], None, true).is_err());
        assert_eq!(Witnesses::of(&[], None, false).unwrap().from, "none");
    }
}
