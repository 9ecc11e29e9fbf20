//! `/v1/policy…`: what is in force, and what became of it when it changed. The engine is the policy room's.

use dagpass_client::wire::{PolicyLayer, PolicyReply, PolicyText};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::engine::Authorizer as _;
use dagpass_core::request::{Caller, Transport};

use super::Api;
use super::reply::{self, Reply};
use crate::policy::News;

pub(super) fn show(api: &Api) -> Reply {
    let shown = api.policy.shown();
    let layers = api.policy.layers();
    reply::json(&PolicyReply {
        state: shown.state.to_owned(),
        digest: shown.digest.map(|digest| digest.to_string()),
        problems: shown.problems,
        layers: layers
            .iter()
            .map(|layer| PolicyLayer {
                name: layer.name.clone(),
                texts: layer
                    .sources
                    .iter()
                    .map(|one| PolicyText { file: one.file.clone(), text: one.text.clone() })
                    .collect(),
            })
            .collect(),
        path: api
            .policy
            .path(&api.config.current().policy, api.config.path())
            .display()
            .to_string(),
    })
}

impl Api {
    /// Takes the policy as it stands on disk now, once its change is on the record.
    pub(crate) fn adopt_policy(&self) {
        if !self.config.is_known() {
            return;
        }
        let config = self.config.current();
        let wanted = self.policy.of_person(&config.policy, self.config.path());
        match self.policy.look(wanted, |news| self.tell_policy(news)) {
            Ok(true) => self.changed(),
            Ok(false) => {}
            Err(refusal) => {
                tracing::error!(%refusal, "a change of the policy is not on the record")
            }
        }
    }

    /// A rule may be about who signed in, and nobody knows that before the session is read.
    pub(crate) async fn load_for_items(&self) {
        let config = self.config.current();
        let items = config.airflow.values().filter(|one| one.keychain_item.is_some());
        for airflow in items.filter(|_| self.policy.engine.is_in_force()) {
            let loaded = self.broker.load_session(&airflow.session()).await;
            loaded.unwrap_or_else(|refusal| tracing::debug!(%refusal, "session not loaded"));
        }
    }

    fn tell_policy(&self, news: &News) -> Result<(), Refusal> {
        let (outcome, what) = match news {
            News::Wrong(problem) => {
                tracing::error!(%problem, "the policy does not load");
                (Outcome::Failed, format!("the policy does not load: {problem}"))
            }
            News::Changed { before, now } => {
                let what = match (before.as_deref(), now.as_deref()) {
                    (Some(before), Some(now)) => format!("policy {before} became {now}"),
                    (None, Some(now)) => format!("policy {now} came into force"),
                    (Some(before), None) => format!("policy {before} was taken away"),
                    (None, None) => "no policy".to_owned(),
                };
                tracing::info!(what, "policy");
                (Outcome::Ok, what)
            }
        };
        let caller = Caller { transport: Transport::Agent, ..Caller::default() };
        let mut record = Record::new(Event::ConfigChange, outcome, &caller);
        record.reason = Some(&what);
        self.witness.record(&record).map(drop).map_err(|failure| {
            let what = "the policy's change cannot be recorded, so it is not taken";
            Refusal::new(ErrorCode::NotRecorded, what)
                .because(failure.0)
                .hint("run `dagpass doctor`")
        })
    }
}
