//! The words that a policy is written in: our schema, and what of it stands for which of the core's words.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::OnceLock;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, Schema, Validator};
use dagpass_core::policy::{Action, Weight};

/// As `dagpass policy schema` prints it.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// The whole grant, among the scopes.
pub(super) const WHOLE_GRANT: &str = "*";

/// The group that an action is in.
pub(super) fn group(action: Action) -> &'static str {
    match (action, action.weight()) {
        (Action::Token | Action::Connection | Action::Try, _) => TOKENS,
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
    Owner,
    Run,
    Container,
    Forwarded,
    Relay,
    Agent,
    Profile,
    Connection,
    Deployment,
    Audience,
    Scope,
}

/// Those that ask.
pub(super) const KINDS: [Type; 6] =
    [Type::Owner, Type::Run, Type::Container, Type::Forwarded, Type::Relay, Type::Agent];

impl Type {
    const ALL: [Self; 11] = [
        Self::Owner,
        Self::Run,
        Self::Container,
        Self::Forwarded,
        Self::Relay,
        Self::Agent,
        Self::Profile,
        Self::Connection,
        Self::Deployment,
        Self::Audience,
        Self::Scope,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Run => "Run",
            Self::Container => "Container",
            Self::Forwarded => "Forwarded",
            Self::Relay => "Relay",
            Self::Agent => "Agent",
            Self::Profile => "Profile",
            Self::Connection => "Connection",
            Self::Deployment => "Deployment",
            Self::Audience => "Audience",
            Self::Scope => "Scope",
        }
    }
}

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
        let types = Type::ALL.into_iter().map(|one| {
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
