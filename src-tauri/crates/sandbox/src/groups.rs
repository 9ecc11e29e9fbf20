//! The shapes in which sites write groups. Decides the shape only, never who is in a group.

use serde_json::{Value, json};

use crate::quirks::GroupsShape;

/// The claim's value, or nothing where the claim is left out.
pub(crate) fn claim(groups: &[String], shape: GroupsShape) -> Option<Value> {
    match (shape, groups) {
        (GroupsShape::Absent, _) => None,
        (GroupsShape::Many, _) => {
            let more = (0..200).map(|n| format!("Team-{n:03}"));
            Some(json!(groups.iter().cloned().chain(more).collect::<Vec<_>>()))
        }
        // Ping maps an attribute without a value to no claim at all.
        (_, []) => None,
        (GroupsShape::Array, _) => Some(json!(groups)),
        (GroupsShape::String, [one]) => Some(json!(one)),
        (GroupsShape::String, several) => Some(json!(several)),
        (GroupsShape::CommaString, _) => Some(json!(groups.join(","))),
        (GroupsShape::Dn, _) => {
            let names: Vec<String> = groups
                .iter()
                .map(|group| format!("CN={group},OU=Groups,DC=example,DC=test"))
                .collect();
            Some(json!(names))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_writes_the_same_two_groups_its_own_way() {
        let two = ["AF-Admins".to_owned(), "Data".to_owned()];
        let dn = |name| format!("CN={name},OU=Groups,DC=example,DC=test");
        let table = [
            (GroupsShape::Array, Some(json!(two))),
            (GroupsShape::Absent, None),
            (GroupsShape::String, Some(json!(two))),
            (GroupsShape::CommaString, Some(json!("AF-Admins,Data"))),
            (GroupsShape::Dn, Some(json!([dn("AF-Admins"), dn("Data")]))),
        ];
        for (shape, expected) in table {
            assert_eq!(claim(&two, shape), expected, "{shape:?}");
        }
        assert_eq!(claim(&two[..1], GroupsShape::String), Some(json!("AF-Admins")));
        assert_eq!(claim(&[], GroupsShape::Array), None);
        let many = claim(&two, GroupsShape::Many).unwrap_or_default();
        assert_eq!(many.as_array().map(Vec::len), Some(202));
    }
}
