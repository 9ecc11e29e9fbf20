//! One layer of policy: texts in, a set that is valid by our schema out, or all that is wrong with them.
//! Compiled once; what a request needs of it is found by its action.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cedar_policy::{
    ActionConstraint, Effect, EntityTypeName, Policy, PolicyId, PolicySet, PrincipalConstraint,
    ValidationMode,
};
use dagpass_client::wire::ConfigProblem;
use dagpass_core::policy::Action;
use dagpass_core::principal::Who;
use miette::Diagnostic;
use sha2::{Digest as _, Sha256};

use super::aim::Aim;
use super::facts::Facts;
use super::language::{Language, Type, group};
use super::mentions::Mentions;
use super::nesting;
use super::problem::Source;

/// Whose policies these are, the texts they came from, and the policies.
pub(crate) struct Layer {
    /// As a person is told: `config.toml`, `policy.cedar`.
    pub(crate) name: String,
    pub(crate) sources: Vec<Source>,
    /// In the order of the texts.
    pub(super) rules: Vec<Rule>,
    pub(super) mentions: Mentions,
    /// Of what was asked for so far: all there can be would be a list for each action and kind of caller.
    by_head: Mutex<HashMap<Head, Arc<[usize]>>>,
    /// By which of the rules are in it.
    picked: Mutex<HashMap<Vec<usize>, Arc<Picked>>>,
}

/// What is asked for, and by which kind of caller.
type Head = (Action, Who);

/// What of a layer is put to Cedar.
#[derive(Debug, Default)]
pub(super) struct Picked {
    pub(super) set: PolicySet,
    pub(super) declared: bool,
    pub(super) approved: bool,
    pub(super) lane: bool,
}

/// One policy and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) policy: Policy,
    /// Its `@id`, or `FILE:LINE`.
    pub(super) id: String,
    pub(super) source: usize,
    pub(super) offset: usize,
    mentions: Mentions,
    aim: Aim,
}

impl Rule {
    pub(super) fn forbids(&self) -> bool {
        self.policy.effect() == Effect::Forbid
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({}: {} rules)", self.name, self.rules.len())
    }
}

impl Layer {
    /// Reads and checks them, where the parser may go down as deep as a text may go.
    pub(crate) fn compile(name: &str, sources: Vec<Source>) -> Result<Self, Vec<ConfigProblem>> {
        let deep = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK);
        let read = std::thread::scope(|scope| {
            let reading = deep.spawn_scoped(scope, || Self::compiled(name, sources));
            let reading = reading.map_err(|error| error.to_string())?;
            reading.join().map_err(|_| "the parser gave up".to_owned())
        });
        read.unwrap_or_else(|message| {
            let file = name.to_owned();
            Err(vec![ConfigProblem { file, message, ..ConfigProblem::default() }])
        })
    }

    fn compiled(name: &str, sources: Vec<Source>) -> Result<Self, Vec<ConfigProblem>> {
        let nowhere = |message: String| {
            let file = name.to_owned();
            vec![ConfigProblem { file, message, ..ConfigProblem::default() }]
        };
        let language = Language::of_dagpass().map_err(nowhere)?;
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            match read(source, number) {
                Ok(read) => rules.extend(read),
                Err(found) => problems.extend(found),
            }
        }
        problems.extend(twice(&sources, &rules));
        if problems.is_empty() {
            problems.extend(invalid(language, &sources, &rules));
        }
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
            problems.dedup();
            return Err(problems);
        }
        let all = |known: Mentions, rule: &Rule| known.and(rule.mentions.clone());
        let mentions = rules.iter().fold(Mentions::default(), all);
        let (by_head, picked) = (Mutex::default(), Mutex::default());
        Ok(Self { name: name.to_owned(), sources, rules, mentions, by_head, picked })
    }

    /// What can be about such a request.
    pub(super) fn about(&self, facts: &Facts<'_>) -> Arc<Picked> {
        let head = {
            let mut known = self.by_head.lock().unwrap_or_else(PoisonError::into_inner);
            let head = (facts.action, facts.who);
            known.entry(head).or_insert_with(|| about(head, &self.rules)).clone()
        };
        let may_hit = |at: &usize| self.rules.get(*at).is_some_and(|rule| rule.aim.may_hit(facts));
        let hit: Vec<usize> = head.iter().copied().filter(may_hit).collect();
        if let Some(known) = self.known().get(&hit) {
            return known.clone();
        }
        // While nobody waits: two who come at once build it twice, and one is kept.
        let new = Arc::new(self.picked(&hit));
        let mut known = self.known();
        if known.len() >= MOST_PICKED {
            known.clear();
        }
        known.entry(hit).or_insert(new).clone()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Vec<usize>, Arc<Picked>>> {
        self.picked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn picked(&self, hit: &[usize]) -> Picked {
        let rules = || hit.iter().filter_map(|at| self.rules.get(*at));
        let policies = rules().map(|rule| rule.policy.clone());
        Picked {
            // Each was in a set with all others before.
            set: PolicySet::from_policies(policies).unwrap_or_default(),
            declared: rules().any(|rule| rule.mentions.declared),
            approved: rules().any(|rule| rule.mentions.approved),
            lane: rules().any(|rule| rule.mentions.lane),
        }
    }

    /// Of its texts.
    pub(super) fn told_into(&self, hash: &mut Sha256) {
        for part in [&self.name].into_iter().chain(self.sources.iter().map(|one| &one.text)) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }

    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// `FILE:LINE`.
    pub(super) fn place(&self, rule: &Rule) -> String {
        self.sources.get(rule.source).map_or_else(String::new, |source| {
            format!("{}:{}", source.file, source.line_and_column(rule.offset).0)
        })
    }
}

/// How long may a text be, and how many rules may it have? One that came with a clone is a stranger's.
const LONGEST: usize = 256 * 1024;
const MOST_RULES: usize = 2_000;
/// How many choices of its rules does a layer remember? All are forgotten when there are more.
const MOST_PICKED: usize = 128;
/// Taken from the system page by page, as far as it is used.
const STACK: usize = 64 * 1024 * 1024;
/// How many of a text's mistakes are told?
const MOST_PROBLEMS: usize = 100;

fn read(source: &Source, number: usize) -> Result<Vec<Rule>, Vec<ConfigProblem>> {
    if source.text.len() > LONGEST {
        let message = format!("a policy is no longer than {LONGEST} bytes");
        return Err(vec![source.at(0, message, None)]);
    }
    if let Some((offset, message)) = nesting::too_deep(&source.text) {
        return Err(vec![source.at(offset, message, None)]);
    }
    let set: PolicySet = source.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let told = errors.iter().take(MOST_PROBLEMS).map(|error| source.told(error, 0));
        told.collect::<Vec<_>>()
    })?;
    if set.policies().count() > MOST_RULES {
        let message = format!("a policy has no more than {MOST_RULES} rules");
        return Err(vec![source.at(0, message, None)]);
    }
    if let Some(template) = set.templates().next() {
        let hint = "name the principal and the resource, or leave them open".to_owned();
        let message = "a template has a slot that nothing fills (`?principal`, `?resource`)";
        let offset = template.as_ref().loc().map_or(0, |loc| loc.start());
        return Err(vec![source.at(offset, message.to_owned(), Some(hint))]);
    }
    let breaks: Vec<usize> = source.text.match_indices('\n').map(|(at, _)| at).collect();
    let mut rules: Vec<Rule> = set
        .policies()
        .map(|policy| {
            let offset = policy.as_ref().loc().map_or(0, |loc| loc.start());
            let line = breaks.partition_point(|at| *at < offset) + 1;
            let own = policy.annotation("id").filter(|id| !id.trim().is_empty());
            let file = source.file.rsplit(['/', '\\']).next().unwrap_or_default();
            let id = own.map_or_else(|| format!("{file}:{line}"), str::to_owned);
            let policy = policy.new_id(PolicyId::new(&id));
            let json = policy.to_json();
            let mentions = json.as_ref().map_or_else(|_| Mentions::everything(), Mentions::within);
            let aim = Aim::of(&policy, &json.unwrap_or_default());
            Rule { policy, id, source: number, offset, mentions, aim }
        })
        .collect();
    rules.sort_by_key(|rule| rule.offset);
    Ok(rules)
}

/// Two policies by one name: nobody could tell which of them decided.
fn twice(sources: &[Source], rules: &[Rule]) -> Vec<ConfigProblem> {
    let mut seen: BTreeMap<&str, &Rule> = BTreeMap::new();
    let mut found = Vec::new();
    for rule in rules {
        if found.len() >= MOST_PROBLEMS {
            break;
        }
        let Some(source) = sources.get(rule.source) else { continue };
        if let Some(first) = seen.get(rule.id.as_str()) {
            let (line, _) = source.line_and_column(first.offset);
            let message = format!("there is another policy `{}`, in line {line}", rule.id);
            let hint = "give each policy an `@id(\"…\")` of its own".to_owned();
            found.push(source.at(rule.offset, message, Some(hint)));
        }
        seen.entry(&rule.id).or_insert(rule);
    }
    found
}

fn invalid(language: &Language, sources: &[Source], rules: &[Rule]) -> Vec<ConfigProblem> {
    let whole = PolicySet::from_policies(rules.iter().map(|rule| rule.policy.clone()));
    let set = match whole {
        Ok(set) => set,
        Err(error) => return sources.iter().take(1).map(|one| one.told(&error, 0)).collect(),
    };
    let judged = language.validator.validate(&set, ValidationMode::Strict);
    let told = judged.validation_errors().take(MOST_PROBLEMS).filter_map(|error| {
        let id: &str = error.policy_id().as_ref();
        let rule = rules.iter().find(|rule| rule.id == id)?;
        let source = sources.get(rule.source)?;
        let mut problem = source.told(error as &dyn Diagnostic, rule.offset);
        problem.key = rule.policy.annotation("id").unwrap_or_default().to_owned();
        Some(problem)
    });
    told.collect()
}

/// By principal and action in their heads alone.
fn about((action, who): Head, rules: &[Rule]) -> Arc<[usize]> {
    let of_kind = |name: &EntityTypeName| name.basename() == Type::Who(who).as_str();
    let asks = |rule: &Rule| match rule.policy.principal_constraint() {
        PrincipalConstraint::Any | PrincipalConstraint::In(_) => true,
        PrincipalConstraint::Eq(uid) => of_kind(uid.type_name()),
        PrincipalConstraint::Is(name) | PrincipalConstraint::IsIn(name, _) => of_kind(&name),
    };
    let named = |uid: &cedar_policy::EntityUid| {
        let id = uid.id().unescaped();
        id == action.as_str() || id == group(action)
    };
    let fits = |rule: &Rule| match rule.policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => named(&uid),
        ActionConstraint::In(all) => all.iter().any(named),
    };
    let here = rules.iter().enumerate().filter(|(_, rule)| asks(rule) && fits(rule));
    here.map(|(at, _)| at).collect()
}
