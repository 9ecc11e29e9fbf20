//! The engine by itself: tables of what is asked and what comes of it.

mod aim;
mod asked;
mod broken;
mod language;
mod layers;
mod short;
mod speed;
mod standing;
mod verdicts;

use std::sync::Arc;

use dagpass_core::policy::engine::{Authorizer, Question, SignedIn, Verdict};
use dagpass_core::policy::{Action, Resource};
use dagpass_core::principal::{Kind, Principal};
use dagpass_core::profile::{ProfileName, Scopes};
use dagpass_core::request::{Caller, Reach};
use dagpass_core::time::Timestamp;

use super::judge::Layers;
use super::layer::Layer;
use super::problem::Source;
use super::{Engine, Stance};

fn source(text: &str) -> Source {
    Source { file: "policy.cedar".to_owned(), text: text.to_owned() }
}

fn layer(text: &str) -> Layer {
    Layer::compile("policy.cedar", vec![source(text)])
        .unwrap_or_else(|found| panic!("{text}: {found:#?}"))
}

fn engine(texts: &[&str]) -> Engine {
    let engine = Engine::default();
    let all = texts.iter().map(|text| Arc::new(layer(text))).collect();
    engine.take(Stance::Layers(Arc::new(Layers::new(all))));
    engine
}

/// A request that a test bends.
#[derive(Clone)]
struct World {
    kind: Kind,
    action: Action,
    profile: Option<&'static str>,
    connection: Option<&'static str>,
    audience: Option<&'static str>,
    scopes: Option<&'static str>,
    reach: Reach,
    said: Vec<(&'static str, &'static str)>,
    signed_in: Option<SignedIn>,
    remote: bool,
    now: i64,
}

/// A Tuesday, 19:28 UTC.
const NOW: i64 = 1_795_548_531;

fn world() -> World {
    World {
        kind: Kind::Owner,
        action: Action::Token,
        profile: Some("prod"),
        connection: Some("warehouse_api"),
        audience: None,
        scopes: None,
        reach: Reach::Named,
        said: Vec::new(),
        signed_in: None,
        remote: false,
        now: NOW,
    }
}

impl World {
    fn judged(&self, engine: &Engine) -> Verdict {
        let context = self.said.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
        let caller =
            Caller { remote: self.remote, context: context.collect(), ..Caller::default() };
        let principal = Principal::new(self.kind.clone(), caller);
        if matches!(&self.kind, Kind::Run(id) if id == "run-1") {
            engine.begin_run("run-1", (None, None)).unwrap();
        }
        let profile = self.profile.map(ProfileName::new);
        let scopes = self.scopes.map(|text| text.split(' ').collect::<Scopes>());
        let resource = Resource {
            profile: profile.as_ref(),
            connection: self.connection,
            resource: self.audience,
            scopes: scopes.as_ref(),
            reach: Some(self.reach),
            ..Resource::default()
        };
        let question = Question {
            principal: &principal,
            action: self.action,
            resource: &resource,
            now: Timestamp::from_millis(self.now * 1000),
            signed_in: self.signed_in.as_ref(),
        };
        engine.judge(&question)
    }
}

/// `permit a`, `ask a b`, `deny`: the verdict and the rules that decided.
fn told(verdict: &Verdict) -> String {
    let (word, basis) = match verdict {
        Verdict::Permit(basis) => ("permit", basis),
        Verdict::Ask(basis) => ("ask", basis),
        Verdict::Deny(basis, _) => ("deny", basis),
    };
    let words = [word].into_iter().chain(basis.rules.iter().map(String::as_str));
    words.collect::<Vec<_>>().join(" ")
}
