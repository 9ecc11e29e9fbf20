//! When can a verdict turn by itself? What a policy says of the time, as the few moments at which that changes:
//! between two of them a verdict holds.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facts::Facts;

/// Of all rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moments {
    /// Something of it cannot be told ahead: a verdict holds for this very moment.
    pub(super) any: bool,
    /// The hour and the day of the week, which turn with an hour.
    hours: bool,
    /// Ages of a sign-in that are compared with.
    ages: BTreeSet<i64>,
    epochs: BTreeSet<i64>,
}

/// What of the time an expression is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Age,
    Epoch,
    Hours,
}

impl Moments {
    pub(super) fn always() -> Self {
        Self { any: true, ..Self::default() }
    }

    pub(super) fn and(mut self, mut other: Self) -> Self {
        self.ages.append(&mut other.ages);
        self.epochs.append(&mut other.epochs);
        Self { any: self.any || other.any, hours: self.hours || other.hours, ..self }
    }

    /// `a > 5` and `context.time.hour`, whatever that is compared with. `None` for what is neither.
    pub(super) fn within(operator: &str, inner: &Value) -> Option<Self> {
        if operator == "." {
            let hours = kind(inner) == Some(Kind::Hours);
            return hours.then(|| Self { hours, ..Self::default() });
        }
        if !matches!(operator, "==" | "!=" | "<" | "<=" | ">" | ">=") {
            return None;
        }
        let side = |one: &str, other: &str| {
            Some((kind(&inner[one]["."])?, inner[other]["Value"].as_i64()?))
        };
        let (kind, limit) = side("left", "right").or_else(|| side("right", "left"))?;
        let limits = BTreeSet::from([limit]);
        match kind {
            Kind::Age => Some(Self { ages: limits, ..Self::default() }),
            Kind::Epoch => Some(Self { epochs: limits, ..Self::default() }),
            Kind::Hours => Some(Self { hours: true, ..Self::default() }),
        }
    }

    /// The same for every moment between two at which a verdict may turn.
    pub(super) fn of(&self, facts: &Facts<'_>) -> [Option<i64>; 3] {
        let age = facts.signed_in.as_ref().map(|(age, _)| *age);
        [
            self.hours.then(|| facts.epoch.div_euclid(3_600)),
            age.map(|age| between(&self.ages, age)),
            Some(between(&self.epochs, facts.epoch)),
        ]
    }
}

/// Twice the number of limits that are behind, and one more at a limit itself.
fn between(limits: &BTreeSet<i64>, now: i64) -> i64 {
    let behind = limits.range(..now).count() as i64;
    2 * behind + i64::from(limits.contains(&now))
}

/// Of `context.time.hour` and the like, behind its last point.
fn kind(inner: &Value) -> Option<Kind> {
    let outer = &inner["left"]["."];
    if outer["left"]["Var"].as_str() != Some("context") {
        return None;
    }
    match (outer["attr"].as_str()?, inner["attr"].as_str()?) {
        ("signed_in", "age") => Some(Kind::Age),
        ("time", "epoch") => Some(Kind::Epoch),
        ("time", "hour" | "weekday") => Some(Kind::Hours),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_at_and_behind_each_limit_are_different_moments() {
        let limits = BTreeSet::from([10, 20]);
        for (now, expected) in [(9, 0), (10, 1), (11, 2), (19, 2), (20, 3), (21, 4), (i64::MAX, 4)]
        {
            assert_eq!(between(&limits, now), expected, "{now}");
        }
    }
}
