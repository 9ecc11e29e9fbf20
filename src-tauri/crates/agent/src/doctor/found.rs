//! Tokens of ours that were found in files: where each lies, and the one command that follows.

use dagpass_client::wire::Finding;

use super::{hint, warning};

/// One that may still be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundToken {
    /// The record's: the first 16 digits of its SHA-256.
    pub fingerprint: String,
    /// The first file and line that it was found in.
    pub place: String,
    /// In how many places more.
    pub more: usize,
}

/// How many are told one by one?
const MOST: usize = 10;

pub(super) fn tokens(found: &[FoundToken]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = found.iter().take(MOST).map(token).collect();
    if found.len() > MOST {
        let detail = format!("{} more tokens were found in files", found.len() - MOST);
        let fix = "see them all: `dagpass audit search --event token-found`";
        findings.push(hint(warning("token", None, detail), fix));
    }
    findings
}

fn token(one: &FoundToken) -> Finding {
    let FoundToken { fingerprint, place, more } = one;
    let more = match more {
        0 => String::new(),
        more => format!(" and in {more} more places"),
    };
    let detail = format!(
        "a token that is still good lies in {place}{more} ({fingerprint}); the leases that held it have ended"
    );
    let fix = "take it out of there, and see where else one lies: `dagpass airflow scan`";
    hint(warning("token", None, detail), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_that_lies_about_is_told_with_its_place_and_the_command_that_follows() {
        let one = |at: usize| FoundToken {
            fingerprint: format!("{at:016x}"),
            place: format!("/logs/{at}.log:7"),
            more: at,
        };
        assert_eq!(tokens(&[]), []);
        let told = tokens(&[one(0), one(2)]);
        assert_eq!(told.len(), 2);
        assert!(told[0].detail.contains("lies in /logs/0.log:7 (0000000000000000)"), "{told:?}");
        assert!(told[1].detail.contains("/logs/2.log:7 and in 2 more places"), "{told:?}");
        let is_told = |one: &Finding| {
            one.verdict == "warning"
                && one.hint.as_deref().unwrap().contains("dagpass airflow scan")
        };
        assert!(told.iter().all(is_told), "{told:?}");
        let many: Vec<FoundToken> = (0..MOST + 3).map(one).collect();
        let told = tokens(&many);
        assert_eq!(told.len(), MOST + 1);
        assert!(told[MOST].detail.starts_with("3 more tokens"), "{told:?}");
    }
}
