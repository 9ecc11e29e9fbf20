//! The words that a policy is written in: our schema, and what of it stands for which of the core's words.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::OnceLock;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, Schema, Validator};
use dagpass_core::policy::{Action, Weight};
use dagpass_core::principal::Who;

/// As `dagpass policy schema` prints it.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// The whole grant, among the scopes.
pub(super) const WHOLE_GRANT: &str = "*";

/// The group that an action is in.
pub(super) fn group(action: Action) -> &'static str {
    match (action, action.weight()) {
        (Action::Token | Action::Connection | Action::Try | Action::Proxy, _) => TOKENS,
        (_, Weight::Look) => "looks",
        (_, Weight::Named | Weight::Deed) => "deeds",
    }
}

/// The group of all that yields a token.
pub(super) const TOKENS: &str = "tokens";
pub(super) const GROUPS: [&str; 3] = [TOKENS, "looks", "deeds"];

/// Types of the schema, each by its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Type {
    /// Those that ask; the agent is asked for, too.
    Who(Who),
    Profile,
    Connection,
    Deployment,
    Audience,
    Scope,
}

impl Type {
    pub(super) const AGENT: Self = Self::Who(Who::Agent);

    const NAMED: [Self; 5] =
        [Self::Profile, Self::Connection, Self::Deployment, Self::Audience, Self::Scope];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Who(Who::Owner) => "Owner",
            Self::Who(Who::Run) => "Run",
            Self::Who(Who::Container) => "Container",
            Self::Who(Who::Forwarded) => "Forwarded",
            Self::Who(Who::Relay) => "Relay",
            Self::Who(Who::Agent) => "Agent",
            Self::Profile => "Profile",
            Self::Connection => "Connection",
            Self::Deployment => "Deployment",
            Self::Audience => "Audience",
            Self::Scope => "Scope",
        }
    }
}

/// Who asks at others' wish: all but the agent, which asks ahead of need.
pub(super) const ASKERS: [Who; 5] =
    [Who::Owner, Who::Run, Who::Container, Who::Forwarded, Who::Relay];

/// The schema, read once.
pub(super) struct Language {
    pub(super) validator: Validator,
    types: HashMap<Type, EntityTypeName>,
    actions: HashMap<Action, Entity>,
}

impl Language {
    /// The one there is.
    pub(super) fn of_dagpass() -> Result<&'static Self, String> {
        static READ: OnceLock<Result<Language, String>> = OnceLock::new();
        READ.get_or_init(Self::read).as_ref().map_err(Clone::clone)
    }

    fn read() -> Result<Self, String> {
        let (schema, _) =
            Schema::from_cedarschema_str(SCHEMA).map_err(|error| format!("the schema: {error}"))?;
        let all = Who::ALL.map(Type::Who).into_iter().chain(Type::NAMED);
        let types = all.map(|one| {
            let name = EntityTypeName::from_str(one.as_str());
            name.map(|name| (one, name)).map_err(|error| error.to_string())
        });
        let types: HashMap<_, _> = types.collect::<Result<_, _>>()?;
        let kind = EntityTypeName::from_str("Action").map_err(|error| error.to_string())?;
        let of = |id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        let entity =
            |one: &Action| Entity::new_no_attrs(of(one.as_str()), HashSet::from([of(group(*one))]));
        let actions = Action::ALL.iter().map(|one| (*one, entity(one))).collect();
        Ok(Self { validator: Validator::new(schema), types, actions })
    }

    /// `None` for no type that there is.
    pub(super) fn uid(&self, kind: Type, id: &str) -> Option<EntityUid> {
        let name = self.types.get(&kind)?.clone();
        Some(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
    }

    /// With the group that it is in.
    pub(super) fn action(&self, action: Action) -> Option<&Entity> {
        self.actions.get(&action)
    }
}
