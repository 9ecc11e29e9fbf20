//! The schema has the core's words, all of them and no others.

use std::collections::BTreeSet;

use cedar_policy::Schema;
use dagpass_core::policy::{Action, Rights};
use dagpass_core::principal::Kind;

use super::super::language::{GROUPS, SCHEMA, Type, group};

#[test]
fn the_schema_s_actions_are_those_of_the_route_table_each_in_its_group_and_for_who_may() {
    let (schema, warnings) = Schema::from_cedarschema_str(SCHEMA).unwrap();
    assert_eq!(warnings.count(), 0);
    let id = |uid: &cedar_policy::EntityUid| uid.id().unescaped().to_owned();
    let known: BTreeSet<String> = schema.actions().map(id).collect();
    let ours = Action::ALL.iter().map(|action| action.as_str()).chain(GROUPS);
    assert_eq!(known, ours.map(str::to_owned).collect());
    let kinds = [
        Kind::Agent,
        Kind::Owner,
        Kind::Run(String::new()),
        Kind::Container(String::new()),
        Kind::Forwarded(String::new()),
        Kind::Relay,
    ];
    for action in Action::ALL {
        let uid = schema.actions().find(|uid| id(uid) == action.as_str()).unwrap();
        let within: Vec<String> =
            schema.action_entities().unwrap().ancestors(uid).unwrap().map(id).collect();
        assert_eq!(within, [group(*action)], "{action:?}");
        let may: BTreeSet<String> =
            schema.principals_for_action(uid).unwrap().map(ToString::to_string).collect();
        let rights = |one: &&Kind| -> Rights { one.rights() };
        let expected = kinds.iter().filter(|one| rights(one).include(*action));
        assert_eq!(
            may,
            expected.map(|one| Type::Who(one.who()).as_str().to_owned()).collect(),
            "{action:?}"
        );
    }
}
