//! One cell's stage: a world of its own at a provider that cells share, one after the other.

use super::blows::Blow;
use super::provider::Provider;
use super::steps::{Step, Work};
use crate::deployment::Deployment;
use crate::http;
use crate::login1::Login1;
use crate::pasted_callback::printed_url_at;
use crate::world::{Process, World};

/// A connection whose token is bought at the provider (RFC 8693).
const LAKE: &str = "\n[connection.lake]\nprofile = \"prod\"\nconn-type = \"http\"\n\
    host = \"https://lake.corp.example\"\nobtain = \"exchange\"\nscopes = [\"airflow\"]\n";

pub(super) struct Stage {
    pub(super) world: World,
    pub(super) provider: Box<dyn Provider>,
    pub(super) login1: Option<Login1>,
    deployment: Option<Deployment>,
    /// How many calls the provider had seen before.
    pub(super) before: usize,
}

impl Stage {
    /// An agent runs, and whoever has to be is signed in.
    pub(super) fn set(step: Step, blow: Blow, provider: Box<dyn Provider>) -> Self {
        let world = World::new();
        let deployment = matches!(step, Step::JwtBearer | Step::DeploymentLogout)
            .then(|| Deployment::start(600));
        let more = match &deployment {
            Some(deployment) => format!("\n{}", deployment.config()),
            None if step == Step::Exchange => LAKE.to_owned(),
            None => String::new(),
        };
        world.configure(&provider.config(&more));
        let before = provider.calls(false).len();
        let mut stage = Self { world, provider, login1: None, deployment, before };
        if step.work() == Work::Refresh {
            // An agent that has nothing but what is kept asks for a token at once.
            stage.world.start_agent();
            stage.sign_in();
            stage.world.stop_agent();
        }
        if blow == Blow::Suspend {
            stage.login1 = Some(Login1::start(&stage.world));
        }
        stage.world.start_agent();
        if let Some(login1) = &stage.login1 {
            login1.taken(1);
        }
        if matches!(step.work(), Work::Exchange | Work::SignOut) {
            stage.sign_in();
        }
        stage
    }

    pub(super) fn deployment(&self) -> &Deployment {
        self.deployment.as_ref().expect("a step with a deployment")
    }

    /// A command that waits for a provider.
    pub(super) fn client(&self, args: &[&str]) -> Process {
        self.world.cli_start(args)
    }

    /// A whole sign-in with a browser that comes back at once.
    pub(super) fn sign_in(&self) {
        let (mut login, url) = printed_url_at(&self.world, &self.provider.issuer());
        let callback = self.provider.authorize(&url);
        let page = http::request(&callback, "GET", "").unwrap();
        assert_eq!(page.status, 200, "{}", page.body);
        self.world.keep("dagpass login", login.ended().expect(0));
    }

    /// Ends with the scan; the provider goes on.
    pub(super) fn close(self) -> Box<dyn Provider> {
        self.provider.give_secrets(&self.world);
        if let Some(deployment) = &self.deployment {
            deployment.give_secrets(&self.world);
        }
        self.world.close();
        self.provider
    }
}
