//! Of what do policies speak at all? What none of them names need not be found out, nor judged twice.

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
}

impl Mentions {
    const EVERYTHING: Self = Self { declared: true, approved: true, verified: true };

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

/// `context.x` and `context has x`.
fn attribute(operator: &str, inner: &Value) -> Option<Mentions> {
    let of_context = inner.get("left")?.get("Var")?.as_str()? == "context";
    if !of_context || !matches!(operator, "." | "has") {
        return None;
    }
    let name = match inner.get("attr")? {
        Value::String(name) => name.as_str(),
        // `context has a.b.c`
        Value::Array(path) => path.first()?.as_str()?,
        _ => return Some(Mentions::EVERYTHING),
    };
    const VERIFIED: [&str; 6] = ["uid", "program", "parents", "terminal", "cwd", "cgroup"];
    Some(Mentions {
        declared: name == "declared",
        approved: name == "approved",
        verified: VERIFIED.contains(&name),
    })
}
