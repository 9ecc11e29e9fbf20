//! What a request comes to: the scopes and the resource that Ping would be asked for, settled before
//! anybody judges. A connection's are its own, and a request may ask for a part of them.

use crate::error::{ErrorCode, Refusal};
use crate::profile::Scopes;
use crate::request::{Reach, Target};

/// What the config gives under the name that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// As the config spells it: connection, or the plain profile.
    pub name: &'a str,
    /// Where nothing narrower is asked for.
    pub target: &'a Target,
    /// All that it has; `None` where the config does not say.
    pub scopes: Option<&'a Scopes>,
    /// Nothing more can be had under this name, whoever asks.
    pub closed: bool,
}

/// What the request adds in its own words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    pub scopes: Option<&'a [String]>,
    /// RFC 8707.
    pub resource: Option<&'a str>,
}

/// `named`: does the config have this very target, or (without scopes) this resource, anywhere in the
/// same session?
pub fn effective(
    offer: Offer<'_>,
    wish: Wish<'_>,
    named: impl Fn(&Target) -> bool,
) -> Result<(Target, Reach), Refusal> {
    let mut target = offer.target.clone();
    let scopes_within = match wish.scopes {
        None => true,
        Some([]) => {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "`scopes` is an empty list")
                .hint("leave it out for all of them, or name some"));
        }
        Some(asked) => {
            let asked: Scopes = asked.iter().cloned().collect();
            let within = offer.scopes.is_some_and(|own| asked.is_subset(own));
            if offer.closed && !within {
                return Err(more_scopes(offer, &asked));
            }
            // The same in other words is the same token.
            if offer.scopes != Some(&asked) {
                target.scopes = Some(asked);
            }
            within
        }
    };
    let mut resource_within = true;
    if let Some(resource) = wish.resource
        && target.resource.as_deref() != Some(resource)
    {
        if offer.closed {
            return Err(another_resource(offer));
        }
        target.resource = Some(resource.to_owned());
        target.audience = None;
        resource_within = named(&Target { scopes: None, ..target.clone() });
    }
    let reach = match (target == *offer.target || named(&target), scopes_within && resource_within)
    {
        (true, _) => Reach::Named,
        (false, true) => Reach::Within,
        (false, false) => Reach::Beyond,
    };
    Ok((target, reach))
}

fn more_scopes(offer: Offer<'_>, asked: &Scopes) -> Refusal {
    let more: Vec<&str> =
        asked.iter().filter(|one| !offer.scopes.is_some_and(|own| own.contains(one))).collect();
    let cause = match offer.scopes {
        Some(own) if !own.is_empty() => {
            format!("not of its own: {}; it has {own}", more.join(" "))
        }
        Some(_) | None => "the config names no scopes for it".to_owned(),
    };
    let what = format!("{} has no such scopes", offer.name);
    Refusal::new(ErrorCode::InvalidScope, what)
        .because(cause)
        .hint("ask for some of its own, or name the scope in the config")
}

fn another_resource(offer: Offer<'_>) -> Refusal {
    let cause = match &offer.target.resource {
        Some(own) => format!("its own is {own}"),
        None => "the config names no resource for it".to_owned(),
    };
    Refusal::new(ErrorCode::InvalidTarget, format!("{} has another resource", offer.name))
        .because(cause)
        .hint("leave `resource` out, or name it in the config")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAKE: &str = "https://lake.example";

    fn target(scopes: Option<&str>, resource: Option<&str>) -> Target {
        Target {
            scopes: scopes.map(Scopes::parse),
            resource: resource.map(str::to_owned),
            ..Target::default()
        }
    }

    /// Scopes and resource of a request, and what it comes to.
    type Case<'a> = (Option<&'a [&'a str]>, Option<&'a str>, Result<(Target, Reach), ErrorCode>);

    fn run(offer: Offer<'_>, (scopes, resource, expected): &Case<'_>) {
        let scopes: Option<Vec<String>> =
            scopes.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        let named =
            |one: &Target| [target(None, Some(LAKE)), target(Some("a"), None)].contains(one);
        let wish = Wish { scopes: scopes.as_deref(), resource: *resource };
        let found = effective(offer, wish, named).map_err(|refusal| refusal.code);
        assert_eq!(found, *expected, "{wish:?} of {offer:?}");
    }

    #[test]
    fn a_connection_s_scopes_and_resource_are_its_own() {
        let own = target(Some("b c"), Some(LAKE));
        let scopes = Scopes::parse("b c");
        let offer = Offer { name: "`w`", target: &own, scopes: Some(&scopes), closed: true };
        for case in [
            (None, None, Ok((own.clone(), Reach::Named))),
            (Some(&["c", "b"][..]), Some(LAKE), Ok((own.clone(), Reach::Named))),
            (Some(&["b"][..]), None, Ok((target(Some("b"), Some(LAKE)), Reach::Within))),
            (Some(&["admin"][..]), None, Err(ErrorCode::InvalidScope)),
            (Some(&["b", "admin"][..]), None, Err(ErrorCode::InvalidScope)),
            (Some(&[][..]), None, Err(ErrorCode::InvalidRequest)),
            (None, Some("https://other.example"), Err(ErrorCode::InvalidTarget)),
            (None, Some(""), Err(ErrorCode::InvalidTarget)),
        ] {
            run(offer, &case);
        }
        run(
            Offer { scopes: None, ..offer },
            &(Some(&["b"][..]), None, Err(ErrorCode::InvalidScope)),
        );
    }

    #[test]
    fn of_a_profile_more_may_be_asked_for_and_is_marked_as_more() {
        let (own, scopes) = (Target::default(), Scopes::parse("a b c"));
        let offer = Offer { name: "`p`", target: &own, scopes: Some(&scopes), closed: false };
        let other = "https://other.example";
        for case in [
            (None, None, Ok((Target::default(), Reach::Named))),
            (Some(&["a", "b", "c"][..]), None, Ok((Target::default(), Reach::Named))),
            (Some(&["a"][..]), None, Ok((target(Some("a"), None), Reach::Named))),
            (Some(&["b"][..]), None, Ok((target(Some("b"), None), Reach::Within))),
            (Some(&["x"][..]), None, Ok((target(Some("x"), None), Reach::Beyond))),
            (Some(&[][..]), None, Err(ErrorCode::InvalidRequest)),
            (None, Some(LAKE), Ok((target(None, Some(LAKE)), Reach::Named))),
            (Some(&["b"][..]), Some(LAKE), Ok((target(Some("b"), Some(LAKE)), Reach::Within))),
            (Some(&["x"][..]), Some(LAKE), Ok((target(Some("x"), Some(LAKE)), Reach::Beyond))),
            (None, Some(other), Ok((target(None, Some(other)), Reach::Beyond))),
        ] {
            run(offer, &case);
        }
    }
}
