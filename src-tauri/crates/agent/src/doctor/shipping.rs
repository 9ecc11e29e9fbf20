//! Whether the ledger's lines reach the collector that the config names.

use dagpass_client::wire::{Finding, ShipStatus};

use super::{hint, ok, warning};

/// Nothing where the config names none.
pub(super) fn shipped(status: &ShipStatus) -> Vec<Finding> {
    let Some(collector) = &status.collector else { return Vec::new() };
    let mut findings = Vec::new();
    let upto = match (status.shipped, status.behind) {
        (shipped, 0) => format!("{collector} has all up to line {shipped}"),
        (shipped, behind) => format!("{collector} has all up to line {shipped}, {behind} behind"),
    };
    findings.push(match &status.error {
        None => ok("shipping", None, upto),
        Some(why) => {
            let since = status.failing_since.as_deref().unwrap_or("now");
            let what = format!("{upto}: {why} (since {since})");
            let fix = "look at the collector, its URL and the way to it; it is tried again by itself, \
                       `dagpass audit ship --now` tries at once, and nothing is lost";
            hint(warning("shipping", None, what), fix)
        }
    });
    if status.rejected > 0 {
        let what = format!("{collector} threw {} records away", status.rejected);
        let fix = "look why in its log; `dagpass audit ship --from SEQ` sends lines once more";
        findings.push(hint(warning("shipping", None, what), fix));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_takes_nothing_or_throws_away_is_a_warning_with_a_fix() {
        let well = ShipStatus {
            collector: Some("http://c/v1/logs".to_owned()),
            shipped: 9,
            ..ShipStatus::default()
        };
        let failing = ShipStatus {
            behind: 3,
            error: Some("it answered 503".to_owned()),
            failing_since: Some("2026-11-30T10:00:00.000Z".to_owned()),
            ..well.clone()
        };
        let partly = ShipStatus { rejected: 2, ..well.clone() };
        let has = "http://c/v1/logs has all up to line 9";
        for (status, expected) in [
            (ShipStatus::default(), vec![]),
            (well, vec![("ok", has.to_owned())]),
            (
                failing,
                vec![(
                    "warning",
                    format!("{has}, 3 behind: it answered 503 (since 2026-11-30T10:00:00.000Z)"),
                )],
            ),
            (
                partly,
                vec![
                    ("ok", has.to_owned()),
                    ("warning", "http://c/v1/logs threw 2 records away".to_owned()),
                ],
            ),
        ] {
            let found = shipped(&status);
            let told: Vec<_> =
                found.iter().map(|one| (one.verdict.as_str(), one.detail.clone())).collect();
            assert_eq!(told, expected);
            assert!(found.iter().all(|one| one.hint.is_some() == (one.verdict != "ok")));
        }
    }
}
