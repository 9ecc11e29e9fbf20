//! All that a rule may be about, of one request, and the same as Cedar takes it. What is not known is absent,
//! never empty.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityUid, Request, RestrictedExpression as Value};
use dagpass_core::policy::Action;
use dagpass_core::policy::engine::Question;
use dagpass_core::policy::facts::Verified;
use dagpass_core::principal::{Kind, Principal, Who};
use dagpass_core::request::{Reach, Transport};

use super::language::{Language, Type, WHOLE_GRANT};

type Text<'a> = Cow<'a, str>;

/// Of a request that is judged, or of one that somebody thinks of.
#[derive(Clone, Debug)]
pub(super) struct Facts<'a> {
    pub(super) who: Who,
    pub(super) name: Text<'a>,
    pub(super) action: Action,
    pub(super) transport: Transport,
    pub(super) remote: bool,
    pub(super) epoch: i64,
    pub(super) profile: Option<Text<'a>>,
    pub(super) connection: Option<Text<'a>>,
    pub(super) deployment: Option<Text<'a>>,
    pub(super) env: Option<Text<'a>>,
    pub(super) audience: Option<Text<'a>>,
    /// Of a request that is sent on.
    pub(super) upstream: Option<Text<'a>>,
    pub(super) method: Option<Text<'a>>,
    pub(super) path: Option<Text<'a>>,
    /// `None` is the whole grant.
    pub(super) scopes: Option<Vec<Text<'a>>>,
    pub(super) reach: Option<Reach>,
    pub(super) signed_in: Option<(i64, Vec<Text<'a>>)>,
    pub(super) verified: Cow<'a, Verified>,
    /// In which lane it may be; `None` is in none.
    pub(super) lanes: Vec<Option<Text<'a>>>,
    pub(super) declared: Declared<'a>,
}

/// By which of what may be a lie, and of what a person says, a request is judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side<'s> {
    pub(super) lane: Option<&'s str>,
    pub(super) declared: bool,
    pub(super) approved: bool,
}

/// What the caller says of itself, in the schema's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared<'a> {
    pub(super) dag: Option<Text<'a>>,
    pub(super) task: Option<Text<'a>>,
    pub(super) run: Option<Text<'a>>,
    pub(super) purpose: Option<Text<'a>>,
}

impl Declared<'_> {
    pub(super) fn is_empty(&self) -> bool {
        *self == Declared::default()
    }
}

/// The environment of a door, which was opened for it. A run's was chosen by whoever began it, and is as much its
/// own word as one that it asks for.
fn of_door(principal: &Principal) -> Option<&str> {
    match principal.kind {
        Kind::Container(_) | Kind::Forwarded(_) => principal.env.as_deref(),
        Kind::Agent | Kind::Owner | Kind::Run(_) | Kind::Relay => None,
    }
}

impl<'a> Facts<'a> {
    /// `verified` where a policy speaks of it.
    pub(super) fn of(question: &Question<'a>, verified: Cow<'a, Verified>) -> Self {
        let (principal, resource) = (question.principal, question.resource);
        let text = |text: Option<&'a str>| text.map(Cow::Borrowed);
        let said = question.declared();
        Facts {
            who: principal.kind.who(),
            name: principal.kind.name().into(),
            action: question.action,
            transport: principal.caller.transport,
            remote: principal.caller.remote,
            epoch: question.now.as_secs(),
            profile: resource.profile.map(|name| name.as_str().into()),
            connection: text(resource.connection),
            deployment: text(resource.deployment),
            env: text(resource.table_env.or_else(|| of_door(principal))),
            audience: text(resource.resource),
            upstream: resource.through.map(|through| through.upstream.as_str().into()),
            method: resource.through.map(|through| through.method.as_str().into()),
            path: resource.through.map(|through| through.path.as_str().into()),
            scopes: resource.scopes.map(|scopes| scopes.iter().map(Cow::Borrowed).collect()),
            reach: resource.reach,
            signed_in: question.signed_in.map(|signed_in| {
                let age = i64::try_from(signed_in.age.as_secs()).unwrap_or(i64::MAX);
                (age, signed_in.groups.iter().map(|group| group.as_str().into()).collect())
            }),
            verified,
            lanes: principal
                .lane
                .possible()
                .into_iter()
                .map(|one| one.map(Cow::Borrowed))
                .collect(),
            declared: Declared {
                dag: text(said.get("dag_id")),
                task: text(said.get("task_id")),
                run: text(said.get("run_id")),
                purpose: text(said.get("purpose")),
            },
        }
    }

    /// The most specific thing that is named.
    pub(super) fn resource(&self) -> (Type, &str) {
        let named = [
            (Type::Connection, &self.connection),
            (Type::Deployment, &self.deployment),
            (Type::Audience, &self.audience),
            (Type::Profile, &self.profile),
        ];
        let first = named.iter().find_map(|(kind, name)| Some((*kind, name.as_deref()?)));
        first.unwrap_or((Type::AGENT, "dagpass"))
    }

    /// What of it is text, by the schema's names.
    pub(super) const TEXTS: [&'static str; 8] =
        ["profile", "connection", "deployment", "env", "audience", "upstream", "method", "path"];

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match key {
            "profile" => self.profile.as_deref(),
            "connection" => self.connection.as_deref(),
            "deployment" => self.deployment.as_deref(),
            "env" => self.env.as_deref(),
            "audience" => self.audience.as_deref(),
            "upstream" => self.upstream.as_deref(),
            "method" => self.method.as_deref(),
            "path" => self.path.as_deref(),
            _ => None,
        }
    }

    /// What the resource is in.
    pub(super) fn above(&self) -> impl Iterator<Item = (Type, &str)> {
        let (kind, _) = self.resource();
        let named = [
            (Type::Profile, &self.profile),
            (Type::Deployment, &self.deployment),
            (Type::Audience, &self.audience),
        ];
        let named = named.into_iter().filter(move |(other, _)| *other != kind);
        let named = named.filter_map(|(other, name)| Some((other, name.as_deref()?)));
        let whole = self.scopes.is_none().then_some((Type::Scope, WHOLE_GRANT));
        let scopes = self.scopes.iter().flatten().map(|scope| (Type::Scope, scope.as_ref()));
        named.chain(whole).chain(scopes).filter(move |_| kind != Type::AGENT)
    }

    /// What is asked for and all that it is in, with the action and its group.
    pub(super) fn entities(&self, language: &Language) -> Result<Entities, String> {
        let (kind, name) = self.resource();
        let uid = language.uid(kind, name).ok_or("no such type")?;
        let above = self.above().filter_map(|(kind, name)| language.uid(kind, name));
        let parents: HashSet<EntityUid> = above.collect();
        let resource = Entity::new_no_attrs(uid, parents);
        let action = language.action(self.action).cloned().ok_or("no such action")?;
        Entities::from_entities([action, resource], None).map_err(|error| error.to_string())
    }

    pub(super) fn request(&self, language: &Language, side: Side<'_>) -> Result<Request, String> {
        let (kind, name) = self.resource();
        let uids = language.uid(Type::Who(self.who), &self.name).zip(language.uid(kind, name));
        let (principal, resource) = uids.ok_or("no such type")?;
        let action = language.action(self.action).ok_or("no such action")?.uid();
        let context = self.context(side)?;
        Request::new(principal, action, resource, context, None).map_err(|error| error.to_string())
    }

    fn context(&self, side: Side<'_>) -> Result<Context, String> {
        let mut pairs = vec![
            pair("transport", string(self.transport.as_str())),
            pair("remote", Value::new_bool(self.remote)),
            pair("time", self.time()?),
            pair("approved", Value::new_bool(side.approved)),
        ];
        let text = |key: &&str| Some(pair(key, string(self.text(key)?)));
        pairs.extend(Self::TEXTS.iter().filter_map(text));
        pairs.extend(self.scopes.as_ref().map(|all| pair("scopes", set(all))));
        pairs.extend(self.reach.map(|reach| pair("reach", string(word(reach)))));
        if let Some((age, groups)) = &self.signed_in {
            let fields = [pair("age", Value::new_long(*age)), pair("groups", set(groups))];
            pairs.push(pair("signed_in", record(fields)?));
        }
        self.verified(&mut pairs)?;
        pairs.extend(side.lane.map(|lane| pair("lane", string(lane))));
        if side.declared && !self.declared.is_empty() {
            let said = &self.declared;
            let words = [
                ("dag", &said.dag),
                ("task", &said.task),
                ("run", &said.run),
                ("purpose", &said.purpose),
            ];
            let said =
                words.iter().filter_map(|(key, text)| Some(pair(key, string(text.as_ref()?))));
            pairs.push(pair("declared", record(said)?));
        }
        Context::from_pairs(pairs).map_err(|error| error.to_string())
    }

    fn verified(&self, pairs: &mut Vec<(String, Value)>) -> Result<(), String> {
        let known = &self.verified;
        pairs.extend(known.uid.map(|uid| pair("uid", Value::new_long(uid.into()))));
        if let Some(program) = &known.executable {
            let mut fields = vec![
                pair("path", string(&program.path.to_string_lossy())),
                pair("only_root_writes", Value::new_bool(program.only_root_writes)),
            ];
            fields.extend(program.sha256.as_ref().map(|hash| pair("sha256", string(hash))));
            fields.extend(program.owner.map(|uid| pair("owner", Value::new_long(uid.into()))));
            pairs.push(pair("program", record(fields)?));
        }
        let parents: Vec<Text<'_>> = known
            .parents
            .iter()
            .filter_map(|parent| Some(parent.executable.as_ref()?.path.to_string_lossy()))
            .collect();
        if !parents.is_empty() {
            pairs.push(pair("parents", set(&parents)));
        }
        pairs.extend(known.terminal.as_ref().map(|name| pair("terminal", string(name))));
        let cwd = known.cwd.as_ref();
        pairs.extend(cwd.map(|path| pair("cwd", string(&path.to_string_lossy()))));
        pairs.extend(known.cgroup.as_ref().map(|name| pair("cgroup", string(name))));
        Ok(())
    }

    fn time(&self) -> Result<Value, String> {
        let days = self.epoch.div_euclid(86_400);
        record([
            pair("epoch", Value::new_long(self.epoch)),
            pair("hour", Value::new_long(self.epoch.rem_euclid(86_400) / 3_600)),
            // The epoch began on a Thursday.
            pair("weekday", Value::new_long((days + 3).rem_euclid(7) + 1)),
        ])
    }
}

pub(super) const fn word(reach: Reach) -> &'static str {
    match reach {
        Reach::Named => "named",
        Reach::Within => "within",
        Reach::Beyond => "beyond",
    }
}

fn pair(key: &str, value: Value) -> (String, Value) {
    (key.to_owned(), value)
}

fn string(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn set(all: &[Text<'_>]) -> Value {
    Value::new_set(all.iter().map(|one| string(one)))
}

fn record(fields: impl IntoIterator<Item = (String, Value)>) -> Result<Value, String> {
    let fields: HashMap<String, Value> = fields.into_iter().collect();
    Value::new_record(fields).map_err(|error| error.to_string())
}
