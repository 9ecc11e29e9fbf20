//! Of what do policies speak at all? What none of them names need not be found out, nor judged twice, and a
//! verdict that rests on nothing that moves by itself holds for the next request like it.

use cedar_policy::Policy;
use serde_json::Value;

/// Does any policy rest on it?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// What the caller says of itself.
    pub(super) declared: bool,
    pub(super) approved: bool,
    /// What the system says of the process.
    pub(super) verified: bool,
    /// The hour, or how long ago somebody signed in.
    pub(super) time: bool,
}

impl Mentions {
    const EVERYTHING: Self = Self { declared: true, approved: true, verified: true, time: true };

    /// Rather too much than too little: a policy that is not seen through speaks of everything.
    pub(super) fn of<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        policies.fold(Self::default(), |known, policy| {
            let new = policy.to_json().map_or(Self::EVERYTHING, |json| within(&json));
            known.and(new)
        })
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            declared: self.declared || other.declared,
            approved: self.approved || other.approved,
            verified: self.verified || other.verified,
            time: self.time || other.time,
        }
    }
}

fn within(json: &Value) -> Mentions {
    match json {
        Value::Array(all) => {
            all.iter().fold(Mentions::default(), |known, one| known.and(within(one)))
        }
        Value::Object(fields) => match fields.get("Var") {
            // The context as a whole, compared or handed on.
            Some(Value::String(name)) if name == "context" => Mentions::EVERYTHING,
            _ => fields.iter().fold(Mentions::default(), |known, (operator, inner)| {
                known.and(attribute(operator, inner).unwrap_or_else(|| within(inner)))
            }),
        },
        _ => Mentions::default(),
    }
}

/// `context.x`, `context has x` and `context.signed_in.groups`.
fn attribute(operator: &str, inner: &Value) -> Option<Mentions> {
    if !matches!(operator, "." | "has") {
        return None;
    }
    let first = |json: &Value| match &json["attr"] {
        Value::String(name) => Some(name.clone()),
        // `context has a.b.c`
        Value::Array(path) => path.first()?.as_str().map(str::to_owned),
        _ => None,
    };
    let left = inner.get("left")?;
    let groups = first(inner).as_deref() == Some("groups");
    if groups && is_context(&left["."]) && first(&left["."]).as_deref() == Some("signed_in") {
        return Some(Mentions::default());
    }
    if !is_context(inner) {
        return None;
    }
    const VERIFIED: [&str; 6] = ["uid", "program", "parents", "terminal", "cwd", "cgroup"];
    let Some(name) = first(inner) else { return Some(Mentions::EVERYTHING) };
    Some(Mentions {
        declared: name == "declared",
        approved: name == "approved",
        verified: VERIFIED.contains(&name.as_str()),
        // That it is there does not change by itself; what else is in it may.
        time: name == "time" || (name == "signed_in" && operator == "."),
    })
}

fn is_context(inner: &Value) -> bool {
    inner["left"]["Var"].as_str() == Some("context")
}
