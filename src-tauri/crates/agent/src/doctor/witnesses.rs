//! Who cosigns the ledger: how many have, which one is behind, since when and why, and whether one holds another
//! history than ours.

use std::time::Duration;

use dagpass_client::wire::Finding;

use super::{hint, ok, problem, warning};

/// How one of the config's witnesses stands.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    pub name: String,
    /// Up to which line it cosigned, by what is kept in the log.
    pub cosigned: u64,
    /// It has not cosigned the newest checkpoint, nor said why not.
    pub pending: bool,
    /// What keeps it from cosigning the newest checkpoint, and for how long now.
    pub behind: Option<(String, Duration)>,
    /// It holds another history than ours.
    pub forked: Option<String>,
}

/// Nothing where the config names none.
pub(super) fn cosigned(witnesses: &[Witness], quorum: usize) -> Vec<Finding> {
    if witnesses.is_empty() {
        return Vec::new();
    }
    let is_idle = |one: &Witness| {
        one.cosigned == 0 && !one.pending && one.behind.is_none() && one.forked.is_none()
    };
    if witnesses.iter().all(is_idle) {
        let named = match witnesses.len() {
            1 => "1 witness is named".to_owned(),
            many => format!("{many} witnesses are named"),
        };
        let what =
            format!("no checkpoint is signed yet that could be cosigned: {named}, {quorum} needed");
        return vec![ok("witnesses", None, what)];
    }
    let mut findings = Vec::new();
    let is_well = |one: &&Witness| one.behind.is_none() && one.forked.is_none() && !one.pending;
    let well = witnesses.iter().filter(is_well).count();
    let of = match witnesses.len() {
        1 => format!("{well} of 1 witness"),
        many => format!("{well} of {many} witnesses"),
    };
    // Who has cosigned as much as is needed.
    let mut lines: Vec<u64> = witnesses.iter().map(|one| one.cosigned).collect();
    lines.sort_unstable_by(|a, b| b.cmp(a));
    let reached = lines.get(quorum.saturating_sub(1)).copied().unwrap_or(0);
    let upto = match reached {
        0 => "no cosignature is known yet".to_owned(),
        line => format!("cosigned up to line {line}"),
    };
    findings.push(match well >= quorum {
        true => ok("witnesses", None, format!("{of} up to date, {quorum} needed: {upto}")),
        false => {
            let what = format!("{of} up to date, and {quorum} needed: {upto}");
            let fix = "tokens are handed out as ever; what comes after that line can be rewritten unseen \
                       until they cosign";
            hint(warning("witnesses", None, what), fix)
        }
    });
    findings.extend(witnesses.iter().filter_map(of_one));
    findings
}

fn of_one(witness: &Witness) -> Option<Finding> {
    let name = &witness.name;
    if let Some(what) = &witness.forked {
        let found = problem("witnesses", None, format!("{name}: evidence of a fork: {what}"));
        return Some(hint(
            found,
            "keep `ledger.jsonl` and `ledger-log` as they are, look who restored or rewrote them, and hold \
             them against what the witness has; it is not asked again before the agent restarts",
        ));
    }
    let Some((why, since)) = &witness.behind else {
        let what = format!("{name} has not answered yet about the newest checkpoint");
        let found = || warning("witnesses", None, what);
        return witness
            .pending
            .then(|| hint(found(), "ask again in a moment: it answers or fails by then"));
    };
    let since = match since.as_secs() / 60 {
        0 => "just now".to_owned(),
        minutes @ 1..120 => format!("for {minutes} min"),
        minutes => format!("for {} h", minutes / 60),
    };
    let found = warning("witnesses", None, format!("{name} is behind, {since}: {why}"));
    Some(hint(found, "look at the witness, its URL and the way to it; it is asked again by itself"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_behind_is_named_and_a_fork_is_a_problem() {
        let well = |cosigned| Witness { name: "w".into(), cosigned, ..Witness::default() };
        let behind = Witness {
            name: "slow".into(),
            cosigned: 3,
            behind: Some(("no answer".to_owned(), Duration::from_secs(130))),
            ..Witness::default()
        };
        let silent = |cosigned| Witness { pending: true, ..well(cosigned) };
        let forked = Witness { forked: Some("two histories".into()), ..well(9) };
        type Case = (Vec<Witness>, usize, &'static [(&'static str, &'static str)]);
        let table: [Case; 10] = [
            (vec![], 0, &[]),
            (
                vec![well(9)],
                1,
                &[("ok", "1 of 1 witness up to date, 1 needed: cosigned up to line 9")],
            ),
            (
                vec![well(9), behind.clone()],
                1,
                &[("ok", "1 of 2 witnesses"), ("warning", "slow is behind, for 2 min: no answer")],
            ),
            (
                vec![well(9), behind],
                2,
                &[
                    ("warning", "and 2 needed: cosigned up to line 3"),
                    ("warning", "slow is behind"),
                ],
            ),
            (
                vec![well(9), silent(7)],
                1,
                &[
                    ("ok", "1 of 2 witnesses up to date"),
                    ("warning", "w has not answered yet about the newest"),
                ],
            ),
            (
                vec![silent(7)],
                1,
                &[
                    ("warning", "0 of 1 witness up to date, and 1 needed: cosigned up to line 7"),
                    ("warning", "has not answered yet"),
                ],
            ),
            (
                vec![well(0)],
                1,
                &[(
                    "ok",
                    "no checkpoint is signed yet that could be cosigned: 1 witness is named, 1 needed",
                )],
            ),
            (vec![well(0), well(0)], 2, &[("ok", "2 witnesses are named, 2 needed")]),
            (
                vec![silent(0)],
                1,
                &[
                    (
                        "warning",
                        "0 of 1 witness up to date, and 1 needed: no cosignature is known yet",
                    ),
                    ("warning", "has not answered yet"),
                ],
            ),
            (
                vec![forked],
                1,
                &[("warning", "0 of 1"), ("problem", "evidence of a fork: two histories")],
            ),
        ];
        for (witnesses, quorum, expected) in table {
            let found = cosigned(&witnesses, quorum);
            assert_eq!(found.len(), expected.len());
            for (found, (verdict, words)) in found.iter().zip(expected) {
                assert!(found.detail.contains(words), "{words}: {}", found.detail);
                assert_eq!(
                    (found.verdict.as_str(), found.hint.is_some()),
                    (*verdict, *verdict != "ok")
                );
            }
        }
    }
}
