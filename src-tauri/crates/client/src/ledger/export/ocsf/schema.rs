//! Is an event as the published schema has it? Judged by its facts alone (`tests/cases/ocsf-1.8.0.json`, which
//! says where they are from).

use serde_json::{Map, Value};

const FACTS: &str = include_str!("../../../../../../../tests/cases/ocsf-1.8.0.json");

/// Whose regular expression is known here by heart.
type Form = fn(&str) -> bool;
const FORMS: [(&str, Form); 1] = [("email_t", super::parts::is_address)];

pub(super) struct Schema(Value);

/// Of one attribute: `! string_t[] @profile`, and its enum.
struct Fact<'s> {
    required: bool,
    kind: &'s str,
    is_list: bool,
    profile: Option<&'s str>,
    choices: Option<&'s Map<String, Value>>,
}

impl Schema {
    pub(super) fn published() -> Self {
        let facts: Value = serde_json::from_str(FACTS).unwrap();
        assert_eq!(facts["version"], super::OCSF_VERSION);
        Self(facts)
    }

    /// All that is wrong with it.
    pub(super) fn faults(&self, event: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let class = &self.0["classes"][event["class_uid"].to_string()];
        if class.is_null() {
            return vec![format!("no class {}", event["class_uid"])];
        }
        let profiles = event["metadata"]["profiles"].as_array().cloned().unwrap_or_default();
        self.object(event, class, &profiles, "event", &mut found);
        let number = |name: &str| event[name].as_u64().unwrap_or(u64::MAX);
        let type_uid = number("class_uid").wrapping_mul(100).wrapping_add(number("activity_id"));
        let caption = class["caption"].as_str().unwrap_or_default();
        let activity = event["activity_name"].as_str().unwrap_or_default();
        for (name, expected) in [
            ("type_uid", Value::from(type_uid)),
            ("category_uid", class["category_uid"].clone()),
            ("category_name", class["category"].clone()),
            ("class_name", Value::from(caption)),
            ("type_name", Value::from(format!("{caption}: {activity}"))),
        ] {
            if event[name] != expected {
                found.push(format!("{name} is {}, not {expected}", event[name]));
            }
        }
        found
    }

    fn object(
        &self,
        value: &Value,
        of: &Value,
        profiles: &[Value],
        place: &str,
        found: &mut Vec<String>,
    ) {
        let Some(object) = value.as_object() else {
            return found.push(format!("{place} is no object"));
        };
        let facts = of["attributes"].as_object().unwrap();
        for (name, value) in object {
            let place = format!("{place}.{name}");
            let Some(fact) = facts.get(name).map(Fact::of) else {
                found.push(format!("{place} is no attribute"));
                continue;
            };
            if fact.profile.is_some_and(|profile| !profiles.contains(&profile.into())) {
                found.push(format!("{place} is of a profile that the event does not name"));
            }
            match (fact.is_list, value) {
                (true, Value::Array(all)) if !all.is_empty() => all.iter().for_each(|one| {
                    self.value(one, &fact, profiles, &place, found);
                }),
                (true, _) => found.push(format!("{place} is no list, or empty")),
                (false, _) => self.value(value, &fact, profiles, &place, found),
            }
            if let Some(caption) = sibling(name, value, &fact)
                && object.get(&caption.0).is_some_and(|said| *said != caption.1)
            {
                found.push(format!("{place} is {}, and its name {}", value, object[&caption.0]));
            }
        }
        let asked = |fact: &Fact<'_>| {
            fact.required && fact.profile.is_none_or(|profile| profiles.contains(&profile.into()))
        };
        for (name, _) in facts.iter().filter(|(_, fact)| asked(&Fact::of(fact))) {
            if !object.contains_key(name) {
                found.push(format!("{place}.{name} is required"));
            }
        }
        for (rule, names) in of["constraints"].as_object().into_iter().flatten() {
            let names = names.as_array().unwrap().iter().filter_map(Value::as_str);
            let there = names.filter(|name| object.contains_key(*name)).count();
            if there == 0 || (rule == "just_one" && there != 1) {
                found.push(format!("{place} has {there} of what {rule} asks for"));
            }
        }
    }

    fn value(
        &self,
        value: &Value,
        fact: &Fact<'_>,
        profiles: &[Value],
        place: &str,
        found: &mut Vec<String>,
    ) {
        let Some(kind) = self.0["types"].get(fact.kind) else {
            // It may be anything.
            if fact.kind == "object" {
                return;
            }
            let object = &self.0["objects"][fact.kind];
            if object.is_null() {
                return found
                    .push(format!("{place} is a {}, of which no fact is known", fact.kind));
            }
            return self.object(value, object, profiles, place, found);
        };
        let is_it = match kind[0].as_str().unwrap() {
            "string_t" => value.as_str().is_some_and(|text| {
                let longest = kind[1].as_u64().unwrap_or(u64::MAX);
                let form = FORMS.iter().find(|(name, _)| *name == fact.kind);
                text.chars().count() as u64 <= longest && form.is_none_or(|(_, holds)| holds(text))
            }),
            "integer_t" | "long_t" | "timestamp_t" => value.is_i64() || value.is_u64(),
            "boolean_t" => value.is_boolean(),
            "float_t" => value.is_number(),
            "json_t" => true,
            other => panic!("{place}: the facts have a type {other}"),
        };
        if !is_it {
            found.push(format!("{place} is {value}, no {}", fact.kind));
        }
        if let Some(choices) = fact.choices
            && !choices.contains_key(value.to_string().trim_matches('"'))
        {
            found.push(format!("{place} is {value}, none of its enum"));
        }
    }
}

impl<'s> Fact<'s> {
    fn of(fact: &'s Value) -> Self {
        let (text, choices) = match fact {
            Value::Array(both) => (both[0].as_str().unwrap(), both[1].as_object()),
            text => (text.as_str().unwrap(), None),
        };
        let mut words = text.split(' ');
        let required = words.next() == Some("!");
        let kind = words.next().unwrap();
        let profile = words.next().map(|profile| profile.trim_start_matches('@'));
        let (kind, is_list) = kind.strip_suffix("[]").map_or((kind, false), |kind| (kind, true));
        Self { required, kind, is_list, profile, choices }
    }
}

/// `status_id` has its caption in `status`, and `activity_id` in `activity_name`; 99 and 0 may be called as
/// the source has it.
fn sibling(name: &str, value: &Value, fact: &Fact<'_>) -> Option<(String, Value)> {
    let stem = name.strip_suffix("_id")?;
    let number = value.as_u64().filter(|number| *number != 99)?;
    let caption = fact.choices?.get(&number.to_string())?.clone();
    let name = if stem == "activity" { "activity_name" } else { stem };
    Some((name.to_owned(), caption))
}

#[test]
fn each_planted_fault_is_found() {
    let schema = Schema::published();
    let right = serde_json::json!({
        "activity_id": 3, "activity_name": "Start", "category_uid": 6,
        "category_name": "Application Activity", "class_uid": 6002,
        "class_name": "Application Lifecycle", "type_uid": 600_203,
        "type_name": "Application Lifecycle: Start", "severity_id": 1, "time": 1,
        "metadata": {"version": "1.8.0", "product": {"name": "dagpass"}},
        "app": {"name": "a"},
    });
    assert_eq!(schema.faults(&right), [] as [String; 0]);
    for (at, value, expected) in [
        ("/class_uid", 7.into(), "no class 7"),
        ("/type_uid", 1.into(), "type_uid is 1"),
        ("/severity_id", 8.into(), "none of its enum"),
        ("/severity_id", "1".into(), "no integer_t"),
        ("/activity_name", "Stop".into(), "and its name \"Stop\""),
        ("/metadata/product", serde_json::json!({}), "has 0 of what at_least_one"),
        ("/metadata", serde_json::json!({"version": "1.8.0"}), "metadata.product is required"),
        ("/app", serde_json::json!({"name": "a", "made_up": 1}), "app.made_up is no attribute"),
        ("/app", serde_json::json!({"name": 1}), "no string_t"),
        ("/app", Value::from(1), "app is no object"),
    ] {
        let mut event = right.clone();
        *event.pointer_mut(at).unwrap() = value;
        let faults = schema.faults(&event);
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{at}: {faults:?}");
    }
    for (name, value, expected) in [
        ("action_id", 1.into(), "of a profile that the event does not name"),
        ("device", serde_json::json!({}), "of a profile that the event does not name"),
        ("made_up", 1.into(), "event.made_up is no attribute"),
    ] {
        let mut event = right.clone();
        event[name] = value;
        let faults = schema.faults(&event);
        assert!(faults.iter().any(|fault| fault.contains(expected)), "{name}: {faults:?}");
    }
}
