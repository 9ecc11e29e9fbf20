//! Of what do policies speak at all? What none of them names need not be found out, nor judged twice, and a
//! verdict holds for the next request like it until something turns that they speak of.

use serde_json::Value;

use super::moments::Moments;

/// Does any policy rest on it?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// What the caller says of itself.
    pub(super) declared: bool,
    pub(super) approved: bool,
    pub(super) lane: bool,
    /// What the system says of the process.
    pub(super) verified: bool,
    /// The hour, or how long ago somebody signed in.
    pub(super) time: Moments,
}

impl Mentions {
    /// Rather too much than too little: of a policy that is not seen through.
    pub(super) fn everything() -> Self {
        let time = Moments::always();
        Self { declared: true, approved: true, lane: true, verified: true, time }
    }

    /// As Cedar writes the policy.
    pub(super) fn within(json: &Value) -> Self {
        match json {
            Value::Array(all) => {
                all.iter().fold(Self::default(), |known, one| known.and(Self::within(one)))
            }
            Value::Object(fields) => match fields.get("Var") {
                // The context as a whole, compared or handed on.
                Some(Value::String(name)) if name == "context" => Self::everything(),
                _ => fields.iter().fold(Self::default(), |known, (operator, inner)| {
                    known.and(attribute(operator, inner).unwrap_or_else(|| Self::within(inner)))
                }),
            },
            _ => Self::default(),
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            declared: self.declared || other.declared,
            approved: self.approved || other.approved,
            lane: self.lane || other.lane,
            verified: self.verified || other.verified,
            time: self.time.and(other.time),
        }
    }
}

/// `context.x`, `context has x` and `context.signed_in.groups`.
fn attribute(operator: &str, inner: &Value) -> Option<Mentions> {
    if let Some(time) = Moments::within(operator, inner) {
        return Some(Mentions { time, ..Mentions::default() });
    }
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
    let Some(name) = first(inner) else { return Some(Mentions::everything()) };
    // That it is there does not change by itself; what else is in it may.
    let moves = name == "time" || (name == "signed_in" && operator == ".");
    Some(Mentions {
        declared: name == "declared",
        approved: name == "approved",
        lane: name == "lane",
        verified: VERIFIED.contains(&name.as_str()),
        time: if moves { Moments::always() } else { Moments::default() },
    })
}

fn is_context(inner: &Value) -> bool {
    inner["left"]["Var"].as_str() == Some("context")
}
